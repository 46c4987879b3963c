/**
 * What many connects to one target came to: by address and by family.
 *
 * Its memory is bounded, however long it watches and however often the
 * addresses of a name change.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import type { ConnectResult } from "@happy-eyeballs/core/testing/ConnectResult"
import * as ReportText from "./ReportText.ts"
import * as Times from "./Times.ts"
import type { AddressCounts, Counts, Family, Round } from "./WatchRound.ts"

interface Tally {
  attempts: number
  wins: number
  losses: number
  failures: number
  readonly timesMs: Array<number>
}

/**
 * How many addresses are remembered; for one more the oldest is forgotten.
 *
 * @category constants
 * @since 0.1.0
 */
export const maximumAddresses = 256

/**
 * How many times of one address are remembered: the last ones.
 *
 * @category constants
 * @since 0.1.0
 */
export const maximumTimes = 1000

/**
 * Counts rounds.
 *
 * @category models
 * @since 0.1.0
 */
export class Watch {
  private rounds = 0
  private failedRounds = 0
  private readonly addresses = new Map<string, { readonly at: Place; readonly tally: Tally }>()
  private readonly families = new Map<Family, Tally>()

  /** Whether every round has connected. */
  get ok(): boolean {
    return this.failedRounds === 0
  }

  /** Counts a connect and gives what all of them come to. */
  add(atMs: number, result: ConnectResult): Round {
    this.rounds++
    if (!result.ok) this.failedRounds++
    for (const attempt of result.attempts) {
      count(this.tallyOf(attempt), attempt)
      const family = familyOf(attempt)
      const tally = this.families.get(family) ?? empty()
      this.families.set(family, tally)
      count(tally, attempt)
    }
    return {
      round: this.rounds,
      atMs,
      result,
      addresses: Array.from(this.addresses.values(), ({ at, tally }) => ({ ...at, ...countsOf(tally) })),
      families: Array.from(this.families, ([family, tally]) => ({ family, ...countsOf(tally) }))
    }
  }

  private tallyOf({ address, port }: ConnectReport.AttemptReport): Tally {
    const key = ReportText.endpoint({ address, port })
    const known = this.addresses.get(key)
    if (known !== undefined) return known.tally
    const tally = empty()
    this.addresses.set(key, { at: { address, port }, tally })
    if (this.addresses.size > maximumAddresses) this.forgetOldest()
    return tally
  }

  // A map keeps the order in which its keys were added.
  private forgetOldest(): void {
    for (const key of this.addresses.keys()) {
      this.addresses.delete(key)
      return
    }
  }
}

type Place = Pick<AddressCounts, "address" | "port">

const empty = (): Tally => ({ attempts: 0, wins: 0, losses: 0, failures: 0, timesMs: [] })

const count = (tally: Tally, { endedAtMs, outcome, startedAtMs }: ConnectReport.AttemptReport): void => {
  tally.attempts++
  if (outcome === "failed") tally.failures++
  else if (outcome === "interrupted") tally.losses++
  else {
    tally.wins++
    tally.timesMs.push(endedAtMs - startedAtMs)
    if (tally.timesMs.length > maximumTimes) tally.timesMs.shift()
  }
}

const countsOf = ({ timesMs, ...counts }: Tally): Counts => {
  const { medianMs, p95Ms } = Times.summarize(timesMs)
  return { ...counts, p50Ms: medianMs, p95Ms }
}

const familyOf = ({ address, port }: ConnectReport.AttemptReport): Family =>
  port === null ? "unix" : address.includes(":") ? "IPv6" : "IPv4"
