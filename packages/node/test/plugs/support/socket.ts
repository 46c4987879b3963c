/**
 * What the tests of socket plugs share.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as BlackHole from "../../fixtures/BlackHole.ts"
import * as Resources from "../../fixtures/Resources.ts"

/** One turn of the loop. */
export const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits until something holds, for at most ten thousand turns of the loop. */
export const until = (condition: () => boolean, message?: string): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let turns = 0; turns < 10_000 && !condition(); turns++) yield* turn
    assert.isTrue(condition(), message)
  })

/** Waits for an event, and does not mind an `error` before it. */
export const heard = (emitter: NodeJS.EventEmitter, event: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    emitter.once(event, () => resume(Effect.void))
  })

export const settled = <A>(promise: () => Promise<A>): Effect.Effect<A, Error> =>
  Effect.tryPromise({ try: promise, catch: (cause) => cause as Error })

/** Checks that nothing stays open that `effect` opened in its scope. */
export const leavesNothing = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    const before = Resources.descriptors()
    const value = yield* Effect.scoped(effect)
    yield* until(() => Resources.descriptors() === before, "descriptors are left")
    return value
  })

/** An address that does not answer, then one with the same port where a server can be put. */
export const deadThenGood = (port: number): Effect.Effect<ReadonlyArray<string>, never, Scope.Scope> =>
  Effect.map(BlackHole.make("127.0.0.1"), (hole) => [`${hole.host}:${hole.port}`, `127.0.0.1:${port}`])

export const closed = (emitter: NodeJS.EventEmitter): Promise<ReadonlyArray<unknown>> => once(emitter, "close")
