import { assert, describe, it } from "@effect/vitest"
import { AddressPolicy, type HappyEyeballs } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Os from "node:os"
import * as Path from "node:path"
import { pipeline } from "node:stream/promises"
import * as Tls from "node:tls"
import * as NodeHappyEyeballs from "../../src/NodeHappyEyeballs.ts"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Remote from "../fixtures/Remote.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { heard, leavesNothing, turn, until } from "./support/socket.ts"

const { factory, make } = NodeLazySocket
const live = NodeHappyEyeballs.layer
const ca = { ca: Certificates.ca }

describe("NodeLazySocket.factory", () => {
  it.live("races past an address that does not answer, and gives the winner what was written meanwhile", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp(Servers.echo)
      const hole = yield* BlackHole.make("127.0.0.1")
      const open = yield* factory
      const started = performance.now()
      const socket = open([`${hole.host}:${hole.port}`, `127.0.0.1:${server.port}`], { connectionAttemptDelay: 100 })
      socket.write("first ")
      socket.end("second")
      const text = yield* Effect.promise(() => socket.setEncoding("utf8").toArray())
      assert.strictEqual(text.join(""), "first second")
      const elapsed = performance.now() - started
      assert.isTrue(elapsed >= 100 && elapsed < 600, `${elapsed} ms`)
      assert.deepStrictEqual(socket.connection?.report.attempts.map(({ outcome }) => outcome), [
        "interrupted",
        "connected"
      ])
      assert.deepStrictEqual(socket.autoSelectFamilyAttemptedAddresses, [
        `127.0.0.1:${hole.port}`,
        `127.0.0.1:${server.port}`
      ])
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("connects where its client says, in every form that a net.Socket takes", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.farewell("tcp"))
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))),
        (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
      )
      const path = Path.join(directory, "socket")
      yield* Servers.tcp(Servers.farewell("path"), { path })
      const open = yield* factory
      const listener = { calls: 0 }
      const connected = () => {
        listener.calls++
      }
      const ways: ReadonlyArray<(socket: NodeLazySocket.LazySocket) => unknown> = [
        (socket) => socket.connect(port, "127.0.0.1", connected),
        (socket) => socket.connect(port, connected),
        (socket) => Reflect.apply(socket.connect, socket, [String(port), "localhost", connected]),
        (socket) => socket.connect({ port, host: "127.0.0.1" }, connected),
        (socket) => socket.connect({ port, host: "localhost", family: 4 }, connected),
        (socket) => socket.connect(path, connected),
        (socket) => socket.connect({ path }, connected)
      ]
      const heard: Array<string> = []
      for (const way of ways) {
        const socket = open()
        assert.isTrue(socket.pending && !socket.connecting)
        way(socket)
        assert.isTrue(socket.connecting)
        heard.push((yield* Effect.promise(() => socket.setEncoding("utf8").toArray())).join(""))
      }
      assert.deepStrictEqual(heard, ["tcp", "tcp", "tcp", "tcp", "tcp", "path", "path"])
      assert.strictEqual(listener.calls, ways.length)
      // One that has a target already stays with it.
      const socket = open(`127.0.0.1:${port}`)
      assert.strictEqual(socket.connect(1, "192.0.2.1"), socket)
      assert.deepStrictEqual(yield* Effect.promise(() => socket.setEncoding("utf8").toArray()), ["tcp"])
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("says in an error event what Node's clients understand, and never throws", () =>
    Effect.gen(function*() {
      const refused = yield* Servers.refusedPort()
      const hole = yield* BlackHole.make("127.0.0.1")
      const policy = NodeHappyEyeballs.layer.pipe(Layer.provide(AddressPolicy.layerPublicOnly))
      const table: ReadonlyArray<
        readonly [Layer.Layer<HappyEyeballs.HappyEyeballs>, ...Parameters<NodeLazySocket.Open>, string]
      > = [
        [live, "", {}, "ERR_INVALID_ARG_VALUE"],
        [live, "127.0.0.1:1", { connectionAttemptDelay: 1 }, "ERR_INVALID_ARG_VALUE"],
        [live, [`127.0.0.1:${refused}`, `[::1]:${refused}`], {}, "ECONNREFUSED"],
        [live, `${hole.host}:${hole.port}`, { timeout: 20 }, "ETIMEDOUT"],
        [policy, `${hole.host}:${hole.port}`, {}, "ERR_IP_BLOCKED"]
      ]
      for (const [layer, target, options, code] of table) {
        const open = yield* Effect.provide(factory, layer)
        yield* turn
        const socket = open(target, options)
        // As long as it takes until somebody listens who was promised the socket.
        for (let microtasks = 0; microtasks < 20; microtasks++) yield* Effect.promise(() => Promise.resolve())
        const [[error], [hadError]] = yield* Effect.promise(() =>
          Promise.all([
            once(socket, "error"),
            new Promise<ReadonlyArray<unknown>>((resolve) => {
              socket.once("close", (...args) => resolve(args))
            })
          ])
        )
        assert.strictEqual(error.code, code)
        assert.propertyVal(error.cause, "_tag", "ConnectError")
        assert.isTrue(hadError)
        assert.isTrue(socket.destroyed && socket.connection === undefined)
      }
    }).pipe(leavesNothing))

  it.live("holds writers back while there is no connection, and when the other side does not read", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const server = yield* Servers.tcp((peer) => peer.pause())
      const open = yield* factory
      let given = 0
      const endless = function*() {
        for (;; given++) yield Buffer.alloc(10_000)
      }
      const racing = open(`${hole.host}:${hole.port}`)
      const lost = pipeline(endless, racing).catch((error) => error.code)
      for (let i = 0; i < 50; i++) yield* turn
      // As much as one high-water mark, and the write that passed it.
      assert.isAtMost(racing.writableLength, racing.writableHighWaterMark + 10_000)
      assert.isTrue(racing.writableNeedDrain)
      assert.isAtMost(given, 20)
      racing.destroy()
      assert.strictEqual(yield* Effect.promise(() => lost), "ERR_SOCKET_CLOSED_BEFORE_CONNECTION")

      const stuck = open(`127.0.0.1:${server.port}`)
      const cut = pipeline(endless, stuck).catch((error) => error.code)
      let before = -1
      yield* until(() => {
        const still = stuck.bytesWritten === before && before > 0
        before = stuck.bytesWritten
        return still && stuck.writableNeedDrain
      })
      assert.isAtMost(stuck.writableLength, 2 * stuck.writableHighWaterMark + 20_000)
      assert.isAtMost(stuck.connection!.native.writableLength, stuck.writableHighWaterMark + 20_000)
      stuck.destroy()
      yield* Effect.promise(() => cut)
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("holds the other side back while nobody reads, and then gives every byte in order", () =>
    Effect.gen(function*() {
      const size = 16 << 20
      const sent = Buffer.from(Array.from({ length: size / 4096 }, (_, i) => String(i % 10).repeat(4096)).join(""))
      const server = yield* Servers.tcp((peer) => peer.end(sent))
      const open = yield* factory
      const socket = open(`127.0.0.1:${server.port}`)
      yield* heard(socket, "connect")
      for (let i = 0; i < 100; i++) yield* turn
      assert.isAtMost(socket.readableLength, socket.readableHighWaterMark + 65_536)
      assert.isAtMost(socket.bytesRead, 4 << 20)
      const chunks = yield* Effect.promise(() => socket.toArray())
      assert.isTrue(Buffer.concat(chunks).equals(sent))
      assert.strictEqual(socket.bytesRead, size)
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("carries 32 MB each way at once through pipelines, whole", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const open = yield* factory
      const socket = open(`127.0.0.1:${port}`)
      const block = Buffer.from(Array.from({ length: 65_536 }, (_, i) => i % 251))
      let received = 0
      let right = true
      yield* Effect.promise(() =>
        pipeline(
          function*() {
            for (let i = 0; i < 512; i++) yield block
          },
          socket,
          async (source) => {
            for await (const chunk of source as AsyncIterable<Buffer>) {
              const at = received % block.length
              right &&= Buffer.concat([block, block]).subarray(at, at + chunk.length).equals(chunk)
              received += chunk.length
            }
          }
        )
      )
      assert.deepStrictEqual([received, right, socket.bytesWritten], [512 * block.length, true, 512 * block.length])
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("counts idle time from its making, race included, and stays open when it runs out", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const server = yield* Servers.tcp(Servers.echo)
      const open = yield* factory
      const socket = open([`${hole.host}:${hole.port}`, `127.0.0.1:${server.port}`], { connectionAttemptDelay: 100 })
      const times: Array<string> = []
      socket.setTimeout(30).on("timeout", () => times.push(socket.connecting ? "racing" : "open"))
      yield* heard(socket, "connect")
      assert.deepStrictEqual(times, ["racing"])
      yield* heard(socket, "timeout")
      assert.deepStrictEqual(times, ["racing", "open"])
      socket.end("x")
      assert.deepStrictEqual((yield* Effect.promise(() => socket.toArray())).map(String), ["x"])
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("does for the winner what was asked for before, once each", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.silent)
      const socket = yield* make(`127.0.0.1:${port}`)
      socket.setNoDelay(false).setKeepAlive(true, 1000).setKeepAlive(true, 60_000).unref()
      yield* heard(socket, "connect")
      const { native } = socket.connection!
      const symbols = Object.getOwnPropertySymbols(native)
      const kept = (name: string) => Reflect.get(native, symbols.find(({ description }) => description === name)!)
      assert.deepStrictEqual([kept("kSetNoDelay"), kept("kSetKeepAlive"), kept("kSetKeepAliveInitialDelay")], [
        false,
        true,
        60
      ])
      const alive = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length
      const unreferenced = alive()
      socket.ref()
      assert.strictEqual(alive(), unreferenced + 1)
    }).pipe(Effect.scoped, Effect.provide(live)))

  it.live("closes when its winner is closed behind its back, and says so", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.silent)
      const open = yield* factory
      for (const cause of [undefined, Object.assign(new Error("gone"), { code: "GONE" })]) {
        const socket = open(`127.0.0.1:${port}`)
        const codes: Array<string | undefined> = []
        socket.on("error", (error: NodeJS.ErrnoException) => codes.push(error.code))
        yield* heard(socket, "connect")
        socket.connection!.native.destroy(cause)
        yield* heard(socket, "close")
        assert.deepStrictEqual(codes, cause === undefined ? [] : ["GONE"])
      }
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("carries a request of Node's own HTTP client, which may also give it up", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp((peer) => {
        peer.once("data", () => peer.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"))
      })
      const hole = yield* BlackHole.make("127.0.0.1")
      const open = yield* factory
      const text = yield* Effect.promise(async () => {
        const request = Http.get({ createConnection: () => open(`127.0.0.1:${server.port}`), host: "127.0.0.1" })
        const [response] = await once(request, "response") as [Http.IncomingMessage]
        return (await response.setEncoding("utf8").toArray()).join("")
      })
      assert.strictEqual(text, "hello")
      const racing = open(`${hole.host}:${hole.port}`)
      const request = Http.get({ createConnection: () => racing, host: "127.0.0.1" }).on("error", () => {})
      yield* turn
      assert.strictEqual(Resources.connectingTo(hole.port), 1)
      request.destroy()
      yield* until(() => Resources.connectingTo(hole.port) === 0)
    }).pipe(leavesNothing, Effect.provide(live)))
})

