import { assert, describe, it } from "@effect/vitest"
import type { DialFailed } from "@happy-eyeballs/core/Dialer"
import type * as Endpoint from "@happy-eyeballs/core/Endpoint"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import { once } from "node:events"
import * as Fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as Net from "node:net"
import NetModule from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tls from "node:tls"
import { vi } from "vitest"
import * as Failure from "../src/internal/failure.ts"
import * as NodeDialer from "../src/NodeDialer.ts"
import { scopeIds } from "../src/NodeScopeIds.ts"
import * as BlackHole from "./fixtures/BlackHole.ts"
import * as Certificates from "./fixtures/Certificates.ts"
import { inet, unix } from "./fixtures/Endpoints.ts"
import * as Remote from "./fixtures/Remote.ts"
import * as Resources from "./fixtures/Resources.ts"
import * as Servers from "./fixtures/Servers.ts"

const { dial } = NodeDialer.make()
const ca = { ca: Certificates.ca }

const temporaryPath = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))),
    (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
  ),
  (directory) => Path.join(directory, "socket")
)

/** Reads until `length` bytes have come, or the connection ends. */
const readText = Effect.fnUntraced(function*(pull: Socket.Reader["pull"], length: number) {
  let text = ""
  while (text.length < length) {
    for (const chunk of yield* pull) text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()
  }
  return text
})

const talk = Effect.fnUntraced(function*(socket: Socket.Socket, text: string) {
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer
  yield* write(text)
  return yield* readText(pull, text.length)
}, Effect.scoped)

const serverNameOf = (socket: Net.Socket): string | false => Reflect.get(socket, "servername") as string | false

const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits until something holds, for at most a thousand turns of the loop. */
const until = (condition: () => boolean) =>
  Effect.gen(function*() {
    for (let turns = 0; turns < 1000 && !condition(); turns++) yield* turn
    assert.isTrue(condition())
  })

const finalizers = (scope: Scope.Scope): number => scope.state._tag !== "Open" ? 0 : scope.state.finalizers?.size ?? 1

