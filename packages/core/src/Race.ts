/**
 * Races scoped attempts, giving the earlier ones a head start.
 *
 * The first attempt starts at once; each further one when the latest started
 * has failed or the delay has passed. Earlier attempts keep running. A race
 * knows nothing of addresses or sockets; `Connect` supplies those.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * Every candidate was tried and failed. `failures` is in start order, and empty
 * where there was no candidate at all.
 *
 * @category errors
 * @since 0.1.0
 */
export class AllFailed<T, E> extends Data.TaggedError("AllFailed")<{
  readonly failures: ReadonlyArray<{ readonly candidate: T; readonly error: E }>
}> {
  override get message(): string {
    return this.failures.length === 0
      ? "there was nothing to try"
      : this.failures.map(({ error }) => error instanceof Error ? error.message : String(error)).join("; ")
  }
}

/**
 * How a race staggers its starts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in T> {
  /**
   * The head start of an attempt over the next one, or a function that gives it
   * for the candidate just started. Infinity: only a failure starts the next.
   */
  readonly delay: Duration.Input | ((previous: T) => Duration.Input)
  /** How many attempts may run at once. Default: no limit. */
  readonly maxInFlight?: number | undefined
}

/**
 * Races attempts with staggered starts and returns the first success.
 *
 * **Details**
 *
 * Candidates are a list, or a `Pull` that is asked anew before every start, so
 * that it can reorder what is left, wait for more, or say that there is none.
 * Each attempt has a scope of its own: the winner's becomes part of the
 * caller's scope, and every other is closed before the race returns. When all
 * fail, the race fails with all errors in start order.
 *
 * **Gotchas**
 *
 * A defect in any attempt, an attempt that interrupts itself, and a failure of
 * the `Pull` end the race at once. At `maxInFlight` nothing is sacrificed: the
 * next attempt waits for one to end.
 *
 * **Example** (Racing two mirrors)
 *
 * ```ts
 * import { Race } from "@happy-eyeballs/core"
 * import { Effect } from "effect"
 *
 * const mirrors = [{ name: "a", ms: 900 }, { name: "b", ms: 20 }]
 *
 * const fastest = Race.staggered(
 *   mirrors,
 *   ({ name, ms }) => Effect.as(Effect.sleep(ms), name),
 *   { delay: "50 millis" }
 * )
 *
 * await Effect.runPromise(Effect.scoped(fastest)) // => "b"
 * ```
 *
 * @category racing
 * @since 0.1.0
 */
export const staggered: {
  <T, A, E, R>(
    attempt: (candidate: T) => Effect.Effect<A, E, R>,
    options: Options<T>
  ): {
    (candidates: Iterable<T>): Effect.Effect<A, AllFailed<T, E>, Exclude<R, Scope.Scope> | Scope.Scope>
    <EP, RP>(
      candidates: Pull.Pull<T, EP, unknown, RP>
    ): Effect.Effect<A, AllFailed<T, E> | EP, RP | Exclude<R, Scope.Scope> | Scope.Scope>
  }
  <T, A, E, R>(
    candidates: Iterable<T>,
    attempt: (candidate: T) => Effect.Effect<A, E, R>,
    options: Options<T>
  ): Effect.Effect<A, AllFailed<T, E>, Exclude<R, Scope.Scope> | Scope.Scope>
  <T, EP, RP, A, E, R>(
    candidates: Pull.Pull<T, EP, unknown, RP>,
    attempt: (candidate: T) => Effect.Effect<A, E, R>,
    options: Options<T>
  ): Effect.Effect<A, AllFailed<T, E> | EP, RP | Exclude<R, Scope.Scope> | Scope.Scope>
} = dual(3, <T, EP, RP, A, E, R>(
  candidates: Iterable<T> | Pull.Pull<T, EP, unknown, RP>,
  attempt: (candidate: T) => Effect.Effect<A, E, R>,
  options: Options<T>
) =>
  race(
    () => Effect.isEffect(candidates) ? candidates as Pull.Pull<T, EP, unknown, RP> : fromIterable(candidates),
    attempt,
    options
  ))

