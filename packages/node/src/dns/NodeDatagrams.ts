/**
 * Datagrams with `node:dgram`: one socket, one port and one peer for each.
 *
 * @since 0.1.0
 */
import { failureFromCause } from "@happy-eyeballs/core/Dialer"
import { IsBackground } from "@happy-eyeballs/dns/Background"
import { type Channel, DatagramFailed, Datagrams } from "@happy-eyeballs/dns/Datagrams"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import { nativeHost } from "./internal/nativeHost.ts"

/**
 * Layer that opens sockets with `node:dgram`.
 *
 * **Details**
 *
 * The port is the kernel's choice: Linux, macOS and Windows draw it at random.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Datagrams> = Layer.succeed(
  Datagrams,
  Datagrams.of({
    connect: (address) => Effect.flatMap(IsBackground, (inBackground) => connect(address, inBackground))
  })
)

// What nobody has received yet; a flood is dropped.
const maxWaiting = 64

const connect = (
  address: NetAddress.InetAddress,
  inBackground: boolean
): Effect.Effect<Channel, DatagramFailed, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const isIpv6 = NetAddress.isInetAddressV6(address)
        const socket = Dgram.createSocket({
          type: isIpv6 ? "udp6" : "udp4",
          // An address needs no lookup, and Node would ask for one.
          lookup: (host, _, done) => done(null, host, isIpv6 ? 6 : 4)
        })
        if (inBackground) socket.unref()
        return socket
      }),
      (socket) =>
        Effect.sync(() => {
          socket.close()
        })
    ),
    (socket) => {
      const inbox = new Inbox()
      socket.on("message", (bytes) => inbox.put(bytes)).on("error", (cause) => inbox.fail(failed(cause)))
      return Effect.callback<Channel, DatagramFailed>((resume) => {
        socket.connect(address.port, nativeHost(address), (cause?: unknown) =>
          resume(
            cause instanceof Error
              ? Effect.fail(failed(cause))
              : Effect.succeed({ receive: inbox.take, send: (bytes) => send(socket, bytes) })
          ))
      })
    }
  )

const send = (socket: Dgram.Socket, bytes: Uint8Array): Effect.Effect<void, DatagramFailed> =>
  Effect.callback((resume) => {
    socket.send(bytes, (cause) => resume(cause === null ? Effect.void : Effect.fail(failed(cause))))
  })

const failed = (cause: unknown): DatagramFailed => {
  const { code, kind } = failureFromCause(nowhere, cause)
  return new DatagramFailed({ kind, code, cause })
}

const nowhere = {
  address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Unspecified, 0),
  tls: undefined,
  host: undefined,
  payload: undefined
}

class Inbox {
  private readonly waiting: Array<Uint8Array> = []
  private failure: DatagramFailed | undefined
  private wake: (() => void) | undefined

  readonly take: Effect.Effect<Uint8Array, DatagramFailed> = Effect.callback((resume) => {
    const look = () => {
      const next = this.waiting.shift()
      if (next !== undefined) resume(Effect.succeed(next))
      else if (this.failure !== undefined) resume(Effect.fail(this.failure))
      else this.wake = look
    }
    look()
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  put(bytes: Uint8Array): void {
    if (this.waiting.length < maxWaiting) this.waiting.push(bytes)
    this.rouse()
  }

  fail(failure: DatagramFailed): void {
    this.failure ??= failure
    this.rouse()
  }

  private rouse(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}
