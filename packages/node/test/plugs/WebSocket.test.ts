import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import type * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { WebSocket, WebSocketServer } from "ws"
import * as NodeWebSocket from "../../src/NodeWebSocket.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { layerNames, leavesNothing, settled, turn, until } from "./support/socket.ts"

const host = "dual.example"

interface Place {
  readonly tls?: boolean
  readonly path?: string
  readonly redirectTo?: string
}

/** A real WebSocket server, which says who calls and then sends back what it gets. */
const serverAt = ({ path, redirectTo, tls = false }: Place = {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const http = tls ? Https.createServer(Certificates.server) : Http.createServer()
      const server = new WebSocketServer({ noServer: true, handleProtocols: ([first]) => first ?? false })
      http.on("upgrade", (request, socket, head) => {
        if (redirectTo !== undefined) {
          socket.end(`HTTP/1.1 302 Found\r\nLocation: ${redirectTo}\r\n\r\n`)
          return
        }
        server.handleUpgrade(request, socket, head, (client) => {
          client.on("error", () => {})
          client.send(`${request.headers["x-caller"] ?? "nobody"} ${client.protocol}`)
          client.on("message", (data, isBinary) => client.send(data, { binary: isBinary }))
        })
      })
      http.listen(path === undefined ? { host: "127.0.0.2", port: 0 } : { path })
      await once(http, "listening")
      return { http, server, port: path === undefined ? (http.address() as Net.AddressInfo).port : 0 }
    }),
    ({ http, server }) =>
      Effect.promise(async () => {
        for (const client of server.clients) client.terminate()
        http.closeAllConnections()
        http.close()
        await once(http, "close")
      })
  )

const text = (chunks: ReadonlyArray<string | Uint8Array>): string =>
  chunks.map((chunk) => typeof chunk === "string" ? chunk : `bytes ${chunk.length}`).join("|")

/** Opens, hears the greeting, and says something. */
const talk = Effect.fnUntraced(function*(url: string, options?: Parameters<typeof Socket.makeWebSocket>[1]) {
  const socket = yield* Socket.makeWebSocket(url, options)
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer
  const greeting = text(yield* pull)
  yield* write("hello")
  const echo = text(yield* pull)
  yield* write(new Uint8Array(1 << 20))
  return [greeting, echo, text(yield* pull)]
}, Effect.scoped)

const at = (...addresses: ReadonlyArray<string>) => layerNames(() => ({ [host]: addresses }))

