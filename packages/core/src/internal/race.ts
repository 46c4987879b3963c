import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

/**
 * What a source says when it is asked for a candidate: here is one, wait (until
 * it wakes the race, or until a time), there is none any more, or a failure.
 *
 * @internal
 */
export type Next<T, F> =
  | { readonly _tag: "Start"; readonly candidate: T }
  | { readonly _tag: "Wait"; readonly until: number }
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly cause: Cause.Cause<F> }

/**
 * One attempt of a race, as the race keeps it.
 *
 * @internal
 */
export interface Attempt<T, A, E> {
  readonly number: number
  readonly candidate: T
  readonly scope: Scope.Closeable
  fiber: Fiber.Fiber<A, E> | undefined
  error: { readonly value: E } | undefined
  expiresAt: number
  expired: boolean
}

/**
 * How a race is run. Times are milliseconds on the clock of `now`.
 *
 * @internal
 */
export interface Options<T, A, E, F, R> {
  readonly now: () => number
  /** Asked at the moment of each start; it may run an effect with `fork`. */
  readonly poll: () => Next<T, F>
  /** Receives the function that makes the race ask again. */
  readonly onWake: (wake: () => void) => void
  readonly attempt: (candidate: T, attempt: Attempt<T, A, E>, race: Race) => Effect.Effect<A, E, R>
  readonly delayAfter: (candidate: T) => number
  readonly maxInFlight: number
  /** How long an attempt may take, and what it fails with then. */
  readonly attemptTimeout?: { readonly ms: number; readonly error: (candidate: T) => E } | undefined
  /** When the whole ends, and what it fails with then. */
  readonly deadline?: { readonly at: number; readonly error: F } | undefined
  /** Hears how each attempt ended, before anything follows from it. */
  readonly onEnd?: ((attempt: Attempt<T, A, E>, exit: Exit.Exit<A, E>) => void) | undefined
  /** Gives what the source still runs, to be ended with the race. */
  readonly pending?: (() => Fiber.Fiber<unknown, unknown> | undefined) | undefined
}

/**
 * What an attempt may ask of its race.
 *
 * @internal
 */
export interface Race {
  /** Stops the time of an attempt that cannot do anything now. */
  readonly hold: (attempt: { expiresAt: number }) => void
  /** Gives it its whole time again. */
  readonly restart: (attempt: { expiresAt: number }) => void
}

/**
 * The winner of a race.
 *
 * @internal
 */
export interface Won<A> {
  readonly attempt: number
  readonly value: A
}

/**
 * Every attempt failed; their errors are in start order.
 *
 * @internal
 */
export class NoneWon<T, E> {
  readonly failures: ReadonlyArray<{ readonly candidate: T; readonly error: E }>
  constructor(attempts: ReadonlyArray<Attempt<T, unknown, E>>) {
    this.failures = attempts.flatMap(({ candidate, error }) =>
      error === undefined ? [] : [{ candidate, error: error.value }]
    )
  }
}

/**
 * Runs a race: the one loop behind `Race.staggered` and `Connect`.
 *
 * **Details**
 *
 * One timer at a time, set for whatever is due first: the next start, the end
 * of an attempt's time, the end of the whole.
 *
 * @internal
 */
