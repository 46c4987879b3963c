/**
 * Connects to servers that must say something before they count as reached.
 *
 * A balancer accepts a connection before it knows whether anybody is behind it.
 * Here an attempt succeeds only when a function of the caller's says so, after
 * an SMTP banner or a database's greeting, and the race goes on until then.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import type { ConnectError } from "./ConnectError.ts"
import type { ConnectOptions } from "./ConnectOptions.ts"
import { type Dialed, Dialer, DialFailed, failureFromCause } from "./Dialer.ts"
import type * as Endpoint from "./Endpoint.ts"
import { type Connection, HappyEyeballs } from "./HappyEyeballs.ts"
import { SharedSocket } from "./internal/sharedSocket.ts"
import type { TargetInput } from "./Target.ts"

/**
 * A connection that is open, and may not be ready.
 *
 * @category models
 * @since 0.1.0
 */
export interface Opening extends Dialed {
  /** Gives back what was read: it is read again, before all else. */
  readonly unread: (chunk: Uint8Array | string) => void
}

/**
 * A connection that is ready, and what it said about that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ready<D extends Dialed, B> {
  readonly connection: D
  readonly ready: B
}

/**
 * Connects to a target; an attempt wins when its connection is ready.
 *
 * **Details**
 *
 * `ready` runs inside the attempt: its time counts, its failure is the
 * attempt's, of the kind that the error's `code` says, and the next attempt has
 * begun meanwhile where it takes longer than the head start. What it opens in
 * its scope lives as long as the connection, or ends with the attempt.
 *
 * The `socket` is one and the same before and after: what `ready` reads is
 * consumed, except for what it gives back with `unread`; what it has not read
 * is there for the winner. Its reader may be acquired by `ready` and once more
 * afterwards; only then does the connection end with the reader's scope.
 *
 * **Gotchas**
 *
 * Bytes read through `socket` are gone from the platform's own socket. Who goes
 * on with that one reads there in `ready`, too, and puts back what belongs to
 * the winner, in Node with `unshift`. An upgrade to TLS drops what was given
 * back before, since that came in clear text.
 *
 * **Example** (Waiting for the banner of a mail server)
 *
 * ```ts
 * import { Endpoint, HappyEyeballs, Ready } from "@happy-eyeballs/core"
 * import { SimulatedNetwork, type SimulatedServer, VirtualTime } from "@happy-eyeballs/core/testing"
 * import { Effect, Layer } from "effect"
 * import { Socket } from "effect/socket"
 *
 * const banner = Effect.fnUntraced(function*({ socket, unread }: Ready.Opening) {
 *   const pull = yield* Socket.readerString(socket)
 *   let text = ""
 *   while (!text.includes("\r\n")) text += (yield* pull).join("")
 *   unread(text) // whoever speaks SMTP wants to hear it
 *   if (!text.startsWith("220")) return yield* Effect.fail(new Error(text.trim()))
 *   return text.trim()
 * })
 *
 * const server = Effect.fnUntraced(function*({ socket }: SimulatedServer.Peer) {
 *   const { write } = yield* socket.writer
 *   yield* write("220 mail.example ESMTP\r\n")
 *   return yield* Effect.never
 * })
 *
 * const network = SimulatedNetwork.layer({
 *   network: {
 *     "192.0.2.1": { outcome: "accept" }, // and nothing more
 *     "192.0.2.2": { outcome: "accept", serve: server }
 *   }
 * })
 *
 * const program = Effect.map(
 *   Ready.connect(["192.0.2.1:587", "192.0.2.2:587"], banner),
 *   ({ connection, ready }) => `${ready} at ${Endpoint.format(connection.endpoint)}`
 * )
 *
 * VirtualTime.runUnsafe(program.pipe(
 *   Effect.scoped,
 *   Effect.provide(HappyEyeballs.HappyEyeballs.layer.pipe(Layer.provideMerge(network)))
 * )) // => "220 mail.example ESMTP at 192.0.2.2:587"
 * ```
 *
 * @category connecting
 * @since 0.1.0
 */
export const connect = <B, E, R>(
  target: TargetInput,
  ready: (connection: Opening) => Effect.Effect<B, E, R>,
  options?: ConnectOptions
): Effect.Effect<
  Ready<Connection, B>,
  ConnectError,
  HappyEyeballs | Dialer | Exclude<R, Scope.Scope> | Scope.Scope
> =>
  Effect.contextWith((context: Context.Context<HappyEyeballs | Dialer | Scope.Scope>) => {
    const { connectWithReport } = Context.get(context, HappyEyeballs)
    // A scope of its own, so that a connection that ends by itself leaves nothing in the caller's.
    const scope = Scope.forkUnsafe(Context.get(context, Scope.Scope))
    const dialed = dial(Context.get(context, Dialer).dial, ready)
    return Scope.provide(connectWithReport(target, dialed, options), scope).pipe(
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)),
      Effect.map(({ report, value: { connection, ready } }) => {
        connection.onClose(() => {
          const closing = Scope.closeUnsafe(scope, Exit.void)
          if (closing !== undefined) Effect.runFork(closing)
        })
        return { connection: { ...connection, report }, ready }
      })
    )
  })

/**
 * Makes a dial whose success is a connection that is ready: for
 * `HappyEyeballs.connectWith`, or for a `Dialer` of one's own.
 *
 * @category combinators
 * @since 0.1.0
 */
export const dial = <D extends Dialed, R1, B, E, R>(
  dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<D, DialFailed, R1>,
  ready: (connection: D & Opening) => Effect.Effect<B, E, R>
) =>
(endpoint: Endpoint.Endpoint): Effect.Effect<Ready<D, B>, DialFailed, R1 | R | Scope.Scope> =>
  Effect.flatMap(dial(endpoint), (dialed) =>
    Effect.flatMap(Effect.scope, (scope) => {
      const shared = new SharedSocket(dialed.socket, scope)
      const connection = { ...dialed, socket: shared.socket }
      return ready({ ...connection, unread: shared.unread }).pipe(
        Effect.mapError((cause) => notReady(endpoint, cause)),
        Effect.map((ready) => {
          shared.handOver()
          return { connection, ready }
        })
      )
    }))

const notReady = (endpoint: Endpoint.Endpoint, cause: unknown): DialFailed => {
  if (!Socket.isSocketError(cause)) return failureFromCause(endpoint, cause)
  const { reason } = cause
  if (reason._tag === "SocketCloseError") {
    return failureFromCause(endpoint, new Error("closed before it was ready", { cause }))
  }
  const failure = failureFromCause(endpoint, reason.cause)
  return reason._tag === "SocketUpgradeError" && failure.kind === "Unknown"
    ? new DialFailed({ endpoint, kind: "Tls", code: failure.code, cause: reason.cause })
    : failure
}
