import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

interface Timer {
  readonly atMs: number
  readonly fire: () => void
}

/**
 * The timers of one run, and how far its time has come.
 *
 * @internal
 */
export class Timers {
  elapsedMs = 0

  // By descending time, so that the next to fire is popped from the end. A run
  // has few timers, where moving them is cheaper than a heap.
  private readonly timers: Array<Timer> = []

  set(delayMs: number, fire: () => void): Timer {
    const timer: Timer = { atMs: this.elapsedMs + delayMs, fire }
    // Before those of the same instant: they were set earlier and fire earlier.
    this.timers.splice(this.indexBefore(timer.atMs), 0, timer)
    return timer
  }

  clear(timer: Timer): void {
    const index = this.timers.indexOf(timer, this.indexBefore(timer.atMs))
    if (index !== -1) this.timers.splice(index, 1)
  }

  /** Advances to the next timer and fires it; `false` when there is none. */
  fireNext(): boolean {
    const timer = this.timers.pop()
    if (timer === undefined) return false
    this.elapsedMs = timer.atMs
    timer.fire()
    return true
  }

  private indexBefore(atMs: number): number {
    let low = 0
    let high = this.timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timers[middle]!.atMs > atMs) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * Makes the clock of a run, which reads and sets its timers.
 *
 * @internal
 */
export const makeClock = (timers: Timers, startMs: number): Clock.Clock => {
  const startNanos = BigInt(Math.round(startMs * 1_000_000))
  const currentTimeMillisUnsafe = () => startMs + timers.elapsedMs
  const monotonicTimeNanosUnsafe = () => BigInt(Math.round(timers.elapsedMs * 1_000_000))
  const currentTimeNanosUnsafe = () => startNanos + monotonicTimeNanosUnsafe()
  return {
    currentTimeMillisUnsafe,
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
    currentTimeNanosUnsafe,
    currentTimeNanos: Effect.sync(currentTimeNanosUnsafe),
    monotonicTimeNanosUnsafe,
    monotonicTimeNanos: Effect.sync(monotonicTimeNanosUnsafe),
    sleep: (duration) => {
      const delayMs = Duration.toMillis(duration)
      if (delayMs <= 0) return Effect.yieldNow
      if (delayMs === Infinity) return Effect.never
      return Effect.callback((resume) => {
        const timer = timers.set(delayMs, () => resume(Effect.void))
        return Effect.sync(() => timers.clear(timer))
      })
    }
  }
}

interface Task {
  readonly run: () => void
  readonly priority: number
}

/**
 * What is runnable in one run, in order.
 *
 * @internal
 */
export class Tasks implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "sync"
  private tasks: Array<Task> = []
  private samePriority = true

  // One queue for all fibers: dispatchers of their own would run fibers in
  // another order than the one in which they became runnable.
  makeDispatcher(): this {
    return this
  }

  // As in Effect's own scheduler. A busy loop thereby becomes many tasks, which
  // the step limit can count.
  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  scheduleTask(run: () => void, priority: number): void {
    if (this.tasks.length > 0 && this.tasks[0]!.priority !== priority) this.samePriority = false
    this.tasks.push({ run, priority })
  }

  flush(): void {
    this.drain(Infinity)
  }

  /** Runs what is runnable until nothing is or the limit is reached, and says how many tasks that were. */
  drain(limit: number): number {
    let count = 0
    while (this.tasks.length > 0 && count < limit) {
      const batch = this.samePriority ? this.tasks : this.tasks.toSorted((a, b) => a.priority - b.priority)
      this.tasks = []
      this.samePriority = true
      for (const task of batch) task.run()
      count += batch.length
    }
    return count
  }
}
