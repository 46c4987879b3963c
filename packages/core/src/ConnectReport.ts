/**
 * What happened in one connect, as plain data.
 *
 * A report is folded from the list of `ConnectEvent`s and is what `connect
 * --json` prints. It holds no sockets and no errors, so it can be logged,
 * stored and compared.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type { DnsErrorReason } from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import type { ConnectEvent } from "./ConnectEvent.ts"
import type { FailureKind } from "./Dialer.ts"
import * as Endpoint from "./Endpoint.ts"
import { formatMs } from "./internal/time.ts"
import type { Answer, AnswerType, ServiceRecord } from "./Resolver.ts"
import type * as Target from "./Target.ts"

/**
 * One attempt, in milliseconds since the call of `connect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttemptReport {
  readonly address: string
  readonly port: number | null
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly outcome: "connected" | "failed" | "interrupted"
  readonly kind: FailureKind | null
  readonly code: string | null
}

/**
 * One answer, in milliseconds since the call of `connect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResolutionReport {
  readonly type: AnswerType
  /** The owner, where it is not the target itself. */
  readonly name?: string
  readonly atMs: number
  readonly addresses: ReadonlyArray<string>
  readonly records?: ReadonlyArray<ServiceRecordReport>
  readonly ttlSeconds: number | null
  readonly reason: DnsErrorReason | null
}

/**
 * One HTTPS record, in the form a scenario has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceRecordReport {
  readonly priority: number
  readonly target: string
  readonly alpn: ReadonlyArray<string>
  readonly noDefaultAlpn: boolean
  readonly port: number | null
  readonly ipv4hint: ReadonlyArray<string>
  readonly ipv6hint: ReadonlyArray<string>
  readonly mandatory: ReadonlyArray<string>
}

/**
 * The endpoint that won.
 *
 * @category models
 * @since 0.1.0
 */
export interface WinnerReport {
  readonly address: string
  readonly port: number | null
  readonly family: NetAddress.IpFamily | null
  readonly protocol: "tcp" | "tls"
}

/**
 * One connect: its target, its attempts in start order, the answers in order of
 * arrival, and how it ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectReport {
  readonly ok: boolean
  readonly target: { readonly host: string; readonly ports: ReadonlyArray<number> }
  readonly winner: WinnerReport | null
  /** When `connect` returned; the losers were closed by then. */
  readonly elapsedMs: number
  readonly attempts: ReadonlyArray<AttemptReport>
  readonly resolution: ReadonlyArray<ResolutionReport>
  readonly error: { readonly tag: string; readonly message: string } | null
}

