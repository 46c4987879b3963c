/**
 * Metrics of connects, kept in Effect's registry for any of its exporters.
 *
 * They are made from events, in the connect's own fiber: a metric is a number
 * in memory until somebody collects it.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { ConnectEvent } from "./ConnectEvent.ts"
import * as Endpoint from "./Endpoint.ts"
import { HappyEyeballs } from "./HappyEyeballs.ts"

// OpenTelemetry's boundaries of `dns.lookup.duration`, which serve connects as
// well: seconds.
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/**
 * Options of the metrics.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Add the target's host as `server.address`. Default: no, because every host
   * name makes a series of its own, for as long as the process lives.
   */
  readonly hostNames?: boolean | undefined
}

/**
 * Layer that measures every connect of the service.
 *
 * **Details**
 *
 * - `dns.lookup.duration` (histogram, seconds): from the connect's start to
 *   each answer, by `dns.question.type`, and `error.type` where it failed.
 * - `happy_eyeballs.dns.answers` (counter): answers by `source`; those of
 *   `cache` are the hits.
 * - `happy_eyeballs.attempts` (counter): attempts by `network.type` and
 *   `outcome` (`connected`, `failed`, `interrupted`), and `error.type`.
 * - `happy_eyeballs.wins` (counter): connects that succeeded, by `network.type`.
 * - `happy_eyeballs.connect.duration` (histogram, seconds): whole connects, by
 *   `outcome`, and `error.type` where they failed.
 * - `happy_eyeballs.attempts.open` (gauge): attempts that run now.
 *
 * The values live in the `MetricRegistry` around the layer.
 *
 * **Example** (Reading the metrics)
 *
 * ```ts
 * import { ConnectMetrics, HappyEyeballs } from "@happy-eyeballs/core"
 * import { SimulatedNetwork } from "@happy-eyeballs/core/testing"
 * import { Effect, Layer, Metric } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { connect } = yield* HappyEyeballs.HappyEyeballs
 *   yield* Effect.scoped(connect("192.0.2.1:443"))
 *   const metrics = yield* Metric.snapshot
 *   return metrics.some(({ id }) => id === "happy_eyeballs.wins")
 * })
 *
 * const measured = ConnectMetrics.layer().pipe(
 *   Layer.provideMerge(HappyEyeballs.HappyEyeballs.layer),
 *   Layer.provide(SimulatedNetwork.layer({ network: { "192.0.2.1": { outcome: "accept" } } }))
 * )
 *
 * await Effect.runPromise(Effect.provide(program, measured)) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, HappyEyeballs> =>
  Layer.effectDiscard(
    Effect.contextWith((context: Context.Context<HappyEyeballs | Scope.Scope>) =>
      Effect.flatMap(HappyEyeballs, ({ observe }) => observe(recorder(context, options.hostNames === true)))
    )
  )

interface Running {
  readonly host: string | undefined
  /** The families of the attempts that succeeded, by number: two can, and one of them wins. */
  readonly connected: Array<string>
}

const recorder = (context: Context.Context<never>, hostNames: boolean): (event: ConnectEvent) => void => {
  const running = new Map<number, Running>()
  const { answers, attempts, connects, lookups, open, wins } = makeMetrics(context)
  return (event) => {
    if (event._tag === "Started") {
      running.set(event.connect, { host: hostNames ? event.target.host : undefined, connected: [] })
    }
    const connect = running.get(event.connect)
    // It began before this was listening.
    if (connect === undefined) return
    const { connected, host } = connect
    switch (event._tag) {
      case "Answered": {
        const { answer, atMs } = event
        answers(host, answer.source).update(1)
        lookups(host, answer.type, answer._tag === "Failed" ? answer.error.reason : undefined).update(atMs / 1000)
        break
      }
      case "AttemptStarted":
        open().modify(1)
        break
      case "AttemptConnected":
      case "AttemptFailed":
      case "AttemptInterrupted": {
        const type = networkType(event.endpoint)
        if (event._tag === "AttemptConnected") connected[event.attempt] = type
        const failure = event._tag === "AttemptFailed" ? event.failure : undefined
        open().modify(-1)
        attempts(host, type, outcomes[event._tag], failure && (failure.code ?? failure.kind)).update(1)
        break
      }
      case "Ended": {
        running.delete(event.connect)
        const { atMs, error, winner } = event
        const outcome = error === null ? "connected" : error.tag === "Interrupted" ? "interrupted" : "failed"
        connects(host, outcome, outcome === "failed" ? error?.tag : undefined).update(atMs / 1000)
        if (winner !== null) wins(host, connected[winner]).update(1)
        break
      }
    }
  }
}

const outcomes = { AttemptConnected: "connected", AttemptFailed: "failed", AttemptInterrupted: "interrupted" } as const

const networkType = (endpoint: Endpoint.Endpoint): string => Endpoint.family(endpoint)?.toLowerCase() ?? "unix"

const makeMetrics = (context: Context.Context<never>) => {
  const counter = (name: string, description: string, ...keys: ReadonlyArray<string>) =>
    seriesOf(context, keys, (attributes) => Metric.counter(name, { description, attributes, incremental: true }))
  const seconds = (name: string, description: string, ...keys: ReadonlyArray<string>) =>
    seriesOf(
      context,
      keys,
      (attributes) => Metric.histogram(name, { description, attributes: { ...attributes, unit: "s" }, boundaries })
    )
  const host = "server.address"
  const type = "network.type"
  const error = "error.type"
  return {
    lookups: seconds("dns.lookup.duration", "until an answer, from the start of its connect", host, question, error),
    answers: counter("happy_eyeballs.dns.answers", "answers of the resolver, by where they came from", host, "source"),
    attempts: counter("happy_eyeballs.attempts", "attempts, by how they ended", host, type, "outcome", error),
    wins: counter("happy_eyeballs.wins", "connects that succeeded, by the winner's family", host, type),
    connects: seconds("happy_eyeballs.connect.duration", "what a connect took", host, "outcome", error),
    open: seriesOf(
      context,
      [],
      () => Metric.gauge("happy_eyeballs.attempts.open", { description: "attempts that run now" })
    )
  }
}

const question = "dns.question.type"

/** One series of a metric. */
interface Series {
  readonly update: (value: number) => void
  readonly modify: (by: number) => void
}

// A metric with attributes computes its key when it is first used, so each
// combination is made once. There are few: families, outcomes, error codes.
const seriesOf = (
  context: Context.Context<never>,
  keys: ReadonlyArray<string>,
  make: (attributes: Record<string, string>) => Metric.Metric<number, unknown>
): (...values: ReadonlyArray<string | undefined>) => Series => {
  const made = new Map<string, Series>()
  return (...values) => {
    const key = values.join("\n")
    let series = made.get(key)
    if (series === undefined) {
      const attributes: Record<string, string> = {}
      for (const [index, name] of keys.entries()) {
        const value = values[index]
        if (value !== undefined) attributes[name] = value
      }
      const metric = make(attributes)
      series = {
        update: (value) => metric.updateUnsafe(value, context),
        modify: (by) => metric.modifyUnsafe(by, context)
      }
      made.set(key, series)
    }
    return series
  }
}