export const run = <T, A, E, F, R>(
  options: Options<T, A, E, F, R>
): Effect.Effect<Won<A>, NoneWon<T, E> | F, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope> | Scope.Scope>) => {
      const { maxInFlight, now, poll } = options
      const outer = Context.get(context, Scope.Scope)
      // Fibers start at once, without a turn of the scheduler, and are not the
      // caller's children: `release` below is what ends them, on every path.
      const fork = Effect.runForkWith(context)
      const attempts: Array<Attempt<T, A, E>> = []
      const inFlight = new Set<Attempt<T, A, E>>()
      const deadline = options.deadline?.at ?? Infinity
      let winner: Attempt<T, A, E> | undefined
      let due = true
      let dueAt = Infinity
      let waitUntil = Infinity
      let exhausted = false
      let settled = false
      let pumping = false
      let woken = false
      let timer: Fiber.Fiber<void> | undefined
      let timerAt = Infinity
      let resume: (exit: Exit.Exit<Won<A>, NoneWon<T, E> | F>) => void

      const settle = (exit: Exit.Exit<Won<A>, NoneWon<T, E> | F>) => {
        settled = true
        resume(exit)
      }

      // A loop and not a recursion: ten thousand attempts may fail at once.
      const pump = () => {
        woken = true
        if (pumping || settled) return
        if (now() >= deadline) return settle(Exit.fail(options.deadline!.error))
        pumping = true
        waitUntil = Infinity
        let turns = 0
        try {
          while (due && !settled && !exhausted && inFlight.size < maxInFlight) {
            // Failures without end must not keep everybody else from running.
            if (turns++ === turnsBeforeYield) {
              waitUntil = now()
              break
            }
            woken = false
            const next = poll()
            // Asking may have ended the race.
            if (settled) break
            if (next._tag === "Start") start(next.candidate)
            else if (next._tag === "Done") exhausted = true
            else if (next._tag === "Failed") settle(Exit.failCause(next.cause))
            // Asking may have brought what is waited for.
            else if (!woken) {
              waitUntil = next.until
              break
            }
          }
        } catch (defect) {
          settle(Exit.die(defect))
        }
        pumping = false
        if (settled) return
        if (exhausted && inFlight.size === 0) return settle(Exit.fail(new NoneWon(attempts)))
        setTimer()
      }

      const start = (candidate: T) => {
        const at = now()
        const scope = Scope.forkUnsafe(outer)
        const current: Attempt<T, A, E> = {
          number: attempts.length,
          candidate,
          scope,
          fiber: undefined,
          error: undefined,
          expiresAt: at + (options.attemptTimeout?.ms ?? Infinity),
          expired: false
        }
        attempts.push(current)
        inFlight.add(current)
        due = false
        // A failed attempt closes its own scope, so that its fiber has ended
        // only when nothing of it is open.
        current.fiber = fork(
          Effect.onExit(
            Scope.provide(Effect.suspend(() => options.attempt(candidate, current, race)), scope),
            (exit) => Exit.isSuccess(exit) ? Effect.void : Scope.closeUnsafe(scope, exit) ?? Effect.void
          )
        )
        current.fiber.addObserver((exit) => onExit(current, exit))
        if (!due) dueAt = at + options.delayAfter(candidate)
      }

      const race: Race = {
        hold: (attempt) => {
          attempt.expiresAt = Infinity
        },
        restart: (attempt) => {
          if (settled) return
          attempt.expiresAt = now() + (options.attemptTimeout?.ms ?? Infinity)
          setTimer()
        }
      }

      const setTimer = () => {
        let at = Math.min(deadline, due ? waitUntil : dueAt)
        for (const { expiresAt } of inFlight) at = Math.min(at, expiresAt)
        // A timer that is too early only looks again.
        if (at === Infinity || (timer !== undefined && timerAt <= at)) return
        stopTimer()
        timerAt = at
        const current = fork(Effect.sleep(Math.max(0, at - now())))
        timer = current
        current.addObserver((exit) => {
          if (timer !== current || Exit.isFailure(exit)) return
          timer = undefined
          onTime()
        })
      }

      const stopTimer = () => {
        const current = timer
        timer = undefined
        current?.interruptUnsafe()
      }

      const onTime = () => {
        const at = now()
        if (at >= deadline) return settle(Exit.fail(options.deadline!.error))
        for (const one of inFlight) {
          if (at < one.expiresAt) continue
          one.expiresAt = Infinity
          one.expired = true
          one.fiber?.interruptUnsafe()
        }
        if (at >= dueAt) due = true
        pump()
      }

      const onExit = (current: Attempt<T, A, E>, ended: Exit.Exit<A, E>) => {
        inFlight.delete(current)
        const exit = current.expired && Exit.isFailure(ended) && !Exit.hasDies(ended)
          ? Exit.fail(options.attemptTimeout!.error(current.candidate))
          : ended
        options.onEnd?.(current, exit)
        // The rest of a settled race is `release`'s.
        if (settled) return
        if (Exit.isSuccess(exit)) {
          winner = current
          return settle(Exit.succeed({ attempt: current.number, value: exit.value }))
        }
        const failure = exit.cause.reasons.find(Cause.isFailReason)
        if (failure === undefined || exit.cause.reasons.some(Cause.isDieReason)) {
          return settle(Exit.failCause(exit.cause as Cause.Cause<never>))
        }
        current.error = { value: failure.error }
        // Only the latest attempt's failure starts the next: when an earlier one
        // fails, the delay of the latest still runs.
        if (current.number === attempts.length - 1) due = true
        pump()
      }

      const release = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
        settled = true
        stopTimer()
        const kept = Exit.isSuccess(exit) ? winner : undefined
        if (kept !== undefined && attempts.length === 1 && options.pending?.() === undefined) return Effect.void
        const closing = Effect.suspend(() => close(attempts, kept, options.pending?.()))
        // What ends the race while it starts is still on the stack below, and
        // has no fiber yet. One turn later it has.
        return pumping ? Effect.andThen(Effect.yieldNow, closing) : closing
      }

      return Effect.onExit(
        restore(Effect.callback<Won<A>, NoneWon<T, E> | F>((complete) => {
          resume = complete
          options.onWake(pump)
          pump()
        })),
        release
      )
    })
  )

const close = Effect.fnUntraced(function*<T, A, E>(
  attempts: ReadonlyArray<Attempt<T, A, E>>,
  kept: Attempt<T, A, E> | undefined,
  pending: Fiber.Fiber<unknown, unknown> | undefined
): Effect.fn.Return<void> {
  const losers = attempts.filter((one) => one !== kept)
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  for (const fiber of [pending, ...losers.map(({ fiber }) => fiber)]) {
    if (fiber !== undefined && fiber.pollUnsafe() === undefined) fibers.push(fiber)
  }
  if (fibers.length > 0) yield* Fiber.interruptAll(fibers)
  for (const { scope } of losers) {
    // Two attempts can succeed in one tick: the second is open, and nobody's.
    // It closes as what it is, a loser, however the race ended.
    const closing = Scope.closeUnsafe(scope, lost)
    if (closing !== undefined) yield* closing
  }
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

const lost = Exit.interrupt()

// Far above what one connect tries, so that no ordinary race gives way.
const turnsBeforeYield = 1024

/**
 * Gives milliseconds on the fiber's monotonic clock.
 *
 * @internal
 */
export const stopwatch = (clock: Clock.Clock): () => number => () =>
  Number(clock.monotonicTimeNanosUnsafe() / 1000n) / 1000
