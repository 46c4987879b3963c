import { it } from "@effect/vitest"
import { VirtualTime } from "@happy-eyeballs/core/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** Registers a test twice: in virtual time, and under `TestClock`, which is set ten minutes ahead. */
export const inSimulatedTime = (name: string, test: () => Effect.Effect<void, unknown>): void => {
  it(`${name} (virtual time)`, () => VirtualTime.runUnsafe(Effect.suspend(test)))
  it.effect(`${name} (TestClock)`, () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.suspend(test))
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(fiber)
    }))
}
