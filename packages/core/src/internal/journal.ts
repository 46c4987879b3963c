import type * as Clock from "effect/Clock"
import type { ConnectEvent } from "../ConnectEvent.ts"
import * as ConnectReport from "../ConnectReport.ts"
import type * as Target from "../Target.ts"

type Said<Event> = Event extends ConnectEvent ? Omit<Event, "connect" | "atMs" | "report"> : never

/**
 * The list of what happened in one connect, with the time of each step.
 *
 * @internal
 */
export class Journal {
  readonly events: Array<ConnectEvent> = []
  private readonly connect: number
  private readonly clock: Clock.Clock
  private readonly startedAt: bigint
  private readonly publish: (event: ConnectEvent) => void
  private over = false

  constructor(connect: number, clock: Clock.Clock, publish: (event: ConnectEvent) => void) {
    this.connect = connect
    this.clock = clock
    this.startedAt = clock.monotonicTimeNanosUnsafe()
    this.publish = publish
  }

  /** Milliseconds since the call of `connect`, to the microsecond. */
  get now(): number {
    return Number((this.clock.monotonicTimeNanosUnsafe() - this.startedAt) / 1000n) / 1000
  }

  say(event: Said<ConnectEvent>): void {
    // A lookup may go on after `connect` has returned; the list does not.
    if (this.over) return
    const full = { ...event, connect: this.connect, atMs: this.now } as ConnectEvent
    this.events.push(full)
    this.publish(full)
  }

  /** Says how the connect ended; the report is made when it is first read. */
  end(
    target: Target.Target,
    winner: number | null,
    error: { readonly tag: string; readonly message: string } | null
  ): ConnectEvent & { readonly _tag: "Ended" } {
    const { events } = this
    let report: ConnectReport.ConnectReport | undefined
    const ended = {
      _tag: "Ended" as const,
      connect: this.connect,
      atMs: this.now,
      target,
      winner,
      error,
      get report() {
        return report ??= ConnectReport.fromEvents(events)
      }
    }
    events.push(ended)
    this.over = true
    this.publish(ended)
    return ended
  }
}
