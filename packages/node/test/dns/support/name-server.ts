// Run by one-question.ts: a name server in a process of its own, which says where it is and ends with its standard input.
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as NodeNameServer from "@happy-eyeballs/node/dns/NodeNameServer"
import * as Effect from "effect/Effect"
import * as Certificates from "../../fixtures/Certificates.ts"

const zone = Zone.fromLinesUnsafe(["www.example. 60 IN A 192.0.2.80"])

process.stdin.resume().once("end", () => process.exit(0))
await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const running = yield* NodeNameServer.run({
    tls: Certificates.server,
    answer: (query) => Zone.answer(zone, query)
  })
  process.stdout.write(`${JSON.stringify(running)}\n`)
  yield* Effect.never
})))
