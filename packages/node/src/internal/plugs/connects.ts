/**
 * Connects for clients that know callbacks, and nothing of scopes.
 */
import { ConnectError } from "@happy-eyeballs/core/ConnectError"
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { TargetInput } from "@happy-eyeballs/core/Target"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as NodeDialer from "../../NodeDialer.ts"
import { fromConnectError, NodeError } from "../../NodeError.ts"
import * as NodeHappyEyeballs from "../../NodeHappyEyeballs.ts"

export interface ConnectRequest {
  /** The host, for messages. */
  readonly host: string
  /** What to connect to; an effect where that has to be found out first. */
  readonly target: TargetInput | Effect.Effect<TargetInput, Error>
  readonly options: ConnectOptions
  /** The address to connect from. */
  readonly localAddress?: string | undefined
}

/** Called once, and never before the connect has returned. */
export type Callback = (...result: [error: null, socket: Net.Socket] | [error: Error, socket: null]) => void

/**
 * Begins a connect; what it returns ends it, and then the callback is not
 * called any more. A connection that was handed over is its owner's to close,
 * and closes with the scope at the latest.
 */
export type Connects = (request: ConnectRequest, callback: Callback) => () => void

/**
 * Makes connects that live in the scope: when it closes, those underway end
 * with an error of code `ABORT_ERR`, and so does each one begun later.
 */
export const make: Effect.Effect<Connects, never, HappyEyeballs | Scope.Scope> = Effect.gen(function*() {
  // Of its own, so that a pool which is made afterwards ends its connections itself before this does.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const run = yield* FiberSet.makeRuntime<HappyEyeballs>()
  return (request, callback) => {
    let returned = false
    let wanted = true
    const fiber = run(Scope.provide(open(request), scope))
    fiber.addObserver((exit) => {
      const tell = () => {
        if (!wanted) {
          if (Exit.isSuccess(exit)) exit.value.destroy()
          return
        }
        if (Exit.isSuccess(exit)) callback(null, exit.value)
        else callback(errorFrom(exit.cause, request.host), null)
      }
      // A client is not yet ready to be told while it is asking.
      if (returned) tell()
      else process.nextTick(tell)
    })
    returned = true
    return () => {
      wanted = false
      fiber.interruptUnsafe()
    }
  }
})

const open = Effect.fnUntraced(function*(
  { localAddress, options, target }: ConnectRequest
): Effect.fn.Return<Net.Socket, ConnectError | Error, HappyEyeballs | Scope.Scope> {
  const found = Effect.isEffect(target) ? yield* target : target
  if (localAddress === undefined) return (yield* NodeHappyEyeballs.connect(found, options)).native
  return yield* connectFrom(localAddress, found, options)
})

const connectFrom = (
  localAddress: string,
  target: TargetInput,
  options: ConnectOptions
): Effect.Effect<Net.Socket, ConnectError, HappyEyeballs | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { connectWith } = yield* HappyEyeballs
      const { dial } = NodeDialer.make({ localAddress })
      // Of its own, so that a connection which ends leaves nothing in a scope that lives on.
      const scope = yield* Scope.fork(yield* Effect.scope)
      const { native, onClose } = yield* restore(Scope.provide(connectWith(target, dial, options), scope)).pipe(
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      onClose(() => {
        Effect.runFork(Scope.close(scope, Exit.void))
      })
      return native
    })
  )

const errorFrom = (cause: Cause.Cause<ConnectError | Error>, host: string): Error => {
  if (Cause.hasInterruptsOnly(cause)) {
    const message = `could not connect to ${host}: the scope that its connections belong to is closed`
    return new NodeError(message, { code: "ABORT_ERR", syscall: "connect", hostname: host })
  }
  const error = Cause.squash(cause)
  if (error instanceof ConnectError) return fromConnectError(error)
  return error instanceof Error ? error : new Error(String(error))
}
