import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import * as Socket from "effect/socket/Socket"
import type * as Endpoint from "../../Endpoint.ts"
import { type Serve, silent } from "../SimulatedServer.ts"
import { End, type Link, systemError } from "./end.ts"

/**
 * An open connection, as the client has it.
 *
 * @internal
 */
export interface Connection {
  readonly socket: Socket.Socket
  readonly close: Effect.Effect<void>
}

/**
 * Opens a connection and starts its server.
 *
 * @internal
 */
export const open = (options: {
  readonly endpoint: Endpoint.Endpoint
  readonly link: Link
  readonly serve: Serve | undefined
  readonly handshake: Effect.Effect<void, Error>
  /** Called once, when the client's end is over. */
  readonly onOver: () => void
}): Effect.Effect<Connection> =>
  Effect.suspend(() => {
    const { endpoint, handshake, link, onOver, serve } = options
    const { client, server } = End.pair(link, onOver)
    const start = (serve: Serve) => Effect.forkIn(run(serve, endpoint, server), link.scope, { startImmediately: true })
    const connection: Connection = {
      // A silent server is started only when somebody looks at the connection:
      // most races are run without a byte.
      socket: makeSocket(client, {
        isOpen: false,
        onReader: serve === undefined ? start(silent) : Effect.void,
        upgrade: Effect.onExit(
          handshake,
          (exit) => Exit.isFailure(exit) ? client.closeWith(toError(Cause.squash(exit.cause))) : Effect.void
        )
      }),
      close: client.close
    }
    return serve === undefined ? Effect.succeed(connection) : Effect.as(start(serve), connection)
  })

const run = (serve: Serve, endpoint: Endpoint.Endpoint, end: End): Effect.Effect<void> => {
  const accept = () => ({
    endpoint,
    socket: makeSocket(end, { isOpen: true, onReader: Effect.void, upgrade: Effect.void }),
    reset: Effect.suspend(() => end.reset(systemError("ECONNRESET", "the server reset the connection")))
  })
  // Closed or reset before the writer's release ends the write side: a client
  // would else take the end of a server that failed for a polite one.
  return Effect.suspend(() => serve(accept())).pipe(
    Effect.onExit((exit) =>
      Exit.isSuccess(exit) || isPolite(exit.cause) ? end.close : end.reset(toError(Cause.squash(exit.cause)))
    ),
    Effect.scoped,
    Effect.ignoreCause
  )
}

const isPolite = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.every((reason) =>
    Cause.isInterruptReason(reason) ||
    (Cause.isFailReason(reason) && Socket.isSocketError(reason.error) &&
      reason.error.reason._tag === "SocketCloseError")
  )

const toError = (cause: unknown): Error => Predicate.isError(cause) ? cause : new Error(String(cause), { cause })

const makeSocket = (end: End, options: {
  /** Whether writes may begin before the reader is acquired. */
  readonly isOpen: boolean
  readonly onReader: Effect.Effect<unknown>
  readonly upgrade: Effect.Effect<void, Error>
}): Socket.Socket => {
  // As with Effect's own sockets a client's writes wait for the reader, so that
  // code which forgets to acquire it hangs here as it would in earnest.
  const opened = Latch.makeUnsafe(options.isOpen)
  let acquired = false
  // Frames travel as they were written; this one encodes strings, as TCP has none.
  const bytes = Socket.readerBytes(Socket.make({
    reader: Effect.succeed({ pull: end.pull, upgrade: Socket.SocketUpgradeError.unsupported }),
    writer: Effect.never
  }))
  return Socket.make({
    reader: Effect.suspend(() => {
      if (acquired) return Effect.fail(alreadyRead)
      acquired = true
      opened.openUnsafe()
      return Effect.addFinalizer(() => end.stopReading).pipe(
        Effect.andThen(options.onReader),
        Effect.andThen(bytes),
        Effect.map((pull) => ({ pull, upgrade: upgradeOnce(options.upgrade) }))
      )
    }),
    writer: Effect.as(Effect.addFinalizer(() => end.end), {
      write: (chunk) =>
        opened.whenOpen(
          !Socket.isCloseEvent(chunk)
            ? end.write([chunk])
            : chunk.code > 1000
            ? end.closeWith(new Error(`closed with code ${chunk.code}`))
            : end.close
        ),
      writeAll: (chunks) => opened.whenOpen(end.write(chunks))
    })
  })
}

const alreadyRead = new Socket.SocketError({
  reason: new Socket.SocketOpenError({
    kind: "Unknown",
    cause: new Error("this connection was already read from: dial again for another")
  })
})

const upgradeOnce = (handshake: Effect.Effect<void, Error>): Socket.Reader["upgrade"] => {
  let upgraded = false
  const failed = (cause: Error) => new Socket.SocketError({ reason: new Socket.SocketUpgradeError({ cause }) })
  return () =>
    Effect.suspend(() => {
      if (upgraded) return Effect.fail(failed(new Error("the connection was already upgraded")))
      upgraded = true
      return Effect.mapError(handshake, failed)
    })
}
