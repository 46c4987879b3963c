import { assert, describe, it } from "@effect/vitest"
import { AddressPolicy, type ConnectEvent } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { spawn } from "node:child_process"
import DiagnosticsChannel from "node:diagnostics_channel"
import { once } from "node:events"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { fileURLToPath } from "node:url"
import * as NodeDiagnostics from "../../src/NodeDiagnostics.ts"
import { NodeError } from "../../src/NodeError.ts"
import * as NodeHappyEyeballs from "../../src/NodeHappyEyeballs.ts"
import * as Promised from "../../src/promise.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Remote from "../fixtures/Remote.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { layerNames, leavesNothing, settled, turn, until } from "./support/socket.ts"

const { connect, make } = Promised

/** What a promise was rejected with. */
const rejection = (promise: () => Promise<unknown>): Effect.Effect<NodeError> =>
  Effect.promise(() => promise().then(() => assert.fail("it connected"), (error) => error))

describe("promise.connect", () => {
  it.live("connects to whatever a target may be, and gives Node's own socket", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.banner("hello"))
      for (const target of [`127.0.0.1:${port}`, { host: "localhost", port }, { addresses: ["127.0.0.1"], port }]) {
        const { report, socket, ...connection } = yield* settled(() => connect(target, { family: "IPv4" }))
        assert.instanceOf(socket, Net.Socket)
        assert.deepStrictEqual(report.winner, { address: "127.0.0.1", port, family: "IPv4", protocol: "tcp" })
        const [banner] = yield* settled(() => once(socket, "data"))
        assert.strictEqual(String(banner), "hello")
        yield* settled(() => connection[Symbol.asyncDispose]())
        assert.isTrue(socket.destroyed)
      }
    }).pipe(leavesNothing))

  it.live("races past an address that does not answer, TLS included", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tls(Servers.echo)
      const hole = yield* BlackHole.make("127.0.0.1")
      const { report, socket, ...connection } = yield* settled(() =>
        connect([`${hole.host}:${hole.port}`, `127.0.0.1:${port}`], {
          connectionAttemptDelay: "100 millis",
          tls: { ca: Certificates.ca }
        })
      )
      assert.isTrue(socket instanceof Tls.TLSSocket && socket.authorized)
      assert.deepStrictEqual(report.attempts.map(({ outcome }) => outcome), ["interrupted", "connected"])
      assert.isAtLeast(report.elapsedMs, 100)
      connection[Symbol.dispose]()
    }).pipe(leavesNothing))

  it.live("publishes its events to those who subscribe to the channel", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.banner("hello"))
      const seen: Array<string> = []
      const listener = (message: unknown) => void seen.push((message as ConnectEvent.ConnectEvent)._tag)
      const connected = Effect.flatMap(
        settled(() => connect(`127.0.0.1:${port}`)),
        (connection) => settled(() => connection[Symbol.asyncDispose]())
      )
      DiagnosticsChannel.subscribe(NodeDiagnostics.channelName, listener)
      yield* connected
      assert.isTrue(DiagnosticsChannel.unsubscribe(NodeDiagnostics.channelName, listener))
      yield* connected
      assert.deepStrictEqual(seen, ["Started", "AttemptStarted", "AttemptConnected", "Ended"])
    }).pipe(leavesNothing))

  it.live("rejects with a code and a message that names every address, and never throws", () =>
    Effect.gen(function*() {
      const refused = yield* Servers.refusedPort()
      const error = yield* rejection(() => connect([`127.0.0.1:${refused}`, `[::1]:${refused}`]))
      assert.instanceOf(error, NodeError)
      assert.deepInclude({ ...error }, { code: "ECONNREFUSED", syscall: "connect" })
      assert.strictEqual(error.errors.length, 2)
      assert.include(error.message, `127.0.0.1:${refused} refused`)
      assert.include(error.message, `[::1]:${refused} refused`)
      assert.propertyVal(error.cause, "_tag", "ConnectError")
      const invalid = yield* rejection(() => connect(""))
      assert.propertyVal(invalid, "code", "ERR_INVALID_ARG_VALUE")
      const option = yield* rejection(() => connect("127.0.0.1:1", { timeout: -1 }))
      assert.match(option.message, /timeout: give a duration/)
    }).pipe(leavesNothing))

  it.live("gives up at once when its signal says so, with the signal's reason", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const target = `${hole.host}:${hole.port}`
      let calls = 0
      const { port } = yield* Servers.tcp(() => calls++)
      const before = Resources.descriptors()
      const already = yield* rejection(() => connect(`127.0.0.1:${port}`, { signal: AbortSignal.abort() }))
      assert.strictEqual(already.name, "AbortError")
      for (let i = 0; i < 50; i++) yield* turn
      assert.deepStrictEqual([calls, Resources.descriptors()], [0, before])
      const controller = new AbortController()
      const aborted = rejection(() => connect(target, { signal: controller.signal }))
      const reason = new Error("changed my mind")
      setTimeout(() => controller.abort(reason), 20)
      assert.strictEqual(yield* aborted, reason)
      assert.strictEqual(Resources.descriptors(), before)
      const timeout = yield* rejection(() => connect(target, { signal: AbortSignal.timeout(20) }))
      assert.strictEqual(timeout.name, "TimeoutError")
      assert.deepStrictEqual([Resources.descriptors(), Resources.connectingTo(hole.port)], [before, 0])
    }).pipe(Effect.scoped))

  it.live("does nothing to an open connection when its signal is aborted later", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const controller = new AbortController()
      const { socket } = yield* settled(() => connect(`127.0.0.1:${port}`, { signal: controller.signal }))
      controller.abort()
      socket.end("still here")
      assert.strictEqual(String((yield* settled(() => socket.toArray()))[0]), "still here")
    }).pipe(leavesNothing))

  it.live("sends what was written before it is disposed of, where that is waited for", () =>
    Effect.gen(function*() {
      const size = 4 << 20
      let received = 0
      const server = yield* Servers.tcp((peer) => peer.on("data", (chunk) => received += chunk.length))
      const target = `127.0.0.1:${server.port}`
      const polite = yield* settled(() => connect(target))
      polite.socket.write(Buffer.alloc(size))
      yield* settled(() => polite[Symbol.asyncDispose]())
      assert.isTrue(polite.socket.destroyed)
      yield* until(() => received === size)
      received = 0
      const rude = yield* settled(() => connect(target))
      rude.socket.write(Buffer.alloc(size))
      rude[Symbol.dispose]()
      assert.isTrue(rude.socket.destroyed)
      yield* until(() => server.sockets.size === 0)
      assert.isBelow(received, size)
    }).pipe(leavesNothing))

  it.live("leaves nothing open after 200 connects were given up at random moments", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const before = Resources.descriptors()
      const outcomes = { opened: 0, aborted: 0 }
      for (let i = 0; i < 200; i++) {
        const controller = new AbortController()
        const target = [`${hole.host}:${hole.port}`, `127.0.0.1:${remote.port}`].slice(i % 2)
        const connecting = connect(target, { signal: controller.signal, connectionAttemptDelay: 10 }).then(
          (connection) => {
            outcomes.opened++
            connection[Symbol.dispose]()
          },
          () => outcomes.aborted++
        )
        const turns = yield* Random.nextIntBetween(0, 30)
        for (let n = 0; n < turns; n++) yield* turn
        controller.abort()
        yield* Effect.promise(() => connecting)
        assert.strictEqual(Resources.descriptors(), before, `connect ${i}`)
      }
      assert.isAbove(outcomes.opened, 20)
      assert.isAbove(outcomes.aborted, 20)
    }).pipe(Random.withSeed("aborted"), Effect.scoped))

  it.live("keeps no process alive, used or not", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const program = fileURLToPath(new URL("support/socketPromiseProgram.ts", import.meta.url))
      const runs = [[[], "nothing\n"], [
        [`${hole.host}:${hole.port}`, `127.0.0.1:${remote.port}`],
        "127.0.0.1 ETIMEDOUT\n"
      ]] as const
      for (const [args, expected] of runs) {
        yield* Effect.promise(async () => {
          const child = spawn(process.execPath, ["--conditions=@happy-eyeballs/source", program, ...args], {
            stdio: ["ignore", "pipe", "inherit"]
          })
          let output = ""
          let saidAt = Infinity
          child.stdout.on("data", (chunk) => {
            saidAt = performance.now()
            output += String(chunk)
          })
          await once(child, "exit")
          assert.strictEqual(output, expected)
          assert.isBelow(performance.now() - saidAt, 500)
        })
      }
    }).pipe(Effect.scoped))
})

