/**
 * Byte streams to name servers with Node's sockets, plain or over TLS.
 *
 * Sockets are opened by `NodeDialer`. What a server must prove is checked
 * between its handshake and our first byte, and TLS sessions are resumed only
 * where the same was proved in the session that they come from.
 *
 * @since 0.1.0
 */
import { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import type * as Authentication from "@happy-eyeballs/dns/Authentication"
import { type ByteStream, ByteStreams, type Security, StreamEnded } from "@happy-eyeballs/dns/ByteStreams"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import * as NodeDialer from "../NodeDialer.ts"
import { problem, tlsOptions } from "./internal/proof.ts"
import { Sessions } from "./internal/Sessions.ts"

/**
 * Layer that opens streams with `node:net` and `node:tls`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<ByteStreams> = Layer.sync(ByteStreams, () => {
  const { dial } = NodeDialer.make()
  const sessions = new Sessions()
  return ByteStreams.of({
    open: (endpoint, security) =>
      security === undefined
        ? Effect.map(dial({ ...endpoint, tls: undefined }), ({ native }) => fromSocket(native))
        : openSecured(dial, sessions, endpoint, security)
  })
})

type Dial = (endpoint: Endpoint) => Effect.Effect<NodeDialer.NodeDialed, DialFailed, Scope.Scope>

const openSecured = Effect.fnUntraced(function*(
  dial: Dial,
  sessions: Sessions,
  endpoint: Endpoint,
  { alpn, authentication }: Security
): Effect.fn.Return<ByteStream, DialFailed, Scope.Scope> {
  const refuse = (code: string, message: string) =>
    new DialFailed({ endpoint, kind: "Tls", code, cause: new Error(message) })
  const key = sessions.key(endpoint, authentication)
  const session = sessions.take(key)
  const ca = yield* Effect.mapError(anchors(authentication), (cause) => refuse("NO_TRUST_ANCHORS", cause))
  const { native } = yield* dial({
    ...endpoint,
    tls: { ...tlsOptions(authentication, ca), ALPNProtocols: [...alpn], session }
  })
  const socket = native as Tls.TLSSocket
  // A resumed TLS 1.3 session shows no certificate: it was shown when the session
  // began, and a session is only kept after that was verified.
  if (session === undefined || !socket.isSessionReused()) {
    const found = problem(socket, authentication, yield* Clock.currentTimeMillis)
    if (found !== undefined) {
      socket.destroy()
      return yield* refuse("CERT_MISMATCH", found)
    }
  }
  // The first ticket may have come with the end of the handshake.
  const first = socket.getSession()
  if (first !== undefined) sessions.put(key, first)
  socket.on("session", (next: Buffer) => sessions.put(key, next))
  return fromSocket(socket)
})

const anchors = (
  authentication: Authentication.Authentication
): Effect.Effect<ReadonlyArray<string> | undefined, string> => {
  const { anchors: given } = authentication
  if (given === undefined) return Effect.succeed(undefined)
  if (given._tag === "File") {
    return Effect.tryPromise({
      try: () => Fs.readFile(given.path, "utf8"),
      catch: (cause) => `the file of CAs cannot be read (${String(cause)})`
    }).pipe(Effect.map((text) => [text]))
  }
  return Effect.try({
    try: () => given.der.map((der) => new Crypto.X509Certificate(der).toString()),
    catch: () => "a trust anchor is no certificate"
  })
}

const fromSocket = (socket: Net.Socket | Tls.TLSSocket): ByteStream => {
  let wake: (() => void) | undefined
  const rouse = () => {
    const waiting = wake
    wake = undefined
    waiting?.()
  }
  socket.on("readable", rouse).on("end", rouse).on("close", rouse)
  const ended = () => new StreamEnded({ cause: socket.errored ?? undefined })
  return {
    read: Effect.callback((resume) => {
      const look = () => {
        const chunk: Buffer | null = socket.read()
        if (chunk !== null) resume(Effect.succeed(chunk))
        else if (socket.readableEnded || socket.destroyed) resume(Effect.fail(ended()))
        else wake = look
      }
      look()
      return Effect.sync(() => {
        wake = undefined
      })
    }),
    // Node takes all of it at once, and an error comes to whoever reads.
    write: (bytes) =>
      Effect.suspend(() => {
        if (!socket.writable) return Effect.fail(ended())
        socket.write(bytes)
        return Effect.void
      }),
    setIdle: (idle) => {
      if (idle) socket.unref()
      else socket.ref()
    }
  }
}
