/**
 * Shows how work goes on while it goes on, where there is a terminal to show it
 * on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Output } from "./Output.ts"
import type { Screen } from "./Screen.ts"
import type { Style } from "./Style.ts"

// What is over sooner is shown once, by its result.
const patience = 150

const refreshEvery = 100

/**
 * Runs work and draws a picture meanwhile.
 *
 * **Details**
 *
 * The picture is gone when the work has ended, however it ended. `onKey` gets
 * the keys that are pressed while it is there.
 *
 * @category running
 * @since 0.1.0
 */
export const during = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  draw: (style: Style) => ReadonlyArray<string>,
  onKey: (key: string) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<A, E, R | Output> =>
  Effect.gen(function*() {
    const output = yield* Output
    const { screen } = output
    if (screen === undefined) return yield* work
    const watching = Effect.scoped(Effect.gen(function*() {
      yield* Effect.sleep(patience)
      const shown: Screen = yield* screen
      yield* Effect.forkScoped(Effect.forever(Effect.flatMap(shown.key, onKey)))
      return yield* Effect.forever(
        Effect.andThen(Effect.suspend(() => shown.show(draw(output.style))), Effect.sleep(refreshEvery))
      )
    }))
    // The work stays in this fiber: an interruption that comes when it is done
    // does not take away what it gave.
    return yield* Effect.acquireUseRelease(Effect.forkChild(watching), () => work, Fiber.interrupt)
  })
