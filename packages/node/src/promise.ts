/**
 * Connecting without Effect: promises, an `AbortSignal` and `await using`.
 *
 * The options and what they mean are those of `NodeHappyEyeballs.connect`, and
 * so is the race. All calls share one racer, which is made with the first of
 * them and keeps no process alive.
 *
 * @since 0.1.0
 */
import { ConnectError } from "@happy-eyeballs/core/ConnectError"
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { ConnectReport } from "@happy-eyeballs/core/ConnectReport"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { TargetInput } from "@happy-eyeballs/core/Target"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import * as NodeDiagnostics from "./NodeDiagnostics.ts"
import { fromConnectError, NodeError } from "./NodeError.ts"
import * as NodeHappyEyeballs from "./NodeHappyEyeballs.ts"

/**
 * Options of a connect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ConnectOptions {
  /** Gives the connect up, which then rejects with the signal's reason. It has no effect on an open connection. */
  readonly signal?: AbortSignal | undefined
}

/**
 * An open connection.
 *
 * **Details**
 *
 * `await using` closes it when what was written has been sent, after a second
 * at the latest; `using` destroys it at once. It is also the caller's to close
 * by the means of the socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection extends AsyncDisposable, Disposable {
  /** Node's own socket; with TLS, its handshake is done. It is not being read yet. */
  readonly socket: Net.Socket | Tls.TLSSocket
  readonly report: ConnectReport
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/**
 * Connects to a target.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connect {
  (target: TargetInput, options?: Options): Promise<Connection>
}

/**
 * Connects to a target and gives Node's own socket.
 *
 * **Details**
 *
 * It rejects with a `NodeError`: `code`, `errors`, and a message that names
 * every address. It never throws.
 *
 * **Example** (Saying hello)
 *
 * ```ts
 * import { connect } from "@happy-eyeballs/node/promise"
 *
 * const connection = await connect("example.com:443", { signal: AbortSignal.timeout(3000) })
 * connection.socket.end("hello\n")
 * await connection[Symbol.asyncDispose]() // or, from Node 24 on: await using connection = …
 * ```
 *
 * @category connecting
 * @since 0.1.0
 */
export const connect: Connect = (target, options) => shared.connect(target, options)

/**
 * A racer for promises, with services of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connector extends AsyncDisposable {
  readonly connect: Connect
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/**
 * Makes a connector over a layer: with another resolver, or with a policy of
 * the addresses that may be connected to.
 *
 * **Details**
 *
 * The layer is built with the first connect. Disposing of the connector ends
 * its connects that are underway; open connections are their owners'.
 *
 * **Example** (Keeping away from internal addresses)
 *
 * ```ts
 * import { AddressPolicy } from "@happy-eyeballs/core"
 * import { HappyEyeballsLive } from "@happy-eyeballs/node"
 * import { make } from "@happy-eyeballs/node/promise"
 * import { Layer } from "effect"
 *
 * const { connect } = make(HappyEyeballsLive.pipe(Layer.provide(AddressPolicy.layerPublicOnly)))
 *
 * await connect("127.0.0.1:443").catch(({ code }) => code) // => "ERR_IP_BLOCKED"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <E>(layer: Layer.Layer<HappyEyeballs, E>): Connector => {
  const runtime = ManagedRuntime.make(Layer.provideMerge(NodeDiagnostics.layer, layer))
  let disposing: Promise<void> | undefined
  return {
    connect: (target, { signal, ...options } = {}) => {
      if (disposing !== undefined) return Promise.reject(disposed())
      return runtime.runPromiseExit(open(target, options), { signal }).then((exit) => {
        if (Exit.isSuccess(exit)) return exit.value
        if (!Cause.hasInterruptsOnly(exit.cause)) throw errorFrom(Cause.squash(exit.cause))
        throw signal?.aborted === true ? signal.reason : disposed()
      })
    },
    [Symbol.asyncDispose]: () => disposing ??= runtime.dispose()
  }
}

const disposed = () => new NodeError("the connector was disposed of", { code: "ABORT_ERR", syscall: "connect" })

// Nothing runs, and nothing is held, before the first connect.
const shared = /*#__PURE__*/ make(NodeHappyEyeballs.layer)

const errorFrom = (cause: unknown): unknown => cause instanceof ConnectError ? fromConnectError(cause) : cause

const open = (
  target: TargetInput,
  options: ConnectOptions
): Effect.Effect<Connection, ConnectError, HappyEyeballs> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    return NodeHappyEyeballs.connect(target, options).pipe(
      Scope.provide(scope),
      Effect.map((connection) => ({
        socket: connection.native,
        report: connection.report,
        [Symbol.dispose]: () => {
          connection.native.destroy()
        },
        [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void))
      }))
    )
  })
