/**
 * Log lines about connects: a warning when one was saved by a fallback or took
 * long, and a debug line for each event.
 *
 * Happy Eyeballs hides the faults of networks (RFC 8305, section 9.3). This is
 * what makes them known.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Host from "effect/net/Host"
import * as References from "effect/References"
import type { ConnectEvent } from "./ConnectEvent.ts"
import * as ConnectReport from "./ConnectReport.ts"
import { describe } from "./Dialer.ts"
import * as Endpoint from "./Endpoint.ts"
import { HappyEyeballs } from "./HappyEyeballs.ts"
import { formatMs } from "./internal/time.ts"
import type { Answer } from "./Resolver.ts"

/**
 * Options of the log.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Warn of a connect that took longer than this. Default 1 s; infinity: never for its time. */
  readonly warnAfter?: Duration.Input | undefined
  /** At most one warning for a host in this time; the next one says how many were left out. Default 1 min. */
  readonly warnEvery?: Duration.Input | undefined
}

/**
 * Layer that logs the connects of the service.
 *
 * **Details**
 *
 * A warning is for a connect that was won by another attempt than the first,
 * and for one that took longer than `warnAfter`. It carries the waterfall, and
 * as annotations `server.address`, `network.peer.address`,
 * `happy_eyeballs.elapsed_ms` and `happy_eyeballs.attempts`.
 *
 * Every event is a line at level `Debug`, annotated with
 * `happy_eyeballs.connect` and `happy_eyeballs.event`. Loggers, minimum level
 * and annotations are those of the fiber that connects.
 *
 * **Gotchas**
 *
 * Host names and addresses are in the log. A connect that fails quickly is no
 * warning: its caller has the error. Nor is one that is interrupted.
 *
 * **Example** (Hearing of a broken family)
 *
 * ```ts
 * import { ConnectLog, HappyEyeballs } from "@happy-eyeballs/core"
 * import { SimulatedNetwork } from "@happy-eyeballs/core/testing"
 * import { Layer } from "effect"
 *
 * const logged = ConnectLog.layer({ warnAfter: "500 millis" }).pipe(
 *   Layer.provideMerge(HappyEyeballs.HappyEyeballs.layer),
 *   Layer.provide(SimulatedNetwork.layer({}))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, HappyEyeballs> =>
  Layer.effectDiscard(Effect.flatMap(HappyEyeballs, ({ observe }) => {
    const warn = warnings(options)
    // Not every event happens in a fiber; what is around the call is.
    const callers = new Map<number, Caller>()
    return observe((event) => {
      if (event._tag === "Started") callers.set(event.connect, callerOf(Fiber.getCurrent()))
      const caller = callers.get(event.connect)
      // It began before this was listening.
      if (caller === undefined) return
      if (caller.debug) Effect.runForkWith(caller.context)(debugLine(event))
      if (event._tag !== "Ended") return
      callers.delete(event.connect)
      const warning = warn(event, Context.get(caller.context, Clock.Clock).currentTimeMillisUnsafe())
      if (warning !== undefined) Effect.runForkWith(caller.context)(warning)
    })
  }))

interface Caller {
  readonly context: Context.Context<never>
  readonly debug: boolean
}

const callerOf = (fiber: Fiber.Fiber<unknown, unknown> | undefined): Caller => {
  const context = fiber?.context ?? Context.empty()
  return { context, debug: !LogLevel.isGreaterThan(Context.get(context, References.MinimumLogLevel), "Debug") }
}

type Ended = Extract<ConnectEvent, { readonly _tag: "Ended" }>

// Hosts that have had a warning; a program that connects to more of them at a
// time may hear of one twice.
const maximumHosts = 1024

/** Says which connects are to be warned of, and how. */
const warnings = (options: Options) => {
  const afterMs = Duration.toMillis(options.warnAfter ?? Duration.seconds(1))
  const everyMs = Duration.toMillis(options.warnEvery ?? Duration.minutes(1))
  const byHost = new Map<string, { readonly atMs: number; leftOut: number }>()
  return (event: Ended, nowMs: number): Effect.Effect<void> | undefined => {
    const fallback = event.winner !== null && event.winner > 0
    if (event.error?.tag === "Interrupted" || (!fallback && event.atMs <= afterMs)) return undefined
    const { host } = event.target
    const last = byHost.get(host)
    if (last !== undefined && nowMs - last.atMs < everyMs) {
      last.leftOut++
      return undefined
    }
    if (byHost.size >= maximumHosts) byHost.clear()
    byHost.set(host, { atMs: nowMs, leftOut: 0 })
    return warningLine(event, last?.leftOut ?? 0)
  }
}

const warningLine = ({ report }: Ended, leftOut: number): Effect.Effect<void> => {
  const { attempts, elapsedMs, target, winner } = report
  const what = winner === null
    ? `connecting to ${target.host} failed after ${formatMs(elapsedMs)}`
    : attempts.length > 1
    ? `${target.host} was reached only by attempt ${attempts.length} (${winner.address}), after ${formatMs(elapsedMs)}`
    : `connecting to ${target.host} took ${formatMs(elapsedMs)}`
  const more = leftOut === 0 ? "" : ` (${leftOut} more like it were not logged)`
  return Effect.logWarning([`${what}${more}`, ...ConnectReport.format(report)].join("\n")).pipe(
    Effect.annotateLogs({
      "server.address": target.host,
      ...winner === null ? {} : { "network.peer.address": winner.address },
      "happy_eyeballs.elapsed_ms": elapsedMs,
      "happy_eyeballs.attempts": attempts.length
    })
  )
}

const debugLine = (event: ConnectEvent): Effect.Effect<void> =>
  Effect.logDebug(describeEvent(event)).pipe(
    Effect.annotateLogs({ "happy_eyeballs.connect": event.connect, "happy_eyeballs.event": event._tag })
  )

const describeEvent = (event: ConnectEvent): string => {
  const at = `${formatMs(event.atMs)}:`
  switch (event._tag) {
    case "Started":
      return `${at} connecting to ${event.target.given}`
    case "Answered":
      return `${at} ${describeAnswer(event.answer)}`
    case "Refreshed":
      return `${at} every cached address failed, the name is asked once more`
    case "LeftOut":
      return `${at} ${event.count} candidates beyond the limit of ${event.limit} are left out`
    case "AttemptStarted":
      return `${at} attempt ${event.attempt + 1} at ${Endpoint.format(event.endpoint)}`
    case "AttemptSecuring":
      return `${at} ${Endpoint.format(event.endpoint)} answered, TLS begins`
    case "AttemptConnected":
      return `${at} ${Endpoint.format(event.endpoint)} connected`
    case "AttemptFailed":
      return `${at} ${Endpoint.format(event.endpoint)} ${
        describe(event.failure.kind, event.failure.code, event.failure.cause)
      }`
    case "AttemptInterrupted":
      return `${at} ${Endpoint.format(event.endpoint)} was given up`
    case "Congested":
      return `${at} no free file descriptor for ${Endpoint.format(event.endpoint)}, waiting`
    case "Ended":
      return `${at} ${event.error === null ? `connected to ${event.target.given}` : event.error.message}`
  }
}

const describeAnswer = (answer: Answer): string => {
  const what = answer._tag === "Failed"
    ? answer.error.reason
    : answer._tag === "Services"
    ? `${answer.records.length} records`
    : `${answer.addresses.length} addresses`
  return `${answer.type} of ${Host.toRelative(answer.owner)} (${answer.source}): ${what}`
}
