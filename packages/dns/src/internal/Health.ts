import * as Duration from "effect/Duration"
import type { ServerFailed } from "../Transport.ts"
import type { ServerHealth } from "../Upstream.ts"

// After a failure a server goes last for five seconds, twice as long each time
// it fails again, and never for more than five minutes: then it is tried first
// again, with the others a head start away.
const penaltyMs = 5_000
const maxPenaltyMs = 300_000

// A measured time counts for five minutes.
const memoryMs = 300_000

const weight = 0.3

/**
 * What is remembered of one server.
 *
 * @internal
 */
export class Health {
  private roundTripMs: number | undefined
  private measuredAt = 0
  private failures = 0
  private avoidedUntil = 0

  snapshot(server: string): ServerHealth {
    return { server, roundTripMs: this.roundTripMs, failures: this.failures }
  }

  /** How long this server may be alone with a question. */
  get headStart(): Duration.Duration {
    return Duration.millis(Math.min(Math.max((this.roundTripMs ?? 1000) * 6, 300), 1000))
  }

  learn(
    outcome: "answered" | "failed" | "interrupted",
    failure: ServerFailed | undefined,
    elapsedMs: number,
    now: number
  ): void {
    // A server that says SERVFAIL is well enough; the question may not be.
    if (outcome === "answered" || failure?.reason === "Failed") {
      const before = this.recent(now) ?? elapsedMs
      this.roundTripMs = before + (elapsedMs - before) * weight
      this.measuredAt = now
      this.failures = 0
      this.avoidedUntil = 0
    } else if (outcome === "failed" || elapsedMs >= Duration.toMillis(this.headStart)) {
      this.avoidedUntil = now + Math.min(penaltyMs * 2 ** this.failures, maxPenaltyMs)
      this.failures++
    }
  }

  private recent(now: number): number | undefined {
    return now - this.measuredAt < memoryMs ? this.roundTripMs : undefined
  }

  // The same rule as for addresses: a small difference is not worth leaving the
  // order that the user chose.
  private isMuchFasterThan(that: Health, now: number): boolean {
    const [mine, other] = [this.recent(now), that.recent(now)]
    return mine !== undefined && other !== undefined && other > mine * 2 && other - mine > 20
  }

  /**
   * Orders servers: as they were, those much faster before, and those that
   * failed last. A fallback is never preferred for its speed: clear text is
   * always faster.
   */
  static order<T extends { readonly health: Health; readonly fallback: boolean }>(
    servers: ReadonlyArray<T>,
    now: number
  ): ReadonlyArray<T> {
    const ordered: Array<T> = []
    for (const server of servers) {
      let at = ordered.length
      while (at > 0 && !server.fallback && server.health.isMuchFasterThan(ordered[at - 1]!.health, now)) at--
      ordered.splice(at, 0, server)
    }
    const isAvoided = ({ health }: T) => health.avoidedUntil > now
    return [...ordered.filter((server) => !isAvoided(server)), ...ordered.filter(isAvoided)]
  }
}
