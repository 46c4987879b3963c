// Runs `doctor` on a network of its own: this process has been given its own
// network and its own files, brings up what the first argument describes, and
// prints how the command ended.
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as NodeNameServer from "@happy-eyeballs/node/dns/NodeNameServer"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as Net from "node:net"
import { runBin } from "./child.ts"

/** A network: what its name servers know, and where somebody listens on port 443. */
export interface Lab {
  readonly nameServers: Readonly<Record<string, ReadonlyArray<string>>>
  readonly listening: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
}

const [, , text = ""] = process.argv

if (text !== "") {
  const lab = JSON.parse(text) as Lab
  const program = Effect.gen(function*() {
    for (const [host, lines] of Object.entries(lab.nameServers)) {
      const zone = Zone.fromLinesUnsafe(lines)
      yield* NodeNameServer.run({ host, port: 53, answer: (query) => Zone.answer(zone, query) })
    }
    for (const host of lab.listening) {
      const server = Net.createServer((socket) => socket.on("error", () => {}).resume()).listen({ host, port: 443 })
      yield* Effect.promise(() => once(server, "listening"))
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
    }
    return yield* Effect.promise(() => runBin(["doctor", ...lab.args]))
  })
  console.log(JSON.stringify(await Effect.runPromise(Effect.scoped(program))))
  process.exit(0)
}
