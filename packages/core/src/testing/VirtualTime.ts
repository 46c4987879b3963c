/**
 * Runs an effect in time of its own, which advances by itself.
 *
 * Whenever nothing is runnable the clock jumps to the next timer, so ten
 * minutes of waiting take microseconds. A run is synchronous and has no chance
 * in it: the same effect and seed give the same steps. It never touches the
 * event loop, so an effect that waits for a promise or real I/O cannot finish
 * here. `SimulatedNetwork` is the network that goes with it.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { makeClock, Tasks, Timers } from "./internal/virtualTime.ts"

/**
 * How a run begins and when it is given up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The Unix time in milliseconds at which the clock begins. Default 0. */
  readonly startMs?: number | undefined
  /** Seeds `Random` for the effect. Default 0. */
  readonly seed?: string | number | undefined
  /**
   * How many tasks and timers may run before the effect counts as one that
   * never ends. Default 1 000 000.
   */
  readonly maxSteps?: number | undefined
}

/**
 * The effect waits for something that can no longer happen: no fiber is
 * runnable and no timer is set.
 *
 * @category errors
 * @since 0.1.0
 */
export class Deadlock extends Data.TaggedError("Deadlock")<{
  /** Milliseconds since the run began. */
  readonly atMs: number
}> {
  override get message(): string {
    return `nothing can happen any more after ${this.atMs} ms: no fiber is runnable and no timer is set. ` +
      "Look for a Deferred, Queue, Latch or pull that nobody completes, an Effect.never without a timeout, or a promise " +
      "or real I/O, which does not exist in virtual time"
  }
}

/**
 * The effect was given up after `maxSteps` steps.
 *
 * @category errors
 * @since 0.1.0
 */
export class StepLimitReached extends Data.TaggedError("StepLimitReached")<{
  /** Milliseconds since the run began. */
  readonly atMs: number
  readonly maxSteps: number
}> {
  override get message(): string {
    return `the effect has not ended after ${this.maxSteps} steps, at ${this.atMs} ms. ` +
      "Look for a loop without a sleep, or a fiber that repeats something while the effect waits for what never comes"
  }
}

/**
 * Runs an effect to its end and returns how it ended.
 *
 * **Details**
 *
 * Fibers run in the order in which they became runnable, and timers that are
 * due at the same instant fire in the order in which they were set. An effect
 * that can never end is interrupted, so that its finalizers run, and the exit
 * is a failure that says where to look.
 *
 * **Gotchas**
 *
 * The run ends with the effect: detached fibers that are still waiting then
 * are abandoned without being interrupted.
 *
 * **Example** (Waiting ten minutes at once)
 *
 * ```ts
 * import { VirtualTime } from "@happy-eyeballs/core/testing"
 * import { Clock, Effect } from "effect"
 *
 * const tenMinutes = Effect.andThen(Effect.sleep("10 minutes"), Clock.currentTimeMillis)
 *
 * VirtualTime.run(tenMinutes) // Exit.succeed(600_000)
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(
  effect: Effect.Effect<A, E>,
  options?: Options
): Exit.Exit<A, E | Deadlock | StepLimitReached> => {
  const startMs = options?.startMs ?? 0
  const maxSteps = options?.maxSteps ?? 1_000_000
  const timers = new Timers()
  const tasks = new Tasks()
  const context = Context.make(Clock.Clock, makeClock(timers, startMs)).pipe(
    Context.add(Scheduler.Scheduler, tasks),
    Context.add(Random.Random, seeded(options?.seed ?? 0))
  )
  const fiber = Effect.runForkWith(context)(effect)
  const drive = (limit: number): "Ended" | "Deadlock" | "StepLimitReached" => {
    for (let steps = 0;;) {
      steps += tasks.drain(limit - steps)
      if (fiber.pollUnsafe() !== undefined) return "Ended"
      if (steps >= limit) return "StepLimitReached"
      if (!timers.fireNext()) return "Deadlock"
      steps++
    }
  }
  const end = drive(maxSteps)
  if (end === "Ended") return fiber.pollUnsafe()!
  const failure = end === "Deadlock"
    ? new Deadlock({ atMs: timers.elapsedMs })
    : new StepLimitReached({ atMs: timers.elapsedMs, maxSteps })
  fiber.interruptUnsafe()
  drive(maxSteps)
  return Exit.fail(failure)
}

/**
 * Runs an effect to its end and returns its value, or throws its failure.
 *
 * @category running
 * @since 0.1.0
 */
export const runUnsafe = <A, E>(effect: Effect.Effect<A, E>, options?: Options): A => {
  const exit = run(effect, options)
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

// Effect's seeded generator fills tables when it is made, which costs more than
// many a run, so it is made when the first number is drawn.
const seeded = (seed: string | number): Random.Random => {
  let made: Random.Random | undefined
  const get = () => (made ??= Effect.runSync(Random.withSeed(Effect.service(Random.Random), seed)))
  return { nextIntUnsafe: () => get().nextIntUnsafe(), nextDoubleUnsafe: () => get().nextDoubleUnsafe() }
}
