import * as Effect from "effect/Effect"

/**
 * Says that something changed, to whoever waits for it.
 *
 * @internal
 */
export class Signal {
  /** Counts the changes, so that one between a look and the wait is not missed. */
  version = 0
  private readonly waiting = new Set<() => void>()

  readonly wake = (): void => {
    this.version++
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const resume of waiting) resume()
  }

  /** Waits for a change after `version`, at most `ms` milliseconds. */
  changedSince(version: number, ms: number): Effect.Effect<void> {
    const changed = Effect.callback<void>((resume) => {
      if (this.version !== version) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      this.waiting.add(wake)
      return Effect.sync(() => void this.waiting.delete(wake))
    })
    return ms === Infinity ? changed : Effect.asVoid(Effect.timeoutOption(changed, ms))
  }
}
