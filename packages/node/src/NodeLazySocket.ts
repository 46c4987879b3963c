/**
 * Sockets that are there before their connection is.
 *
 * Database drivers and brokers ask for a socket and begin to write at once. A
 * lazy socket takes what they write while the race runs, and hands it to the
 * winner. It behaves as a `net.Socket` does, and opens nothing itself: that is
 * `NodeHappyEyeballs`' part.
 *
 * @since 0.1.0
 */
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { TargetInput } from "@happy-eyeballs/core/Target"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Net from "node:net"
import type { Duplex } from "node:stream"
import { LazyDuplex, type Race } from "./internal/lazySocket.ts"
import { targetFromArguments } from "./internal/lazySocketTarget.ts"
import { fromConnectError } from "./NodeError.ts"
import { connect, type NodeConnection } from "./NodeHappyEyeballs.ts"

/**
 * A socket that connects by a race.
 *
 * **Details**
 *
 * It emits `connect` and `ready`, and with TLS in the race `secureConnect`, as
 * Node's sockets do; `error` has what `NodeError` makes of a `ConnectError`.
 * Settings (`setNoDelay`, `setKeepAlive`, `setTimeout`, `ref`, `unref`) may be
 * made at any time, and hold for the connection. `tls.connect({ socket })`
 * works on it, before and after it has connected.
 *
 * **Gotchas**
 *
 * It is not an `instanceof net.Socket`. Before it is connected `unref` lets the
 * race go on, which keeps the process alive.
 *
 * @category models
 * @since 0.1.0
 */
export interface LazySocket extends Net.Socket {
  /** The connection, with its report and Node's own socket, from `connect` on. */
  readonly connection: NodeConnection | undefined
  /** Whether the winner of the race speaks TLS. */
  readonly encrypted: boolean
  /** Whether the certificate of the winner was verified. */
  readonly authorized: boolean
}

/**
 * Options of a lazy socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ConnectOptions {
  /** Whether this side stays open when the other one ends. Default: no. */
  readonly allowHalfOpen?: boolean | undefined
}

/**
 * Opens a lazy socket, at once.
 *
 * **Details**
 *
 * With a target the race begins now, and a `connect` of the client's, as `pg`
 * calls it, changes nothing. Without one it begins with that call, whose port,
 * host, path and family are what is raced.
 *
 * @category models
 * @since 0.1.0
 */
export interface Open {
  (target?: TargetInput | undefined, options?: Options | undefined): LazySocket
}

/**
 * Gives the function that opens lazy sockets.
 *
 * **Details**
 *
 * The sockets belong to the scope of the call: when it closes, those still open
 * are destroyed, and it waits until they are closed.
 *
 * **Example** (Giving a driver its sockets)
 *
 * ```ts
 * import { HappyEyeballsLive, NodeLazySocket } from "@happy-eyeballs/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const open = yield* NodeLazySocket.factory
 *   const socket = open("example.com:443") // a driver is given `stream: () => open()`
 *   socket.end("written before there is a connection\n")
 *   const heard = yield* Effect.promise(() => socket.setEncoding("utf8").toArray())
 *   return heard.join("")
 * })
 *
 * await program.pipe(Effect.scoped, Effect.provide(HappyEyeballsLive), Effect.runPromise)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const factory: Effect.Effect<Open, never, HappyEyeballs | Scope.Scope> = Effect.gen(function*() {
  const context = yield* Effect.context<HappyEyeballs>()
  const run = Effect.runForkWith(context)
  const opened = new Set<LazyDuplex>()
  let ended = false
  yield* Effect.addFinalizer(() => {
    ended = true
    return Effect.forEach(opened, destroyed, { concurrency: "unbounded", discard: true })
  })

  const race = (target: TargetInput, options: ConnectOptions): Race => (settle) => {
    const scope = Scope.makeUnsafe()
    const fiber = run(Scope.provide(Effect.mapError(connect(target, options), fromConnectError), scope))
    fiber.addObserver(settle)
    return (closed) => {
      run(Effect.andThen(Fiber.interrupt(fiber), Scope.close(scope, Exit.interrupt()))).addObserver(closed)
    }
  }

  return (target, { allowHalfOpen = false, ...options } = {}) => {
    const socket = new LazyDuplex({
      allowHalfOpen,
      raceTo: (place) => race(...targetFromArguments(place, options))
    })
    opened.add(socket)
    socket.once("close", () => opened.delete(socket))
    if (ended) socket.destroy(new Error("the scope that this socket would belong to is closed"))
    else if (target !== undefined) socket.start(race(target, options))
    return socket
  }
})

/**
 * Opens one lazy socket, in the scope of the call.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  target?: TargetInput | undefined,
  options?: Options | undefined
): Effect.Effect<LazySocket, never, HappyEyeballs | Scope.Scope> => Effect.map(factory, (open) => open(target, options))

const destroyed = (socket: Duplex): Effect.Effect<void> =>
  Effect.callback((resume) => {
    socket.once("close", () => resume(Effect.void)).destroy()
  })