describe("NodeLazySocket and TLS", () => {
  it.live("says secureConnect after connect where the race speaks TLS", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tls(Servers.farewell("secret"))
      const socket = yield* make(`127.0.0.1:${port}`, { tls: ca })
      const events: Array<string> = []
      for (const event of ["connect", "ready", "secureConnect"]) socket.on(event, () => events.push(event))
      assert.deepStrictEqual([socket.encrypted, socket.authorized], [false, false])
      assert.strictEqual((yield* Effect.promise(() => socket.setEncoding("utf8").toArray())).join(""), "secret")
      assert.deepStrictEqual(events, ["connect", "ready", "secureConnect"])
      assert.deepStrictEqual([socket.encrypted, socket.authorized], [true, true])
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("carries TLS on top of it, begun before and after it is connected", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tls((peer) => {
        peer.write("hello")
        Servers.echo(peer)
      })
      const hole = yield* BlackHole.make("127.0.0.1")
      const open = yield* factory
      for (const when of ["before", "after"]) {
        const socket = open([`${hole.host}:${hole.port}`, `127.0.0.1:${server.port}`], { connectionAttemptDelay: 20 })
        if (when === "after") yield* heard(socket, "connect")
        const tls = Tls.connect({ socket, ...ca, host: "127.0.0.1" })
        yield* heard(tls, "secureConnect")
        assert.isTrue(tls.authorized)
        const sent = "x".repeat(1 << 20)
        tls.end(sent)
        const text = yield* Effect.promise(() => tls.setEncoding("utf8").toArray())
        assert.strictEqual(text.join(""), `hello${sent}`)
        yield* until(() => socket.destroyed)
      }
    }).pipe(leavesNothing, Effect.provide(live)))

  it.live("tells TLS on top of it why there is no connection, and why there is no trust", () =>
    Effect.gen(function*() {
      const refused = yield* Servers.refusedPort()
      const server = yield* Servers.tls(Servers.echo, Certificates.wrongName)
      const open = yield* factory
      const codes: Array<string> = []
      for (const port of [refused, server.port]) {
        const socket = open(`127.0.0.1:${port}`).on("close", () => codes.push("close"))
        const tls = Tls.connect({ socket, ...ca, host: "127.0.0.1" })
        const [error] = yield* Effect.promise(() => once(tls, "error"))
        codes.push(error.code)
        yield* until(() => codes.at(-1) === "close")
      }
      assert.deepStrictEqual(codes, ["ECONNREFUSED", "close", "ERR_TLS_CERT_ALTNAME_INVALID", "close"])
    }).pipe(leavesNothing, Effect.provide(live)))
})

