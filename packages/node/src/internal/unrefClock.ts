/**
 * The system's clock with timers that keep no process alive.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

// Node's timers fire at once when they are set to more than this.
const longest = 2 ** 31 - 1

const sleepFor = (millis: number): Effect.Effect<void> =>
  millis === Infinity ? Effect.never : Effect.callback((resume) => {
    const rest = millis > longest ? sleepFor(millis - longest) : Effect.void
    const timer = setTimeout(() => resume(rest), Math.min(millis, longest)).unref()
    return Effect.sync(() => clearTimeout(timer))
  })

export const unrefClock: Clock.Clock = Object.create(Context.get(Context.empty(), Clock.Clock), {
  sleep: { value: (duration: Duration.Duration) => sleepFor(Duration.toMillis(duration)) }
})
