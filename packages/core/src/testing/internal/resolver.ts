import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Answer, Query, Resolver } from "../../Resolver.ts"
import type { TimedAnswer } from "./world.ts"

/**
 * Makes a resolver that gives answers at their times.
 *
 * **Details**
 *
 * `answersOf` says what a query is answered with and when, counted from the
 * query, in order of time. The stream ends when every type that was asked for
 * has an answer and all are given; a type without one is never answered.
 *
 * @internal
 */
export const makeResolver = (
  answersOf: (query: Query, clock: Clock.Clock) => ReadonlyArray<TimedAnswer>
): Resolver["Service"] => ({
  resolve: (query) =>
    Stream.fromPull(Effect.map(Clock.Clock, (clock) => {
      const askedMs = clock.currentTimeMillisUnsafe()
      const answers = answersOf(query, clock).filter(({ answer }) => query.types.includes(answer.type))
      const silent = query.types.some((type) => answers.every(({ answer }) => answer.type !== type))
      let given = 0
      return Effect.suspend(() => {
        const next = answers[given]
        if (next === undefined) return silent ? Effect.never : Cause.done()
        const waitMs = askedMs + next.afterMs - clock.currentTimeMillisUnsafe()
        const give = Effect.sync((): readonly [Answer] => {
          given++
          return [next.answer]
        })
        return waitMs <= 0 ? give : Effect.andThen(clock.sleep(Duration.millis(waitMs)), give)
      })
    }))
})
