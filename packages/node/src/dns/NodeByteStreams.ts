/**
 * Byte streams to name servers with Node's sockets, plain or over TLS.
 *
 * Sockets are opened by `NodeDialer`. What a server must prove is checked
 * between its handshake and our first byte, and TLS sessions are resumed only
 * where the same was proved in the session that they come from.
 *
 * @since 0.1.0
 */
import { type ByteStream, ByteStreams, StreamEnded } from "@happy-eyeballs/dns/ByteStreams"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import * as NodeDialer from "../NodeDialer.ts"
import { secured } from "./internal/secured.ts"

/**
 * Layer that opens streams with `node:net` and `node:tls`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<ByteStreams> = Layer.sync(ByteStreams, () => {
  const { dial } = NodeDialer.make()
  const open = secured(dial)
  return ByteStreams.of({
    open: (endpoint, security) =>
      security === undefined
        ? Effect.map(dial({ ...endpoint, tls: undefined }), ({ native }) => fromSocket(native))
        : Effect.map(open(endpoint, security), fromSocket)
  })
})

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
