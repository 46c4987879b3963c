/**
 * Races scoped attempts, giving the earlier ones a head start.
 *
 * The first attempt starts at once; each further one when the latest started
 * has failed or the delay has passed. Earlier attempts keep running. A race
 * knows nothing of addresses or sockets; `Connect` supplies those.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as internal from "./internal/race.ts"

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
 * next attempt waits for one to end. Candidates without end, all of which fail,
 * never end the race: it gives way to other fibers and can be interrupted, and
 * it keeps every failure until then. Interrupting a race waits for attempts
 * that refuse interruption.
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
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const { delay } = options
    const fixed = typeof delay === "function" ? 0 : Duration.toMillis(delay)
    const source: Source<T, EP> = Effect.isEffect(candidates)
      ? fromPull(candidates as Pull.Pull<T, EP, unknown, RP>, fiber.context as Context.Context<RP>)
      : fromIterable(candidates)
    return Effect.catch(
      internal.run<T, A, E, EP, R>({
        ...source,
        now: internal.stopwatch(clock),
        attempt,
        delayAfter: typeof delay === "function" ? (candidate) => Duration.toMillis(delay(candidate)) : () => fixed,
        maxInFlight: atLeastOne(options.maxInFlight ?? Infinity)
      }),
      (error) => Effect.fail(error instanceof internal.NoneWon ? new AllFailed<T, E>(error) : error)
    ).pipe(Effect.map(({ value }) => value))
  }))

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

// Not a number is no limit that anything could start under.
const atLeastOne = (limit: number): number => limit >= 1 ? limit : 1

type Source<T, EP> = Pick<internal.Options<T, never, never, EP, never>, "poll" | "onWake" | "pending">

const fromIterable = <T>(candidates: Iterable<T>): Source<T, never> => {
  const iterator = candidates[Symbol.iterator]()
  return {
    poll: () => {
      const next = iterator.next()
      return next.done === true ? { _tag: "Done" } : { _tag: "Start", candidate: next.value }
    },
    onWake: () => {}
  }
}

const fromPull = <T, EP, RP>(pull: Pull.Pull<T, EP, unknown, RP>, context: Context.Context<RP>): Source<T, EP> => {
  const fork = Effect.runForkWith(context)
  let wake = () => {}
  let asking: Fiber.Fiber<T, EP | Cause.Done<unknown>> | undefined
  let answer: internal.Next<T, EP> | undefined
  return {
    onWake: (ask) => {
      wake = ask
    },
    pending: () => asking,
    poll: () => {
      if (asking === undefined && answer === undefined) {
        asking = fork(pull)
        asking.addObserver((exit) => {
          asking = undefined
          answer = Exit.isSuccess(exit)
            ? { _tag: "Start", candidate: exit.value }
            : Pull.isDoneCause(exit.cause)
            ? { _tag: "Done" }
            : { _tag: "Failed", cause: exit.cause as Cause.Cause<EP> }
          wake()
        })
      }
      const next = answer ?? { _tag: "Wait", until: Infinity }
      answer = undefined
      return next
    }
  }
}
