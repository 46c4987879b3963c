/**
 * The parts of a report in words: times, endpoints, reasons, the summary.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import type { FailureKind } from "@happy-eyeballs/core/Dialer"
import type { DnsErrorReason } from "effect/net/Dns"

/**
 * Prints milliseconds, short: `0.4 ms`, `12 ms`, `1.06 s`, `2.5 min`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatMs = (ms: number): string => {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 119_950) return `${Number((ms / 1000).toFixed(2))} s`
  return `${Number((ms / 60_000).toFixed(1))} min`
}

/**
 * Prints a target: `dual.example, port 443`, `ygg.re, ports 443 and 80`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const target = ({ host, ports }: ConnectReport.ConnectReport["target"]): string => {
  const name = visible(host).replaceAll(",", ", ")
  const [last, ...rest] = ports.toReversed()
  if (last === undefined) return name
  return rest.length === 0
    ? `${name}, port ${last}`
    : `${name}, ports ${rest.toReversed().join(", ")} and ${last}`
}

/**
 * Prints where an attempt went: `192.0.2.1:443`, `[2001:db8::1]:443`, or a path.
 *
 * @category formatting
 * @since 0.1.0
 */
export const endpoint = (
  { address, port }: Pick<ConnectReport.AttemptReport, "address" | "port">
): string => port === null ? address : address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`

/**
 * Prints what an answer is of: its type, its owner where that is not the
 * target, and its addresses.
 *
 * @category formatting
 * @since 0.1.0
 */
export const answer = ({ addresses, name, type }: ConnectReport.ResolutionReport): string =>
  [type.padEnd(4), ...(name === undefined ? [] : [visible(name)]), addresses.join(", ")].join(" ").trimEnd()

/**
 * Says what an answer brought.
 *
 * @category formatting
 * @since 0.1.0
 */
export const answerNote = ({ addresses, reason, records, type }: ConnectReport.ResolutionReport): string => {
  if (reason !== null) return answerReasons[reason]
  return type === "HTTPS"
    ? plural(records?.length ?? 0, "record", "records")
    : plural(addresses.length, "address", "addresses")
}

const answerReasons: Record<DnsErrorReason, string> = {
  NotFound: "not found",
  Timeout: "no answer",
  Temporary: "failed for now",
  Refused: "query refused",
  ServerFailure: "server failure",
  BadName: "bad name",
  InvalidResponse: "invalid answer",
  Unsupported: "unsupported",
  Unknown: "failed"
}

/**
 * Says how an attempt ended. Where the kind alone says little, the system's
 * code is added.
 *
 * @category formatting
 * @since 0.1.0
 */
export const attemptNote = ({ code, kind, outcome }: ConnectReport.AttemptReport): string => {
  if (outcome !== "failed") return outcome
  const reason = attemptReasons[kind ?? "Unknown"]
  return code !== null && (kind === "Tls" || kind === "Unknown" || kind === null)
    ? `${reason}: ${visible(code)}`
    : reason
}

const attemptReasons: Record<FailureKind, string> = {
  Refused: "refused",
  Unreachable: "unreachable",
  Reset: "reset",
  Timeout: "timed out",
  PermissionDenied: "not permitted",
  Tls: "TLS failed",
  Congested: "no descriptors",
  Denied: "denied by policy",
  Unknown: "failed"
}

/**
 * Says in a word or two why an attempt failed.
 *
 * @category formatting
 * @since 0.1.0
 */
export const failure = (kind: FailureKind): string => attemptReasons[kind]

/**
 * Sums a connect up in one line.
 *
 * **Details**
 *
 * A failed one names no attempt, only how many ended how: `error.message` of the
 * report has each.
 *
 * @category formatting
 * @since 0.1.0
 */
export const summary = (report: ConnectReport.ConnectReport): string => {
  const elapsed = formatMs(report.elapsedMs)
  const others = tally(report.attempts)
  if (report.winner !== null) {
    const tls = report.winner.protocol === "tls" ? " with TLS" : ""
    const rest = others === "" ? "" : `; ${others}`
    return `connected to ${endpoint(report.winner)}${tls} in ${elapsed}${rest}`
  }
  const where = target(report.target)
  switch (report.error?.tag) {
    case "AllAttemptsFailed":
      return `could not connect to ${where} after ${elapsed}: ${others}`
    case "TimedOut":
      return others === ""
        ? visible(report.error.message)
        : `could not connect to ${where}: timed out after ${elapsed} (${others})`
    case "Interrupted":
      return `interrupted after ${elapsed}${others === "" ? "" : ` (${others})`}`
    default:
      return visible(report.error?.message ?? `could not connect to ${where}`)
  }
}

const tally = (attempts: ReadonlyArray<ConnectReport.AttemptReport>): string => {
  const counts = new Map<string, number>()
  for (const attempt of attempts) {
    if (attempt.outcome === "connected") continue
    const word = attempt.outcome === "failed" ? attemptReasons[attempt.kind ?? "Unknown"] : attempt.outcome
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return Array.from(counts, ([word, count]) => `${count} ${word}`).join(", ")
}

/**
 * Prints a count with its noun: `no addresses`, `1 address`, `2 addresses`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const plural = (count: number, one: string, many: string): string =>
  `${count === 0 ? "no" : count} ${count === 1 ? one : many}`

/**
 * Makes control characters visible, so that text from a file or a server cannot
 * move the cursor or colour the terminal.
 *
 * @category formatting
 * @since 0.1.0
 */
export const visible = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`)
