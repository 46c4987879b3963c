/**
 * Measures the addresses of a name, each by itself, and the race beside them.
 *
 * Which addresses there are, in which order and how to speak there is what a
 * race would try: one is run whose every dial is declined. Then each address is
 * dialled again and again, one at a time, so that none of them waits for
 * another.
 *
 * @since 0.1.0
 */
import type { ConnectError } from "@happy-eyeballs/core/ConnectError"
import * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import { Dialer, DialFailed } from "@happy-eyeballs/core/Dialer"
import * as Endpoint from "@happy-eyeballs/core/Endpoint"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type * as Target from "@happy-eyeballs/core/Target"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { AddressTimes, Bench, ResolverTimes } from "./BenchResult.ts"
import * as ReportText from "./ReportText.ts"
import * as Times from "./Times.ts"

/**
 * Who answers names in a bench, under the name it is shown by.
 *
 * @category models
 * @since 0.1.0
 */
export interface Upstream {
  /** The server, or `null` for what this machine is set up to ask. */
  readonly server: string | null
  readonly happyEyeballs: HappyEyeballs["Service"]
}

/**
 * What is measured.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan {
  readonly target: Target.TargetInput
  readonly options: ConnectOptions.ConnectOptions
  readonly count: number
  readonly upstreams: ReadonlyArray<Upstream>
}

interface Measured {
  readonly endpoint: Endpoint.Endpoint
  readonly timesMs: Array<number>
  readonly failures: Array<DialFailed>
}

interface Asked {
  readonly server: string | null
  readonly report: ConnectReport.ConnectReport
  readonly measured: ReadonlyArray<Measured>
  readonly races: Array<ConnectReport.ConnectReport>
}

/**
 * A bench that can be looked at while it runs.
 *
 * @category running
 * @since 0.1.0
 */
export class Run {
  private rounds = 0
  private asked: ReadonlyArray<Asked> = []
  private readonly plan: Plan

  constructor(plan: Plan) {
    this.plan = plan
  }

  /** What has been measured until now. */
  get bench(): Bench {
    const resolvers = this.asked.map(resolverTimes)
    const ok = this.asked.some(({ measured }) => measured.some(({ timesMs }) => timesMs.length > 0))
    const [first] = this.asked
    return {
      ok,
      target: first?.report.target ?? { host: "", ports: [] },
      count: this.plan.count,
      rounds: this.rounds,
      resolvers,
      error: ok ? null : this.whyNot()
    }
  }

  /** Measures; fails where the target or an option is not allowed. */
  get measure(): Effect.Effect<void, ConnectError, Dialer> {
    return Effect.gen({ self: this }, function*() {
      const { count, options, target, upstreams } = this.plan
      const dialer = yield* Dialer
      const known = new Map<string, Measured>()
      this.asked = yield* Effect.forEach(upstreams, (upstream) => ask(upstream, target, options, known))
      const limit = attemptTimeout(options)
      const racing = upstreams.flatMap(({ happyEyeballs }, index) => {
        const { measured = [], races = [] } = this.asked[index] ?? {}
        return measured.length === 0 ? [] : { happyEyeballs, races }
      })
      for (; this.rounds < count && known.size > 0; this.rounds++) {
        yield* Effect.forEach(known.values(), (one) => isSilent(one) ? Effect.void : dial(dialer, one, limit))
        yield* Effect.forEach(
          racing,
          ({ happyEyeballs, races }) =>
            Effect.map(reportOf(happyEyeballs.connect(target, options)), (report) => void races.push(report))
        )
      }
    })
  }

  private whyNot(): Bench["error"] {
    const [first] = this.asked
    // What was declined says nothing; only a name without addresses does.
    const last = first?.races.at(-1) ?? (first?.measured.length === 0 ? first.report : undefined)
    return last?.error ?? null
  }
}

// Asks for the endpoints that a race would try, and lets none of them be dialled.
const ask = Effect.fnUntraced(function*(
  { happyEyeballs, server }: Upstream,
  target: Target.TargetInput,
  options: ConnectOptions.ConnectOptions,
  known: Map<string, Measured>
): Effect.fn.Return<Asked, ConnectError> {
  const measured: Array<Measured> = []
  const decline = (endpoint: Endpoint.Endpoint) =>
    Effect.suspend(() => {
      const key = Endpoint.format(endpoint)
      const one = known.get(key) ?? { endpoint, timesMs: [], failures: [] }
      known.set(key, one)
      measured.push(one)
      return Effect.fail(new DialFailed({ endpoint, kind: "Denied", code: undefined }))
    })
  const error = yield* Effect.flip(Effect.scoped(happyEyeballs.connectWith(target, decline, options)))
  if (error.reason._tag === "InvalidTarget" || error.reason._tag === "InvalidOptions") return yield* error
  return { server, report: error.report, measured, races: [] }
})

const attemptTimeout = (options: ConnectOptions.ConnectOptions): number =>
  Result.getOrElse(ConnectOptions.toSettings(options), () => ConnectOptions.defaults).attemptTimeout

const dial = (dialer: Dialer["Service"], { endpoint, failures, timesMs }: Measured, limit: number) =>
  dialer.dial(endpoint).pipe(
    Effect.timed,
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () => Effect.fail(new DialFailed({ endpoint, kind: "Timeout", code: "ETIMEDOUT" }))
    }),
    Effect.match({
      onSuccess: ([elapsed]) => void timesMs.push(roundMs(elapsed)),
      onFailure: (failure) => void failures.push(failure)
    })
  )

// An address that never said anything costs a whole timeout each time; three
// of them say as much as ten.
const enoughSilence = 3

const isSilent = ({ failures, timesMs }: Measured): boolean =>
  timesMs.length === 0 && failures.length >= enoughSilence && failures.every(({ kind }) => kind === "Timeout")

const reportOf = (connecting: ReturnType<HappyEyeballs["Service"]["connect"]>) =>
  Effect.scoped(Effect.match(connecting, { onSuccess: ({ report }) => report, onFailure: ({ report }) => report }))

const roundMs = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration) * 1000) / 1000

const resolverTimes = ({ measured, races, report, server }: Asked): ResolverTimes => {
  const won = races.filter(({ ok }) => ok)
  const timesMs = won.map(({ elapsedMs }) => elapsedMs)
  const winners = won.flatMap(({ winner }) => winner ?? [])
  const errors = races.flatMap(({ error }) => error ?? [])
  return {
    server,
    lookupMs: report.resolution.at(-1)?.atMs ?? null,
    resolution: report.resolution,
    addresses: measured.map(addressTimes),
    race: {
      tries: races.length,
      failures: Times.tally(errors, ({ tag }) => tag).map(({ count, item: { tag } }) => ({ tag, count })),
      wins: Times.tally(winners, ReportText.endpoint).map(({ count, item: { address, port } }) => ({
        address,
        port,
        count
      })),
      ...Times.summarize(timesMs),
      timesMs
    }
  }
}

const addressTimes = ({ endpoint, failures, timesMs }: Measured): AddressTimes => ({
  address: Endpoint.formatAddress(endpoint),
  port: Endpoint.port(endpoint) ?? null,
  family: Endpoint.family(endpoint) ?? null,
  protocol: endpoint.tls === undefined ? "tcp" : "tls",
  tries: timesMs.length + failures.length,
  failures: Times.tally(failures, ({ code, kind }) => `${kind} ${code}`).map(({ count, item: { code, kind } }) => ({
    kind,
    code: code ?? null,
    count
  })),
  ...Times.summarize(timesMs),
  timesMs
})