describe("NodeDialer.make", () => {
  it.live("opens TCP over both families and Unix paths", () =>
    Effect.gen(function*() {
      const path = yield* temporaryPath
      const v4 = yield* Servers.tcp(Servers.echo)
      const v6 = yield* Servers.tcp(Servers.echo, { host: "::1" })
      yield* Servers.tcp(Servers.echo, { path })
      for (const endpoint of [inet("127.0.0.1", v4.port), inet("::1", v6.port), unix(path)]) {
        const dialed = yield* dial(endpoint)
        assert.strictEqual(dialed.endpoint, endpoint)
        assert.instanceOf(dialed.native, Net.Socket)
        assert.strictEqual(yield* talk(dialed.socket, "hello"), "hello")
      }
    }))

  it.live("counts a TLS connection as open when its handshake is finished, with every option passed on", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tls(Servers.echo, {
        ...Certificates.server,
        ALPNProtocols: ["h2", "http/1.1"],
        requestCert: true,
        ca: Certificates.ca
      })
      const endpoint = inet("127.0.0.1", server.port, {
        name: "localhost.",
        tls: {
          ...ca,
          ...Certificates.server,
          ALPNProtocols: ["http/1.1"],
          maxVersion: "TLSv1.2",
          checkServerIdentity: undefined,
          // What the endpoint says of the place stands.
          host: "192.0.2.1",
          port: 1,
          path: "/nowhere",
          socket: {}
        }
      })
      const accepted = yield* Effect.forkChild(server.next, { startImmediately: true })
      const { native, socket } = yield* dial(endpoint)
      const peer = (yield* Fiber.join(accepted)) as Tls.TLSSocket
      assert.instanceOf(native, Tls.TLSSocket)
      assert.deepInclude(
        { ...native, protocol: native.getProtocol(), server: peer.getPeerCertificate().subject.CN },
        { authorized: true, alpnProtocol: "http/1.1", protocol: "TLSv1.2", server: "server" }
      )
      assert.strictEqual(serverNameOf(peer), "localhost")
      assert.strictEqual(yield* talk(socket, "hello"), "hello")
    }))

  it.live("speaks TLS in the context that it is given, and makes no other", () =>
    Effect.gen(function*() {
      const { host, port } = yield* Servers.tls(Servers.echo)
      // What else is said would not do for a context.
      const tls = { secureContext: Tls.createSecureContext(ca), cert: "nonsense" }
      const { native } = yield* dial(inet(host, port, { tls }))
      assert.isTrue((native as Tls.TLSSocket).authorized)
    }))

  it.live("sends the name of the target as server name, never an address, and demands it of the certificate", () =>
    Effect.gen(function*() {
      const seen: Array<string | false> = []
      const server = yield* Servers.tls((socket) => {
        seen.push(serverNameOf(socket))
        socket.destroy()
      })
      const path = yield* temporaryPath
      const onPath = yield* Servers.tls(
        (socket) => {
          seen.push(serverNameOf(socket))
          socket.destroy()
        },
        Certificates.server,
        { path }
      )
      assert.strictEqual(onPath.port, 0)
      const at = (name: string | undefined, tls: Endpoint.TlsOptions, host = "127.0.0.1") =>
        inet(host, server.port, { name, tls: { ...ca, ...tls } })
      const rejected = "ERR_TLS_CERT_ALTNAME_INVALID"
      const table: ReadonlyArray<readonly [Endpoint.Endpoint, string | false]> = [
        [at("dual.example", {}), "dual.example"],
        [at("dual.example.", {}), "dual.example"],
        [at("unknown.example", {}), rejected],
        [at("unknown.example", { servername: "a.service.example" }), "a.service.example"],
        [at("dual.example", { servername: "unknown.example" }), rejected],
        [at(undefined, {}), false],
        [at(undefined, { servername: "localhost" }), "localhost"],
        [at(undefined, { servername: "unknown.example" }), rejected],
        [at("unknown.example", { servername: "127.0.0.1" }), false],
        [at("dual.example", { servername: "192.0.2.1" }), rejected],
        // No server name: the name is demanded all the same.
        [at("dual.example", { servername: "" }), false],
        [at("unknown.example", { servername: "" }), rejected],
        [at("unknown.example", { checkServerIdentity: () => undefined }), "unknown.example"],
        [at("unknown.example", { rejectUnauthorized: false }), "unknown.example"],
        [unix(path, ca), false],
        [unix(path, { ...ca, servername: "dual.example" }), "dual.example"],
        [unix(path, { ...ca, servername: "unknown.example" }), rejected]
      ]
      const results: Array<string | false | undefined> = []
      for (const [endpoint] of table) {
        seen.length = 0
        const exit = yield* Effect.exit(Effect.scoped(dial(endpoint)))
        if (Exit.isSuccess(exit)) {
          yield* until(() => seen.length > 0)
          results.push(seen[0])
        } else results.push((yield* Effect.flip(exit)).code)
      }
      assert.deepStrictEqual(results, table.map(([, expected]) => expected))
    }))

  it.live("demands that the certificate carries a literal address", () =>
    Effect.gen(function*() {
      const v6 = yield* Servers.tls(Servers.echo, Certificates.server, { host: "::1" })
      const other = yield* Servers.tls(Servers.echo, Certificates.server, { host: "127.0.0.3" })
      yield* dial(inet("::1", v6.port, { tls: ca }))
      const failed = yield* Effect.flip(dial(inet("127.0.0.3", other.port, { tls: ca })))
      assert.deepInclude({ ...failed }, { kind: "Tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
    }))

  it.live("says in one word and with its code why a dial failed", () =>
    Effect.gen(function*() {
      const refused = yield* Servers.refusedPort()
      const path = yield* temporaryPath
      const plain = yield* Servers.tcp(Servers.farewell("220 mail.example\r\n"))
      const resets = yield* Servers.tcp((socket) => socket.once("data", () => Servers.reset(socket)))
      const hangsUp = yield* Servers.tcp((socket) => socket.once("data", () => socket.resume().end()))
      const trusted = yield* Servers.tls(Servers.echo, { ...Certificates.server, ALPNProtocols: ["h2"] })
      const selfSigned = yield* Servers.tls(Servers.echo, Certificates.selfSigned)
      const expired = yield* Servers.tls(Servers.echo, Certificates.expired)
      const wrongName = yield* Servers.tls(Servers.echo, Certificates.wrongName)
      const tls = (port: number, options: Endpoint.TlsOptions = ca) => inet("127.0.0.1", port, { tls: options })
      const throws = () => {
        throw new Error("not this one")
      }
      const table: ReadonlyArray<readonly [Endpoint.Endpoint, string, string | undefined]> = [
        [inet("127.0.0.1", refused), "Refused", "ECONNREFUSED"],
        [tls(refused), "Refused", "ECONNREFUSED"],
        [unix(path), "Unreachable", "ENOENT"],
        [unix(Os.tmpdir()), "Refused", "ECONNREFUSED"],
        [tls(selfSigned.port), "Tls", "DEPTH_ZERO_SELF_SIGNED_CERT"],
        [tls(expired.port), "Tls", "CERT_HAS_EXPIRED"],
        [tls(wrongName.port), "Tls", "ERR_TLS_CERT_ALTNAME_INVALID"],
        [tls(trusted.port, {}), "Tls", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
        [
          tls(trusted.port, { ...ca, ALPNProtocols: ["http/1.1"] }),
          "Tls",
          "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
        ],
        [tls(plain.port), "Tls", "ERR_SSL_WRONG_VERSION_NUMBER"],
        [tls(resets.port), "Reset", "ECONNRESET"],
        [tls(hangsUp.port), "Reset", "ECONNRESET"],
        [tls(trusted.port, { ca: "not a certificate", cert: "neither" }), "Tls", "ERR_OSSL_PEM_NO_START_LINE"],
        [tls(trusted.port, { ...ca, checkServerIdentity: throws }), "Tls", undefined],
        [tls(trusted.port, { ...ca, checkServerIdentity: "strict" }), "Tls", undefined],
        [tls(trusted.port, { servername: 1 } as unknown as Endpoint.TlsOptions), "Tls", undefined],
        [tls(trusted.port, { ...ca, session: "mine" }), "Tls", undefined],
        [tls(trusted.port, { ...ca, minVersion: "TLSv9" }), "Tls", "ERR_TLS_INVALID_PROTOCOL_VERSION"]
      ]
      yield* until(() => trusted.sockets.size === 0)
      const before = Resources.descriptors()
      const failures: Array<DialFailed> = []
      for (const [endpoint] of table) failures.push(yield* Effect.flip(dial(endpoint)))
      assert.deepStrictEqual(
        failures.map(({ endpoint, kind, code }) => [endpoint, kind, code]),
        table.map(([endpoint, kind, code]) => [endpoint, kind, code])
      )
      for (const { message } of failures) assert.match(message, /^\S+ .+\S$/)
      yield* until(() => Resources.descriptors() === before)
    }))

  it("knows the codes that no test can bring about", () => {
    const table = {
      EAGAIN: "Refused",
      EHOSTUNREACH: "Unreachable",
      ENETUNREACH: "Unreachable",
      EADDRNOTAVAIL: "Unreachable",
      ETIMEDOUT: "Timeout",
      EACCES: "PermissionDenied",
      EPERM: "PermissionDenied",
      ENFILE: "Congested",
      ENOBUFS: "Congested",
      ENOMEM: "Congested",
      ERR_IP_BLOCKED: "Denied",
      EWHATEVER: "Unknown"
    }
    const failures = Object.keys(table).map((code) =>
      Failure.fromCause(inet("127.0.0.1", 1), Object.assign(new Error(code), { code }))
    )
    assert.deepStrictEqual(Object.fromEntries(failures.map(({ code, kind }) => [code, kind])), table)
    assert.strictEqual(Failure.fromCause(inet("127.0.0.1", 1), "what?").kind, "Unknown")
  })

  it.live("fails, and does not throw, where Node throws", () =>
    Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const from = (localAddress: string) => NodeDialer.make({ localAddress }).dial(inet("127.0.0.1", port))
      assert.deepInclude({ ...(yield* Effect.flip(from("nonsense"))) }, {
        kind: "Unknown",
        code: "ERR_INVALID_IP_ADDRESS"
      })
      assert.deepInclude({ ...(yield* Effect.flip(from("::1"))) }, { kind: "Unreachable", code: "EINVAL" })
      assert.strictEqual((yield* from("127.0.0.1")).native.localAddress, "127.0.0.1")
    }))

  it.live("names the zone of a link-local address as the system wants it", () =>
    Effect.gen(function*() {
      const [zone] = scopeIds()
      if (zone === undefined) return console.log("skipped: no interface of this machine has a link-local address")
      const [name, scopeId] = zone
      const hosts: Array<unknown> = []
      // Nothing is sent: this `connect` only writes down what it is asked.
      const spy = vi.spyOn(NetModule, "connect").mockImplementation((options) => {
        hosts.push((options as unknown as Net.TcpNetConnectOpts).host)
        throw new Error("not here")
      })
      syncBuiltinESMExports()
      assert.isTrue(vi.isMockFunction(Net.connect))
      const address = NetAddress.inetAddressFromHostString(`fe80::1%${scopeId}`, 1)
      const failed = yield* Effect.flip(dial({ ...inet("::1", 1), address: Result.getOrThrow(address) }))
      spy.mockRestore()
      syncBuiltinESMExports()
      assert.strictEqual(failed.kind, "Unknown")
      assert.deepStrictEqual(hosts, [`fe80::1%${process.platform === "win32" ? scopeId : name}`])
    }))

  it.live("sets the socket options that were asked for, with and without TLS", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const calls: Array<string> = []
      const spied = (dialed: NodeDialer.NodeDialed) => {
        const symbols = Object.getOwnPropertySymbols(dialed.native)
        const of = (name: string) => {
          const symbol = symbols.find(({ description }) => description === name)
          return symbol === undefined ? undefined : Reflect.get(dialed.native, symbol)
        }
        calls.push(`noDelay=${String(of("kSetNoDelay"))} keepAlive=${String(of("kSetKeepAlive"))}`)
      }
      for (const endpoint of [inet("127.0.0.1", remote.port), inet("127.0.0.1", remote.tlsPort, { tls: ca })]) {
        spied(yield* dial(endpoint))
        spied(
          yield* NodeDialer.make({ noDelay: false, keepAlive: true, keepAliveInitialDelay: "1 minute" }).dial(endpoint)
        )
      }
      assert.deepStrictEqual(calls.map((call) => call.replaceAll("undefined", "false")), [
        "noDelay=true keepAlive=false",
        "noDelay=false keepAlive=true",
        "noDelay=true keepAlive=false",
        "noDelay=false keepAlive=true"
      ])
    }))

  it.live("leaves nothing open at whatever instant a dial is interrupted", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const outer = yield* Scope.make()
      const endpoints = {
        connects: inet("127.0.0.1", remote.port),
        handshakes: inet("127.0.0.1", remote.tlsPort, { tls: ca }),
        hangs: inet(hole.host, hole.port),
        stalls: inet("127.0.0.1", remote.silentPort, { tls: ca }),
        refused: inet("127.0.0.1", yield* Servers.refusedPort())
      }
      const before = Resources.descriptors()
      const outcomes = new Set<string>()
      // One turn of the loop more each time at first, then ever more, so that every handshake gets done at last.
      const instants = Array.from({ length: 40 }, (_, i) => i < 20 ? i : Math.round(20 * 1.4 ** (i - 20)))
      for (const [name, endpoint] of Object.entries(endpoints)) {
        const most = name === "hangs" || name === "stalls" ? 24 : instants.length
        for (const [index, turns] of instants.slice(0, most).entries()) {
          const fiber = yield* Effect.forkChild(Scope.provide(dial(endpoint), outer), { startImmediately: true })
          for (let i = 0; i < turns; i++) yield* (index % 2 === 0 ? turn : Effect.yieldNow)
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          if (Exit.isSuccess(exit)) exit.value.native.destroy()
          outcomes.add(
            `${name} ${Exit.isSuccess(exit) ? "opened" : Exit.hasInterrupts(exit) ? "interrupted" : "failed"}`
          )
          assert.strictEqual(Resources.descriptors(), before, `${name}, ${turns} turns`)
          if (index > 20 && !Exit.hasInterrupts(exit)) break
        }
      }
      assert.includeMembers([...outcomes], [
        "connects opened",
        "connects interrupted",
        "handshakes opened",
        "handshakes interrupted",
        "hangs interrupted",
        "stalls interrupted",
        "refused failed"
      ])
      assert.strictEqual(Resources.connectingTo(hole.port), 0)
      yield* until(() => Resources.descriptors() === before && finalizers(outer) === 0)
      yield* Scope.close(outer, Exit.void)
    }))

  it.live("opens nothing in a scope that is closed, and fails when its scope closes under it", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const hole = yield* BlackHole.make("127.0.0.1")
      const before = Resources.descriptors()
      const closed = yield* Scope.make()
      yield* Scope.close(closed, Exit.void)
      for (const endpoint of [inet(hole.host, hole.port), inet("127.0.0.1", remote.silentPort, { tls: ca })]) {
        assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(Scope.provide(dial(endpoint), closed))))
        const closing = yield* Scope.make()
        const fiber = yield* Effect.forkChild(Scope.provide(dial(endpoint), closing), { startImmediately: true })
        yield* turn
        assert.strictEqual(Resources.descriptors(), before + 1)
        const close = yield* Effect.forkChild(Scope.close(closing, Exit.void), { startImmediately: true })
        assert.strictEqual(Resources.descriptors(), before)
        yield* Fiber.join(close)
        assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).code, undefined)
      }
    }))

  it.live("leaves nothing in a scope that lives on when a connection ends", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp(Servers.farewell("bye"))
      const scope = yield* Scope.make()
      const ended: Array<number> = []
      for (let i = 0; i < 20; i++) {
        const { native, onClose } = yield* Scope.provide(dial(inet(server.host, server.port)), scope)
        onClose(() => ended.push(i))
        native.resume()
      }
      yield* until(() => ended.length === 20)
      assert.strictEqual(finalizers(scope), 0)
      yield* Scope.close(scope, Exit.void)
    }))
})

