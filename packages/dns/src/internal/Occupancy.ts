import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { monotonicMs } from "./monotonic.ts"

// How often the time is looked at: the server may shorten it with any answer.
const lookMs = 1000

/**
 * Who uses a connection, and when it is closed because nobody does.
 *
 * @internal
 */
export class Occupancy {
  private readonly scope: Scope.Closeable
  private readonly clock: Clock.Clock
  private readonly setIdle: (idle: boolean) => void
  private idleMs: number
  private usedAt: number
  private waiting = 0
  private ended = false
  private retired = false

  constructor(options: {
    /** Holds the connection; closing it ends its fibers. */
    readonly scope: Scope.Closeable
    readonly clock: Clock.Clock
    readonly idleMs: number
    readonly setIdle: (idle: boolean) => void
  }) {
    this.scope = options.scope
    this.clock = options.clock
    this.idleMs = options.idleMs
    this.setIdle = options.setIdle
    this.usedAt = monotonicMs(this.clock)
    this.setIdle(true)
  }

  get isEnded(): boolean {
    return this.ended
  }

  /** Says whether more questions may be asked. */
  get isOpen(): boolean {
    return !this.ended && !this.retired
  }

  get isBusy(): boolean {
    return this.waiting > 0
  }

  /** The server keeps an idle connection no longer than this. */
  shorten(idleMs: number): void {
    this.idleMs = Math.min(this.idleMs, idleMs)
  }

  enter(inBackground: boolean): void {
    this.waiting++
    if (!inBackground) this.setIdle(false)
  }

  leave(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.usedAt = monotonicMs(this.clock)
      if (--this.waiting > 0 || this.ended) return Effect.void
      this.setIdle(true)
      return this.retired ? this.end() : Effect.void
    })
  }

  /** Takes no more questions, and closes when those that wait have gone. */
  retire(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.retired = true
      return this.waiting === 0 ? this.end() : Effect.void
    })
  }

  /** Closes at once; `settle` runs when nothing more can be asked, and before anything is closed. */
  end(settle: () => void = () => {}): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.ended) return Effect.void
      this.ended = true
      settle()
      return Scope.close(this.scope, Exit.void)
    })
  }

  /** Closes the connection when nobody has used it for a while. Runs in its scope, on the background clock. */
  idling(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const rest = this.usedAt + this.idleMs - monotonicMs(this.clock)
      if (this.waiting === 0 && rest <= 0) return this.end()
      return Effect.andThen(Effect.sleep(this.waiting > 0 ? lookMs : Math.min(Math.ceil(rest), lookMs)), this.idling())
    })
  }
}