describe("NodeWebSocket.layer", () => {
  it.live("opens a WebSocket whose first address does not answer, with headers and protocols", () =>
    Effect.gen(function*() {
      for (const tls of [false, true]) {
        const { port } = yield* serverAt({ tls })
        const hole = yield* BlackHole.make("127.0.0.3", port)
        const layer = NodeWebSocket.layerOptions({
          connect: { connectionAttemptDelay: 100, tls: { ca: Certificates.ca } },
          client: { headers: { "x-other": "kept" }, maxPayload: 2 << 20 }
        }).pipe(Layer.provide(at(hole.host, "127.0.0.2")))
        const started = performance.now()
        const heard = yield* talk(`${tls ? "wss" : "ws"}://${host}:${port}/`, {
          protocols: ["chat"],
          headers: { "x-caller": "me" }
        }).pipe(Effect.provide(layer), leavesNothing)
        const elapsed = performance.now() - started
        assert.deepStrictEqual(heard, ["me chat", "hello", "bytes 1048576"])
        assert.isTrue(elapsed >= 100 && elapsed < 1000, `${elapsed} ms`)
      }
    }).pipe(Effect.scoped))

  it.live("races anew each time it is opened", () =>
    Effect.gen(function*() {
      let address = "127.0.0.3"
      const { port } = yield* serverAt()
      yield* Effect.gen(function*() {
        const socket = yield* Socket.makeWebSocket(`ws://${host}:${port}/`, { protocols: "chat" })
        const failed = yield* Effect.flip(Effect.scoped(socket.reader))
        assert.strictEqual(failed.reason._tag, "SocketOpenError")
        const { error } = failed.reason.cause as { readonly error: NodeJS.ErrnoException }
        assert.propertyVal(error, "code", "ECONNREFUSED")
        assert.include(error.message, `127.0.0.3:${port} refused`)
        address = "127.0.0.2"
        const greeting = yield* Effect.scoped(Effect.flatMap(socket.reader, ({ pull }) => pull))
        assert.strictEqual(text(greeting), "nobody chat")
      }).pipe(Effect.provide(NodeWebSocket.layer.pipe(Layer.provide(layerNames(() => ({ [host]: [address] }))))))
    }).pipe(leavesNothing))

  it.live("checks the certificate of wss:, and never speaks TLS to ws:", () =>
    Effect.gen(function*() {
      const { port } = yield* serverAt({ tls: true })
      const plain = yield* serverAt()
      const layer = NodeWebSocket.layerOptions({ connect: { tls: false } }).pipe(Layer.provide(at("127.0.0.2")))
      yield* Effect.gen(function*() {
        const { reader } = yield* Socket.makeWebSocket(`wss://${host}:${port}/`)
        const { reason } = yield* Effect.flip(Effect.scoped(reader))
        assert.propertyVal(Reflect.get(reason.cause as object, "error"), "code", "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
        assert.deepStrictEqual((yield* talk(`ws://${host}:${plain.port}/`))[0], "nobody ")
      }).pipe(Effect.provide(layer))
      const secured = NodeWebSocket.layerOptions({ connect: { tls: true } }).pipe(Layer.provide(at("127.0.0.2")))
      const heard = yield* talk(`ws://${host}:${plain.port}/`).pipe(Effect.provide(secured))
      assert.strictEqual(heard[0], "nobody ")
    }).pipe(leavesNothing))

  it.live("gives ws its own options, and what is asked for at each opening beside them", () =>
    Effect.gen(function*() {
      const { port } = yield* serverAt()
      const client = { headers: { "x-caller": "everybody" }, maxPayload: 1000 }
      yield* Effect.gen(function*() {
        const socket = yield* Socket.makeWebSocket(`ws://${host}:${port}/`, { headers: { "x-other": "1" } })
        const { pull } = yield* socket.reader
        const { write } = yield* socket.writer
        assert.strictEqual(text(yield* pull), "everybody ")
        yield* write(new Uint8Array(2000))
        const { reason } = yield* Effect.flip(pull)
        assert.propertyVal(Reflect.get(reason, "cause"), "message", "Max payload size exceeded")
      }).pipe(Effect.provide(NodeWebSocket.layerOptions({ client }).pipe(Layer.provide(at("127.0.0.2")))))
    }).pipe(leavesNothing))

  it.live("ends the race of a WebSocket that is not wanted any more", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.3")
      const before = Resources.descriptors()
      yield* Effect.gen(function*() {
        const { reader } = yield* Socket.makeWebSocket(`ws://${host}:${hole.port}/`)
        const fiber = yield* Effect.forkChild(Effect.scoped(reader), { startImmediately: true })
        yield* until(() => Resources.connectingTo(hole.port) === 1)
        yield* Fiber.interrupt(fiber)
        yield* until(() => Resources.descriptors() === before)
        const hurried = yield* Socket.makeWebSocket(`ws://${host}:${hole.port}/`, { openTimeout: 20 })
        const { reason } = yield* Effect.flip(Effect.scoped(hurried.reader))
        assert.deepInclude({ ...reason }, { _tag: "SocketOpenError", kind: "Timeout" })
        yield* until(() => Resources.descriptors() === before)
      }).pipe(Effect.provide(NodeWebSocket.layer.pipe(Layer.provide(at(hole.host)))))
    }).pipe(Effect.scoped))

  it.live("leaves nothing open when its scope closes in the middle of everything", () =>
    Effect.gen(function*() {
      const { port } = yield* serverAt({ tls: true })
      const hole = yield* BlackHole.make("127.0.0.3", port)
      for (const wait of [0, 5, 20, 40, 80]) {
        const before = Resources.descriptors()
        const scope = yield* Scope.make()
        const layer = NodeWebSocket.layerOptions({
          connect: { connectionAttemptDelay: 20, tls: { ca: Certificates.ca } }
        }).pipe(Layer.provide(at(hole.host, "127.0.0.2")))
        const context = yield* Layer.buildWithScope(layer, scope)
        const talking = yield* Effect.forkChild(
          Effect.exit(Effect.forever(Effect.provide(talk(`wss://${host}:${port}/`), context)))
        )
        yield* Effect.sleep(wait)
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(talking)))
        yield* until(() => Resources.descriptors() <= before, `after ${wait} ms`)
      }
    }).pipe(Effect.scoped))
})

describe("NodeWebSocket.createConnection", () => {
  it.live("connects a client of ws, over a Unix path too, and after a redirect to TLS", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))),
        (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
      )
      const path = Path.join(directory, "socket")
      yield* serverAt({ path })
      const secure = yield* serverAt({ tls: true })
      const { port } = yield* serverAt({ redirectTo: `wss://${host}:${secure.port}/` })
      const createConnection = yield* NodeWebSocket.createConnection({ tls: { ca: Certificates.ca } }).pipe(
        Effect.provide(yield* Layer.build(at("127.0.0.2")))
      )
      for (const url of [`ws+unix:${path}`, `wss://${host}:${secure.port}/`, `ws://${host}:${port}/`]) {
        const socket = new WebSocket(url, { createConnection, followRedirects: true })
        const [message] = yield* settled(() => once(socket, "message"))
        assert.strictEqual(String(message), "nobody ")
        socket.close()
        yield* settled(() => once(socket, "close"))
      }
    }).pipe(leavesNothing))

  it.live("tells ws why it could not connect", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort("127.0.0.2")
      const createConnection = yield* NodeWebSocket.createConnection().pipe(
        Effect.provide(yield* Layer.build(at("127.0.0.2")))
      )
      const socket = new WebSocket(`ws://${host}:${port}/`, { createConnection })
      const [error] = yield* settled(() => once(socket, "error"))
      assert.deepInclude({ ...error }, { code: "ECONNREFUSED", hostname: host, port })
      const early = new WebSocket(`ws://${host}:${port}/`, { createConnection })
      early.on("error", () => {}).terminate()
      yield* turn
    }).pipe(leavesNothing))
})
