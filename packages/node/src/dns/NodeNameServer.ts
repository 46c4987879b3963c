/**
 * A name server in this process, on loopback, for tests and demonstrations.
 *
 * It answers over UDP, TCP, TLS and HTTPS whatever a function says, such as
 * `Zone.answer` of `@happy-eyeballs/dns`. It is no server to put on a network.
 *
 * @since 0.1.0
 */
import { frame, Frames } from "@happy-eyeballs/dns/Frames"
import type { Protocol } from "@happy-eyeballs/dns/NameServer"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import { once } from "node:events"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import * as Net from "node:net"
import * as Tls from "node:tls"

/**
 * What a server answers, and where.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Gives the reply to a message, or `undefined` to be silent. */
  readonly answer: (query: Uint8Array, protocol: Protocol) => Uint8Array | undefined
  /** With a key and a certificate (PEM) it answers over TLS and HTTPS too. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined
  /** The port of UDP and TCP. Default: one that is free. */
  readonly port?: number | undefined
}

/**
 * Where a server listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Running {
  /** The port of UDP and TCP. */
  readonly port: number
  /** The port of TLS, or `undefined` without it. */
  readonly tlsPort: number | undefined
  /** The port of DNS over HTTPS, on any path and with POST, or `undefined` without TLS. */
  readonly httpsPort: number | undefined
}

/**
 * Runs a server until the scope closes.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Running, never, Scope.Scope> {
  const { answer, host = "127.0.0.1", tls } = options
  const plain = Net.createServer((socket) => serve(socket, (query) => answer(query, "tcp")))
  const port = yield* listen(plain, host, options.port ?? 0)
  yield* bind(host, port, (query) => answer(query, "udp"))
  if (tls === undefined) return { port, tlsPort: undefined, httpsPort: undefined }
  const secured = Tls.createServer(
    { ...tls, ALPNProtocols: ["dot"] },
    (socket) => serve(socket, (query) => answer(query, "tls"))
  )
  const { createSecureServer } = yield* Effect.promise(() => import("node:http2"))
  const http = createSecureServer(
    tls,
    (request, response) => respond(request, response, (query) => answer(query, "https"))
  )
  return { port, tlsPort: yield* listen(secured, host, 0), httpsPort: yield* listen(http, host, 0) }
})

type Answer = (query: Uint8Array) => Uint8Array | undefined

const serve = (socket: Net.Socket, answer: Answer): void => {
  const frames = new Frames()
  socket.on("error", () => {}).on("data", (chunk) => {
    for (const message of frames.push(chunk)) {
      const reply = answer(message)
      if (reply !== undefined) socket.write(frame(reply))
    }
  })
}

const respond = (request: Http2ServerRequest, response: Http2ServerResponse, answer: Answer): void => {
  const parts: Array<Buffer> = []
  request.on("data", (part: Buffer) => parts.push(part)).once("end", () => {
    const reply = request.method === "POST" ? answer(Buffer.concat(parts)) : new Uint8Array()
    if (reply === undefined) return
    response.writeHead(reply.length > 0 ? 200 : 400, { "content-type": "application/dns-message" }).end(reply)
  })
}

const listen = (server: Net.Server, host: string, port: number): Effect.Effect<number, never, Scope.Scope> => {
  const sockets = new Set<Net.Socket>()
  server.on("tlsClientError", () => {}).on("connection", (socket: Net.Socket) => {
    sockets.add(socket)
    socket.on("error", () => {}).once("close", () => sockets.delete(socket))
  })
  return Effect.acquireRelease(
    Effect.promise(() => {
      server.listen({ host, port })
      return once(server, "listening").then(() => (server.address() as Net.AddressInfo).port)
    }),
    () =>
      Effect.promise(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
        return once(server, "close")
      })
  )
}

const bind = (host: string, port: number, answer: Answer): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.promise(() => {
      const socket = Dgram.createSocket(host.includes(":") ? "udp6" : "udp4")
      socket.on("message", (query, from) => {
        const reply = answer(query)
        if (reply !== undefined) socket.send(reply, from.port, from.address)
      })
      socket.bind(port, host)
      return once(socket, "listening").then(() => socket)
    }),
    (socket) =>
      Effect.promise(() => {
        socket.close()
        return once(socket, "close")
      })
  ))