/**
 * Folds the events of one connect, from `Started` to `Ended`, into a report.
 *
 * **Details**
 *
 * An attempt that was still running when the connect ended is `interrupted`,
 * and so is one that connected but did not win.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEvents = (events: ReadonlyArray<ConnectEvent>): ConnectReport => {
  const attempts: Array<AttemptReport> = []
  const resolution: Array<ResolutionReport> = []
  const last = events.at(-1)
  const ended = last?._tag === "Ended" ? last : undefined
  const elapsedMs = last?.atMs ?? 0
  const started = events.find((event) => event._tag === "Started")
  const target = started?.target ?? ended?.target
  let winner: WinnerReport | null = null
  for (const event of events) {
    switch (event._tag) {
      case "Answered":
        resolution.push(resolutionReport(event.answer, event.atMs, target))
        break
      case "AttemptStarted":
        attempts[event.attempt] = {
          address: Endpoint.formatAddress(event.endpoint),
          port: Endpoint.port(event.endpoint) ?? null,
          startedAtMs: event.atMs,
          endedAtMs: elapsedMs,
          outcome: "interrupted",
          kind: null,
          code: null
        }
        break
      case "AttemptConnected":
        if (event.attempt !== ended?.winner) break
        attempts[event.attempt] = { ...attempts[event.attempt]!, endedAtMs: event.atMs, outcome: "connected" }
        winner = winnerReport(event.endpoint)
        break
      case "AttemptFailed":
        attempts[event.attempt] = {
          ...attempts[event.attempt]!,
          endedAtMs: event.atMs,
          outcome: "failed",
          kind: event.failure.kind,
          code: event.failure.code ?? null
        }
        break
    }
  }
  return {
    ok: ended !== undefined && ended.error === null,
    target: { host: target?.host ?? "", ports: target?.ports.map(({ number }) => number) ?? [] },
    winner,
    elapsedMs,
    attempts,
    resolution,
    error: ended?.error ?? null
  }
}

/**
 * Prints what happened as lines of text, in order of time: each answer and each
 * attempt.
 *
 * **Example** (A waterfall for a log)
 *
 * ```ts
 * import { ConnectReport } from "@happy-eyeballs/core"
 *
 * const report: ConnectReport.ConnectReport = {
 *   ok: true,
 *   target: { host: "192.0.2.1", ports: [443] },
 *   winner: { address: "192.0.2.1", port: 443, family: "IPv4", protocol: "tcp" },
 *   elapsedMs: 30,
 *   attempts: [
 *     { address: "192.0.2.1", port: 443, startedAtMs: 0, endedAtMs: 30, outcome: "connected", kind: null, code: null }
 *   ],
 *   resolution: [],
 *   error: null
 * }
 *
 * ConnectReport.format(report) // => ["  0 ms to 30 ms  192.0.2.1 port 443: connected"]
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = ({ attempts, resolution }: ConnectReport): ReadonlyArray<string> => [
  ...resolution.map(({ addresses, atMs, reason, type }) =>
    `  at ${formatMs(atMs)}  ${type}: ${reason ?? (addresses.length > 0 ? listed(addresses) : "records")}`
  ),
  ...attempts.map(({ address, code, endedAtMs, kind, outcome, port, startedAtMs }) => {
    const place = port === null ? address : `${address} port ${port}`
    const why = code ?? kind
    return `  ${formatMs(startedAtMs)} to ${formatMs(endedAtMs)}  ${place}: ${outcome}${
      why === null ? "" : ` (${why})`
    }`
  })
]

// A hostile answer can name thousands of addresses; a log line should not.
const listed = (addresses: ReadonlyArray<string>): string =>
  addresses.length <= 8 ? addresses.join(", ") : `${addresses.slice(0, 8).join(", ")} and ${addresses.length - 8} more`

const winnerReport = (endpoint: Endpoint.Endpoint): WinnerReport => ({
  address: Endpoint.formatAddress(endpoint),
  port: Endpoint.port(endpoint) ?? null,
  family: Endpoint.family(endpoint) ?? null,
  protocol: endpoint.tls === undefined ? "tcp" : "tls"
})

const resolutionReport = (answer: Answer, atMs: number, target: Target.Target | undefined): ResolutionReport => {
  const owner = Host.toRelative(answer.owner)
  const isTarget = target?.at._tag !== "Name" || Host.toRelative(target.at.name) === owner
  return {
    type: answer.type,
    ...isTarget ? {} : { name: owner },
    atMs,
    addresses: answer._tag === "Addresses" ? answer.addresses.map(NetAddress.formatIp) : [],
    ...answer._tag === "Services" ? { records: answer.records.map(serviceRecordReport) } : {},
    ttlSeconds: answer.ttl === undefined ? null : Math.floor(Duration.toSeconds(answer.ttl)),
    reason: answer._tag === "Failed"
      ? answer.error.reason
      : answer._tag === "Addresses" && answer.addresses.length === 0
      ? "NotFound"
      : null
  }
}

const serviceRecordReport = (record: ServiceRecord): ServiceRecordReport => ({
  priority: record.priority,
  target: record.target,
  alpn: record.alpn,
  noDefaultAlpn: record.noDefaultAlpn,
  port: record.port ?? null,
  ipv4hint: record.ipv4hint.map(NetAddress.formatIp),
  ipv6hint: record.ipv6hint.map(NetAddress.formatIp),
  mandatory: record.mandatory.map(String)
})