describe("NodeLazySocket, what it leaves behind", () => {
  it.live("has nothing open at whatever instant it is destroyed", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const open = yield* factory
      const before = { descriptors: Resources.descriptors(), timers: Resources.timers() }
      const outcomes = { connected: 0, racing: 0 }
      for (let i = 0; i < 150; i++) {
        const target = [`127.0.0.1:${remote.port}`, `127.0.0.1:${remote.tlsPort}`][i % 2]!
        const socket = open(i % 3 === 2 ? [`${hole.host}:${hole.port}`, target] : target, {
          connectionAttemptDelay: 10,
          tls: i % 2 === 1 ? ca : undefined
        })
        socket.on("error", (error) => assert.fail(error.message))
        socket.setTimeout(10_000)
        socket.write("something")
        const turns = yield* Random.nextIntBetween(0, 30)
        for (let n = 0; n < turns; n++) yield* turn
        if (yield* Random.nextBoolean) yield* Effect.sleep(yield* Random.nextBetween(0, 25))
        outcomes[socket.connecting ? "racing" : "connected"]++
        const closing = heard(socket, "close")
        socket.destroy()
        yield* closing
        assert.strictEqual(Resources.descriptors(), before.descriptors, `socket ${i}`)
      }
      assert.isAbove(outcomes.connected, 20)
      assert.isAbove(outcomes.racing, 20)
      yield* until(() => Resources.timers() <= before.timers)
    }).pipe(Random.withSeed("destroyed"), Effect.scoped, Effect.provide(live)))

  it.live("destroys all that are still open when its scope closes, and opens none afterwards", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const before = Resources.descriptors()
      for (const turns of [0, 1, 2, 5, 20, 100]) {
        const scope = yield* Scope.make()
        const open = yield* Scope.provide(factory, scope)
        const idle = open()
        const sockets = [
          open(`127.0.0.1:${remote.port}`),
          open(`${hole.host}:${hole.port}`),
          open([`${hole.host}:${hole.port}`, `127.0.0.1:${remote.tlsPort}`], { tls: ca, connectionAttemptDelay: 10 }),
          idle
        ]
        for (const socket of sockets) {
          socket.on("error", (error) => assert.fail(error.message)).write(Buffer.alloc(100_000))
        }
        for (let n = 0; n < turns; n++) yield* turn
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(sockets.every((socket) => socket.destroyed && socket.closed))
        assert.strictEqual(Resources.descriptors(), before, `${turns} turns`)
        const late = open(`127.0.0.1:${remote.port}`)
        const [error] = yield* Effect.promise(() => once(late, "error"))
        assert.match(error.message, /scope .* is closed/)
        assert.strictEqual(Resources.descriptors(), before)
      }
    }).pipe(Effect.scoped, Effect.provide(live)))
})