describe("promise.make", () => {
  it.live("connects with the services of its layer", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const named = make(layerNames(() => ({ "dual.example": ["127.0.0.1"] })))
      const { socket } = yield* settled(() => named.connect({ host: "dual.example", port }))
      assert.strictEqual(socket.remotePort, port)
      socket.destroy()
      const guarded = make(NodeHappyEyeballs.layer.pipe(Layer.provide(AddressPolicy.layerPublicOnly)))
      assert.propertyVal(yield* rejection(() => guarded.connect(`127.0.0.1:${port}`)), "code", "ERR_IP_BLOCKED")
      const broken = make(NodeHappyEyeballs.layerOptions({ timeout: -1 }))
      assert.propertyVal(yield* rejection(() => broken.connect(`127.0.0.1:${port}`)), "_tag", "InvalidOptions")
    }).pipe(leavesNothing))

  it.live("ends what is underway, and begins nothing more, when it is disposed of", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const hole = yield* BlackHole.make("127.0.0.1")
      const before = Resources.descriptors()
      const connector = make(NodeHappyEyeballs.layer)
      const { socket } = yield* settled(() => connector.connect(`127.0.0.1:${port}`))
      const waiting = connector.connect(`${hole.host}:${hole.port}`).catch((error) => error)
      yield* turn
      yield* settled(() => Promise.all([connector[Symbol.asyncDispose](), connector[Symbol.asyncDispose]()]))
      assert.propertyVal(yield* settled(() => waiting), "code", "ABORT_ERR")
      assert.propertyVal(yield* rejection(() => connector.connect(`127.0.0.1:${port}`)), "code", "ABORT_ERR")
      assert.isFalse(socket.destroyed)
      socket.destroy()
      yield* until(() => Resources.descriptors() === before)
    }).pipe(Effect.scoped))
})
