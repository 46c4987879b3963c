/**
 * The server behind an address of a simulated network.
 *
 * A server is one function, run for each connection that it accepts. It reads
 * and writes through a `Socket.Socket`, as a real one does.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import type * as Endpoint from "../Endpoint.ts"

/**
 * The server's end of one connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  /** What the client dialled. */
  readonly endpoint: Endpoint.Endpoint
  /** Already open; its reader can be acquired once. */
  readonly socket: Socket.Socket
  /** Resets the connection: what the client has not read is lost. */
  readonly reset: Effect.Effect<void>
}

/**
 * Serves one connection, from its accept on.
 *
 * **Details**
 *
 * The connection is closed when the effect ends, also when it fails because
 * the client closed first. Any other failure, and a defect, resets it with
 * that as the cause.
 *
 * @category models
 * @since 0.1.0
 */
export type Serve = (peer: Peer) => Effect.Effect<unknown, unknown, Scope.Scope>

/**
 * Sends back whatever it reads.
 *
 * @category servers
 * @since 0.1.0
 */
export const echo: Serve = Effect.fnUntraced(function*({ socket }) {
  const { pull } = yield* socket.reader
  const writer = yield* socket.writer
  return yield* Effect.forever(Effect.flatMap(pull, writer.writeAll), { disableYield: true })
})

/**
 * Reads whatever comes and says nothing.
 *
 * @category servers
 * @since 0.1.0
 */
export const silent: Serve = Effect.fnUntraced(function*({ socket }) {
  const { pull } = yield* socket.reader
  return yield* Effect.forever(pull, { disableYield: true })
})
