import * as NodeChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import * as NodeStdio from "@effect/platform-node-shared/NodeStdio"
import * as NodeTerminal from "@effect/platform-node-shared/NodeTerminal"
import { assert, describe, it } from "@effect/vitest"
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import { NodeDialer, NodeHappyEyeballs, NodeNameServer } from "@happy-eyeballs/node"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import * as Connect from "../src/commands/Connect.ts"
import type { Ending } from "../src/Ending.ts"
import { Output } from "../src/Output.ts"

const zone = Zone.fromLinesUnsafe(["uncensored.example. 60 IN A 127.0.0.1"])

const platform = Layer.mergeAll(NodeChildProcessSpawner.layer, NodeStdio.layer, NodeTerminal.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer))
)

// The racer of the command line, as it is without `--dns`: whoever resolves
// through it here has found a way around the flag.
const unflagged = NodeHappyEyeballs.layerNoDeps.pipe(
  Layer.provide(NodeDialer.layer),
  Layer.provideMerge(
    Layer.succeed(Resolver, Resolver.of({ resolve: () => Stream.die("the system's resolver was used") }))
  )
)

const run = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const results: Array<string> = []
    const messages: Array<string> = []
    const output = Layer.succeed(Output, {
      result: (line) => Effect.sync(() => void results.push(line)),
      message: (line) => Effect.sync(() => void messages.push(line)),
      style: { columns: 80, colour: false, unicode: true },
      screen: undefined
    })
    const code = yield* Command.runWith(Connect.command, { version: "0" })(args).pipe(
      Effect.as(0),
      Effect.catchTag("Ending", (ending: Ending) => Effect.succeed(ending.code)),
      Effect.provide([output, platform, unflagged]),
      Effect.scoped
    )
    return { code, results, messages }
  })

describe("connect --dns", () => {
  it.live("resolves through the given server, and through no other", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const listening = Net.createServer((socket) => socket.on("error", () => {}).end())
          listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
        }),
        (listening) => Effect.sync(() => listening.close())
      )
      const { port } = server.address() as Net.AddressInfo
      const dns = yield* NodeNameServer.run({ answer: (query) => Zone.answer(zone, query) })
      const args = ["--dns", `127.0.0.1:${dns.port}`, "--json"]
      const found = yield* run("uncensored.example", String(port), ...args)
      assert.deepStrictEqual([found.code, JSON.parse(found.results[0] ?? "").winner.address], [0, "127.0.0.1"])
      const denied = yield* run("other.example", String(port), ...args)
      assert.deepStrictEqual([denied.code, JSON.parse(denied.results[0] ?? "").error.tag], [1, "NoAddresses"])
    })))

  it.live("refuses what is no server before anything is asked", () =>
    Effect.map(run("uncensored.example", "443", "--dns", "foo:bar"), ({ code, messages }) => {
      assert.strictEqual(code, 2)
      assert.match(messages[0] ?? "", /^happy-eyeballs: "foo:bar" is not a name server: /)
    }))
})