describe("NodeDialed", () => {
  it.live("closes at once with its scope, and says so once to whoever listens, early or late", () =>
    Effect.gen(function*() {
      const remote = yield* Remote.make
      const before = Resources.descriptors()
      const told: Array<string> = []
      const scope = yield* Scope.make()
      const { native, onClose, socket } = yield* Scope.provide(dial(inet("127.0.0.1", remote.port)), scope)
      assert.strictEqual(Resources.descriptors(), before + 1)
      onClose(() => told.push("early"))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(Resources.descriptors(), before)
      yield* until(() => native.closed && told.length > 0)
      onClose(() => told.push("late"))
      yield* turn
      assert.deepStrictEqual(told, ["early", "late"])
      const { reason } = yield* Effect.flip(Effect.scoped(socket.reader))
      assert.strictEqual(reason._tag, "SocketCloseError")
    }))

  it.live("sends what was written before it closes, when its scope ends well", () =>
    Effect.gen(function*() {
      // More than the system's own buffers hold.
      const size = 16 << 20
      for (const make of [Servers.tcp, (handler: (socket: Net.Socket) => void) => Servers.tls(handler)]) {
        let received = 0
        let ended = false
        const server = yield* make((socket) => {
          socket.on("data", (chunk) => received += chunk.length).once("end", () => ended = true)
        })
        const endpoint = inet(server.host, server.port, make === Servers.tcp ? {} : { tls: ca })
        const before = Resources.descriptors()
        yield* Effect.scoped(Effect.map(dial(endpoint), ({ native }) => native.write(Buffer.alloc(size))))
        yield* until(() => ended)
        assert.strictEqual(received, size)
        received = 0
        const lost = Effect.flatMap(dial(endpoint), ({ native }) => {
          native.write(Buffer.alloc(size))
          return Effect.fail("no")
        })
        yield* Effect.exit(Effect.scoped(lost))
        yield* until(() => Resources.descriptors() === before)
        assert.isBelow(received, size)
      }
    }))

  it.live("loses nothing that was written, though the peer reads late and has said what was never read", () =>
    Effect.gen(function*() {
      // More than a peer takes that does not read, less than the system takes from us.
      const size = 1 << 20
      for (const make of [Servers.tcp, (handler: (socket: Net.Socket) => void) => Servers.tls(handler)]) {
        const server = yield* make((socket) => {
          socket.pause().write("x".repeat(10_000))
        })
        const accepted = yield* Effect.forkChild(server.next, { startImmediately: true })
        const endpoint = inet(server.host, server.port, make === Servers.tcp ? {} : { tls: ca })
        const scope = yield* Scope.make()
        const { native } = yield* Scope.provide(dial(endpoint), scope)
        const peer = yield* Fiber.join(accepted)
        native.write(Buffer.alloc(size))
        yield* until(() => native.writableLength === 0)
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        for (let i = 0; i < 10; i++) yield* turn
        let received = 0
        let ended = false
        peer.on("data", (chunk) => received += chunk.length).once("end", () => ended = true).resume()
        yield* until(() => ended)
        assert.strictEqual(received, size)
        yield* Fiber.join(closing)
        assert.isTrue(native.destroyed)
      }
    }))

  it.live("closes at once when its scope does not end well, whatever was written and never read", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp((socket) => {
        socket.pause().write("x")
      })
      const before = Resources.descriptors()
      for (const exit of [Exit.fail("no"), Exit.interrupt()]) {
        const scope = yield* Scope.make()
        const { native } = yield* Scope.provide(dial(inet(server.host, server.port)), scope)
        native.write("x")
        yield* Scope.close(scope, exit)
        assert.isTrue(native.destroyed)
      }
      for (const socket of server.sockets) socket.destroy()
      yield* until(() => Resources.descriptors() === before)
    }))

  it.live("waits for a peer that reads nothing for a second, and then closes all the same", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp((socket) => socket.pause())
      const started = performance.now()
      const socket = yield* Effect.scoped(Effect.map(dial(inet(server.host, server.port)), ({ native }) => {
        native.write(Buffer.alloc(64 << 20))
        return native
      }))
      assert.isTrue(socket.destroyed)
      assert.isAbove(performance.now() - started, 990)
    }))

  it.live("gives its reader once, and closes with it", () =>
    Effect.gen(function*() {
      const { host, port } = yield* Servers.tcp(Servers.echo)
      const { native, socket } = yield* dial(inet(host, port))
      assert.strictEqual(yield* talk(socket, "once"), "once")
      assert.isTrue(native.destroyed)
      const { reason } = yield* Effect.flip(Effect.scoped(socket.reader))
      assert.strictEqual(reason._tag, "SocketOpenError")
      assert.match(String(reason.cause), /acquired before: connect again/)
    }))

  it.live("tells a reset before the first read to whoever reads, as an error", () =>
    Effect.gen(function*() {
      for (const tls of [undefined, ca]) {
        const server = yield* (tls === undefined ? Servers.tcp(() => {}) : Servers.tls(() => {}))
        const accepted = yield* Effect.forkChild(server.next, { startImmediately: true })
        const { socket } = yield* dial(inet(server.host, server.port, { tls }))
        yield* Fiber.join(accepted)
        for (const raw of server.sockets) raw.resetAndDestroy()
        yield* until(() => server.sockets.size === 0)
        for (let i = 0; i < 20; i++) yield* turn
        const failed = yield* Effect.flip(Effect.scoped(Effect.flatMap(socket.reader, ({ pull }) => pull)))
        assert.strictEqual(failed.reason._tag, "SocketReadError")
        assert.propertyVal(failed.reason.cause, "code", "ECONNRESET")
      }
    }))

  it.live("hears what a server said before it reset the connection, and then the reset", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp(() => {})
      const { socket } = yield* dial(inet(server.host, server.port))
      yield* until(() => server.sockets.size === 1)
      for (const accepted of server.sockets) accepted.write("554 go away\r\n", () => Servers.reset(accepted))
      yield* until(() => server.sockets.size === 0)
      for (let i = 0; i < 20; i++) yield* turn
      const { pull } = yield* socket.reader
      assert.strictEqual(yield* readText(pull, 13), "554 go away\r\n")
      assert.strictEqual((yield* Effect.flip(pull)).reason._tag, "SocketReadError")
    }))

  it.live("keeps what a server says first until it is read, however it is read", () =>
    Effect.gen(function*() {
      const text = `220 mail.example ${"x".repeat(100_000)}\r\n`
      const ways: Record<
        string,
        (dialed: NodeDialer.NodeDialed) => Effect.Effect<string, Socket.SocketError, Scope.Scope>
      > = {
        socket: ({ socket }) => Effect.flatMap(socket.reader, ({ pull }) => readText(pull, text.length)),
        data: ({ native }) =>
          Effect.promise(async () => {
            let heard = ""
            native.on("data", (chunk) => heard += String(chunk))
            await once(native, "end")
            return heard
          }),
        iterator: ({ native }) =>
          Effect.promise(async () => {
            let heard = ""
            for await (const chunk of native) heard += String(chunk)
            return heard
          })
      }
      for (const tls of [undefined, ca]) {
        const server = yield* (tls === undefined
          ? Servers.tcp(Servers.farewell(text))
          : Servers.tls(Servers.farewell(text)))
        for (const [way, read] of Object.entries(ways)) {
          const dialed = yield* dial(inet(server.host, server.port, { tls }))
          for (let i = 0; i < 20; i++) yield* turn
          assert.strictEqual(yield* Effect.scoped(read(dialed)), text, `${way}, tls ${tls !== undefined}`)
        }
      }
    }))
})
