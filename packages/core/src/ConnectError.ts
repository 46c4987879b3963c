/**
 * Why a connection could not be made.
 *
 * One wrapper, `ConnectError`, names the target and carries a `reason`. Match
 * the wrapper to say "it did not connect"; match the reason to say why:
 * `Effect.catchReason("ConnectError", "NoAddresses", …)`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Dns from "effect/net/Dns"
import type { ConnectReport } from "./ConnectReport.ts"
import { describe, type FailureKind } from "./Dialer.ts"
import * as Endpoint from "./Endpoint.ts"
import { formatMs } from "./internal/time.ts"
import type { AnswerType } from "./Resolver.ts"

/**
 * One endpoint was tried and did not connect. Times are milliseconds since the
 * call of `connect`.
 *
 * @category errors
 * @since 0.1.0
 */
export class AttemptFailed extends Data.TaggedError("AttemptFailed")<{
  readonly endpoint: Endpoint.Endpoint
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly kind: FailureKind
  readonly code: string | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${Endpoint.format(this.endpoint)} ${describe(this.kind, this.code, this.cause)} after ${
      formatMs(this.endedAtMs - this.startedAtMs)
    }`
  }
}

/**
 * One type of a name could not be resolved.
 *
 * @category errors
 * @since 0.1.0
 */
export class ResolutionFailed extends Data.TaggedError("ResolutionFailed")<{
  readonly owner: string
  readonly type: AnswerType
  readonly atMs: number
  readonly error: Dns.DnsError
}> {
  override get message(): string {
    return `${this.type}: ${dnsSentences[this.error.reason]} after ${formatMs(this.atMs)}`
  }
}

const dnsSentences: Record<Dns.DnsErrorReason, string> = {
  NotFound: "not found",
  Timeout: "the resolver did not answer",
  Temporary: "the resolver failed for now",
  Refused: "the resolver refused to answer",
  ServerFailure: "the resolver failed (SERVFAIL)",
  BadName: "the name is not valid",
  InvalidResponse: "the resolver sent an invalid answer",
  Unsupported: "the resolver cannot be asked for this",
  Unknown: "the resolver failed"
}

/**
 * What was given as target cannot be one. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidTarget extends Data.TaggedError("InvalidTarget")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * An option, or a combination of them, is not allowed. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOptions extends Data.TaggedError("InvalidOptions")<{
  readonly option: string
  readonly message: string
}> {}

/**
 * Resolution ended without a single address to try.
 *
 * **Details**
 *
 * `resolution` has every failed answer. It is empty where the resolver
 * answered but had nothing usable, for example only addresses of the family
 * that the caller excluded.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoAddresses extends Data.TaggedError("NoAddresses")<{
  readonly resolution: ReadonlyArray<ResolutionFailed>
  readonly detail?: string | undefined
}> {
  override get message(): string {
    const failures = this.resolution.map((failure) => failure.message)
    const why = this.detail !== undefined ? [this.detail, ...failures] : failures
    return why.length === 0
      ? "no addresses: the name exists but has none of the wanted family"
      : `no addresses (${why.join("; ")})`
  }
}

/**
 * Every candidate was tried. `attempts` is in start order.
 *
 * @category errors
 * @since 0.1.0
 */
export class AllAttemptsFailed extends Data.TaggedError("AllAttemptsFailed")<{
  readonly attempts: ReadonlyArray<AttemptFailed>
  readonly resolution: ReadonlyArray<ResolutionFailed>
}> {
  override get message(): string {
    return list(this.attempts, this.resolution)
  }
}

/**
 * An attempt that had not ended when the time ran out. `congested`: it was
 * waiting for a free file descriptor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending {
  readonly endpoint: Endpoint.Endpoint
  readonly startedAtMs: number
  readonly congested: boolean
}

/**
 * The time for the whole connect ran out.
 *
 * **Details**
 *
 * `attempts` has those that had failed by then, and `pending` the endpoints
 * that were still being tried.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimedOut extends Data.TaggedError("TimedOut")<{
  readonly timeoutMs: number
  readonly attempts: ReadonlyArray<AttemptFailed>
  readonly pending: ReadonlyArray<Pending>
  readonly resolution: ReadonlyArray<ResolutionFailed>
}> {
  override get message(): string {
    const pending = this.pending.map(({ congested, endpoint, startedAtMs }) => ({
      message: `${Endpoint.format(endpoint)} ${
        congested ? "waited for a free file descriptor for" : "did not answer in"
      } ${formatMs(this.timeoutMs - startedAtMs)}`
    }))
    const tried = [...this.attempts, ...pending]
    return tried.length === 0 && this.resolution.length === 0
      ? `timed out after ${formatMs(this.timeoutMs)}: the resolver did not answer`
      : `timed out after ${formatMs(this.timeoutMs)}: ${list(tried, this.resolution)}`
  }
}

// A hostile answer can name thousands of addresses; a log line should not.
const shown = 8

const list = (
  attempts: ReadonlyArray<{ readonly message: string }>,
  resolution: ReadonlyArray<ResolutionFailed>
): string => {
  const parts = attempts.slice(0, shown).map((attempt) => attempt.message)
  if (attempts.length > shown) parts.push(`and ${attempts.length - shown} more`)
  return [...parts, ...resolution.map((failure) => failure.message)].join("; ")
}

/**
 * The reasons carried by `ConnectError`.
 *
 * @category errors
 * @since 0.1.0
 */
export type ConnectErrorReason = InvalidTarget | InvalidOptions | NoAddresses | AllAttemptsFailed | TimedOut

/**
 * A target that could not be connected to.
 *
 * **Gotchas**
 *
 * The error does not say whose fault it was: a refused connection may be a
 * stopped server, a firewall that answers for it, or a wrong address.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectError extends Data.TaggedError("ConnectError")<{
  /** The target as the caller wrote it. */
  readonly target: string
  readonly reason: ConnectErrorReason
  readonly report: ConnectReport
}> {
  override get message(): string {
    return formatFailure(this.target, this.reason)
  }

  /**
   * Says whether trying the same again, later, may help.
   *
   * @since 0.1.0
   */
  get isTemporary(): boolean {
    switch (this.reason._tag) {
      case "InvalidTarget":
      case "InvalidOptions":
        return false
      case "TimedOut":
        return true
      case "NoAddresses":
        return this.reason.resolution.some((failure) => failure.error.isTemporary)
      case "AllAttemptsFailed":
        return this.reason.attempts.some(({ kind }) => !(permanent as ReadonlyArray<FailureKind>).includes(kind))
    }
  }
}

/**
 * Says in one line that a target could not be connected to, and why.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatFailure = (target: string, reason: ConnectErrorReason): string =>
  `could not connect to ${target === "" ? "\"\"" : target}: ${reason.message}`

const permanent = ["Tls", "Denied", "PermissionDenied"] as const satisfies ReadonlyArray<FailureKind>