/**
 * Turns a stream into candidates for `staggered`.
 *
 * **Details**
 *
 * The stream is read one element ahead at most, when the race asks. Its end is
 * the end of the candidates; its failure ends the race.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStream = <T, E, R>(
  stream: Stream.Stream<T, E, R>
): Effect.Effect<Pull.Pull<T, E>, never, R | Scope.Scope> =>
  Effect.map(Stream.toPull(stream), (pull) => {
    let chunk: ReadonlyArray<T> = []
    let index = 0
    return Effect.suspend(() =>
      index < chunk.length
        ? Effect.succeed(chunk[index++]!)
        : Effect.map(pull, (next) => {
          chunk = next
          index = 1
          return next[0]
        })
    )
  })

const fromIterable = <T>(candidates: Iterable<T>): Pull.Pull<T> => {
  const iterator = candidates[Symbol.iterator]()
  return Effect.suspend(() => {
    const next = iterator.next()
    return next.done === true ? Cause.done() : Effect.succeed(next.value)
  })
}

interface Attempt<T, A, E> {
  readonly candidate: T
  readonly scope: Scope.Closeable
  fiber: Fiber.Fiber<A, E> | undefined
  error: { readonly value: E } | undefined
}

const race = <T, EP, RP, A, E, R>(
  candidates: () => Pull.Pull<T, EP, unknown, RP>,
  attempt: (candidate: T) => Effect.Effect<A, E, R>,
  options: Options<T>
): Effect.Effect<A, AllFailed<T, E> | EP, RP | Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.contextWith((context: Context.Context<RP | Exclude<R, Scope.Scope> | Scope.Scope>) => {
      const outer = Context.get(context, Scope.Scope)
      // Fibers start at once, without a turn of the scheduler, and are not the
      // caller's children: `release` below is what ends them, on every path.
      const run = Effect.runForkWith(context)
      let forking = 0
      const fork = <A2, E2, R2>(effect: Effect.Effect<A2, E2, R2>) => {
        forking++
        const fiber = run(effect as Effect.Effect<A2, E2, never>)
        forking--
        return fiber
      }
      const pull = candidates()
      const maxInFlight = Math.max(1, options.maxInFlight ?? Infinity)
      const attempts: Array<Attempt<T, A, E>> = []
      let asking: Fiber.Fiber<T, EP | Cause.Done<unknown>> | undefined
      let timer: Fiber.Fiber<void> | undefined
      let winner: Attempt<T, A, E> | undefined
      let inFlight = 0
      let due = true
      let exhausted = false
      let settled = false
      let pumping = false
      let resume: (exit: Effect.Effect<A, AllFailed<T, E> | EP>) => void

      const settle = (exit: Exit.Exit<A, AllFailed<T, E> | EP>) => {
        settled = true
        resume(exit)
      }

      // A loop and not a recursion: ten thousand attempts may fail at once.
      const pump = () => {
        if (pumping) return
        pumping = true
        while (due && !settled && !exhausted && asking === undefined && inFlight < maxInFlight) {
          asking = fork(pull)
          asking.addObserver(onCandidate)
        }
        pumping = false
        if (exhausted && inFlight === 0 && !settled) settle(Exit.fail(allFailed(attempts)))
      }

      const onCandidate = (exit: Exit.Exit<T, EP | Cause.Done<unknown>>) => {
        asking = undefined
        if (settled) return
        if (Exit.isSuccess(exit)) start(exit.value)
        else if (Pull.isDoneCause(exit.cause)) exhausted = true
        else settle(Exit.failCause(exit.cause as Cause.Cause<EP>))
        pump()
      }

      const start = (candidate: T) => {
        const scope = Scope.forkUnsafe(outer)
        const current: Attempt<T, A, E> = { candidate, scope, fiber: undefined, error: undefined }
        attempts.push(current)
        inFlight++
        due = false
        // A failed attempt closes its own scope, so that its fiber has ended
        // only when nothing of it is open.
        current.fiber = fork(
          Effect.onExit(
            Scope.provide(Effect.suspend(() => attempt(candidate)), scope),
            (exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)
          )
        )
        current.fiber.addObserver((exit) => onExit(current, exit))
        if (!due && !settled) startTimer(candidate)
      }

      const startTimer = (candidate: T) => {
        const { delay } = options
        timer = fork(Effect.suspend(() => Effect.sleep(typeof delay === "function" ? delay(candidate) : delay)))
        timer.addObserver((exit) => {
          if (settled || Exit.hasInterrupts(exit)) return
          if (Exit.isFailure(exit)) return settle(Exit.failCause(exit.cause))
          timer = undefined
          due = true
          pump()
        })
      }

      const stopTimer = () => {
        timer?.interruptUnsafe()
        timer = undefined
      }

      const onExit = (current: Attempt<T, A, E>, exit: Exit.Exit<A, E>) => {
        inFlight--
        // The rest of a settled race is `release`'s.
        if (settled) return
        if (Exit.isSuccess(exit)) {
          winner = current
          return settle(Exit.succeed(exit.value))
        }
        const failure = exit.cause.reasons.find(Cause.isFailReason)
        if (failure === undefined || exit.cause.reasons.some(Cause.isDieReason)) {
          return settle(Exit.failCause(exit.cause as Cause.Cause<never>))
        }
        current.error = { value: failure.error }
        // Only the latest attempt's failure starts the next: when an earlier one
        // fails, the delay of the latest still runs.
        if (current === attempts.at(-1)) {
          stopTimer()
          due = true
        }
        pump()
      }

      const release = (exit: Exit.Exit<A, AllFailed<T, E> | EP>): Effect.Effect<void> => {
        settled = true
        stopTimer()
        const kept = Exit.isSuccess(exit) ? winner : undefined
        return attempts.length === 1 && kept !== undefined && asking === undefined
          ? Effect.void
          // A candidate or an attempt that ends the race while it starts is still
          // on the stack below, and has no fiber yet. One turn later it has.
          : Effect.andThen(
            forking > 0 ? Effect.yieldNow : Effect.void,
            Effect.suspend(() => close(attempts, kept, asking, exit))
          )
      }

      return Effect.onExit(
        restore(Effect.callback<A, AllFailed<T, E> | EP>((complete) => {
          resume = complete
          pump()
        })),
        release
      )
    })
  )

const close = Effect.fnUntraced(function*<T, A, E>(
  attempts: ReadonlyArray<Attempt<T, A, E>>,
  kept: Attempt<T, A, E> | undefined,
  asking: Fiber.Fiber<unknown, unknown> | undefined,
  exit: Exit.Exit<unknown, unknown>
): Effect.fn.Return<void> {
  const losers = attempts.filter((one) => one !== kept)
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  for (const fiber of [asking, ...losers.map(({ fiber }) => fiber)]) {
    if (fiber !== undefined) fibers.push(fiber)
  }
  yield* Fiber.interruptAll(fibers)
  // Two attempts can succeed in one tick: the second is open, and nobody's.
  yield* Effect.forEach(losers, ({ scope }) => Scope.close(scope, exit), { discard: true })
  // A loser that breaks while it closes is a bug like any other, and a bug is
  // never hidden by the success beside it.
  const bugs = fibers.flatMap((fiber) => {
    const ended = fiber.pollUnsafe()
    return ended !== undefined && Exit.isFailure(ended) ? ended.cause.reasons.filter(Cause.isDieReason) : []
  })
  if (kept !== undefined && bugs.length > 0) {
    const cause = Cause.fromReasons<never>(bugs)
    yield* Scope.close(kept.scope, Exit.failCause(cause))
    return yield* Effect.failCause(cause)
  }
})

const allFailed = <T, A, E>(attempts: ReadonlyArray<Attempt<T, A, E>>): AllFailed<T, E> =>
  new AllFailed({
    failures: attempts.flatMap(({ candidate, error }) => error === undefined ? [] : [{ candidate, error: error.value }])
  })
