/**
 * What happened in one connect, as plain data.
 *
 * A report is folded from the list of `ConnectEvent`s and is what `connect
 * --json` prints. It holds no sockets and no errors, so it can be logged,
 * stored and compared.
 *
 * @since 0.1.0
 */
import type { DnsErrorReason } from "effect/net/Dns"
import type { IpFamily } from "effect/net/NetAddress"
import type { FailureKind } from "./Dialer.ts"
import type { AnswerType } from "./Resolver.ts"

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
  readonly mandatory: ReadonlyArray<number>
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
  readonly family: IpFamily | null
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
