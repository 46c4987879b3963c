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
import type { Bench as BenchResult } from "../src/BenchResult.ts"
import * as Bench from "../src/commands/Bench.ts"
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

const root = Command.make("happy-eyeballs").pipe(Command.withSubcommands([Connect.command, Bench.command]))

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
    const code = yield* Command.runWith(root, { version: "0" })(args).pipe(
      Effect.as(0),
      Effect.catchTag("Ending", (ending: Ending) => Effect.succeed(ending.code)),
      Effect.provide([output, platform, unflagged, NodeDialer.layer]),
      Effect.scoped
    )
    return { code, results, messages }
  })

const listening = Effect.map(
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer((socket) => socket.on("error", () => {}).end())
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ),
  (server) => (server.address() as Net.AddressInfo).port
)

describe("connect --dns", () => {
  it.live("resolves through the given server, and through no other", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* listening
      const dns = yield* NodeNameServer.run({ answer: (query) => Zone.answer(zone, query) })
      const args = ["--dns", `127.0.0.1:${dns.port}`, "--json"]
      const found = yield* run("connect", "uncensored.example", String(port), ...args)
      assert.deepStrictEqual([found.code, JSON.parse(found.results[0] ?? "").winner.address], [0, "127.0.0.1"])
      const denied = yield* run("connect", "other.example", String(port), ...args)
      assert.deepStrictEqual([denied.code, JSON.parse(denied.results[0] ?? "").error.tag], [1, "NoAddresses"])
    })))

  it.live("refuses what is no server before anything is asked", () =>
    Effect.map(run("connect", "uncensored.example", "443", "--dns", "foo:bar"), ({ code, messages }) => {
      assert.strictEqual(code, 2)
      assert.match(messages[0] ?? "", /^happy-eyeballs: "foo:bar" is not a name server: /)
    }))
})

describe("bench --dns", () => {
  it.live("compares resolvers: who knows the name, and how fast what they know is", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* listening
      const empty = Zone.fromLinesUnsafe(["elsewhere.example. 60 IN A 127.0.0.1"])
      const free = yield* NodeNameServer.run({ answer: (query) => Zone.answer(zone, query) })
      const censored = yield* NodeNameServer.run({ answer: (query) => Zone.answer(empty, query) })
      const servers = [`udp://127.0.0.1:${free.port}`, `udp://127.0.0.1:${censored.port}`]
      const args = ["--count", "3", "--json", ...servers.flatMap((server) => ["--dns", server])]
      const { code, results } = yield* run("bench", "uncensored.example", String(port), ...args)
      assert.strictEqual(code, 0)
      const { resolvers } = JSON.parse(results[0] ?? "") as BenchResult
      assert.deepStrictEqual(resolvers.map(({ server }) => server), servers)
      assert.deepStrictEqual(
        resolvers.map(({ addresses, race }) => [addresses.map(({ address, tries }) => [address, tries]), race.tries]),
        [[[["127.0.0.1", 3]], 3], [[], 0]]
      )
      assert.deepStrictEqual(resolvers[1]?.resolution.map(({ reason }) => reason), ["NotFound", "NotFound"])
    })))
})
