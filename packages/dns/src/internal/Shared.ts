import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

interface Work<A, E> {
  readonly done: Deferred.Deferred<A, E>
  fiber: Fiber.Fiber<A, E> | undefined
  waiting: number
}

/**
 * Work that is done once for all who ask while it runs.
 *
 * It runs in a scope of its own choosing and not in that of whoever asked
 * first, so that an interrupted leader takes no follower down. When the last of
 * them has gone, the work is interrupted too.
 *
 * @internal
 */
export class Shared<K, A, E> {
  private readonly running = new Map<K, Work<A, E>>()
  private readonly scope: Scope.Scope

  constructor(scope: Scope.Scope) {
    this.scope = scope
  }

  /** Says whether somebody is at it already. */
  has(key: K): boolean {
    return this.running.has(key)
  }

  /** Joins the work of this key, or begins it. */
  run(key: K, work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const running = this.running.get(key)
        return Effect.flatMap(
          running === undefined ? this.begin(key, work) : Effect.succeed(running),
          (shared) => this.join(key, shared, restore)
        )
      })
    )
  }

  private begin(key: K, work: Effect.Effect<A, E>): Effect.Effect<Work<A, E>> {
    const shared: Work<A, E> = { done: Deferred.makeUnsafe(), fiber: undefined, waiting: 0 }
    this.running.set(key, shared)
    const running = Effect.onExit(Effect.interruptible(work), (exit) => {
      this.forget(key, shared)
      return Deferred.done(shared.done, exit)
    })
    return Effect.map(Effect.forkIn(running, this.scope), (fiber) => {
      shared.fiber = fiber
      return shared
    })
  }

  private join(
    key: K,
    shared: Work<A, E>,
    restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> {
    shared.waiting++
    return Effect.onExit(restore(Deferred.await(shared.done)), () => {
      if (--shared.waiting > 0 || Deferred.isDoneUnsafe(shared.done) || shared.fiber === undefined) return Effect.void
      this.forget(key, shared)
      return Fiber.interrupt(shared.fiber)
    })
  }

  private forget(key: K, shared: Work<A, E>): void {
    if (this.running.get(key) === shared) this.running.delete(key)
  }
}
