/**
 * Opens one endpoint.
 *
 * A dialer knows how to open a socket and nothing else: it neither resolves
 * names nor races. `Race` gives each dial a scope of its own and closes the
 * scopes of the losers.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as Endpoint from "./Endpoint.ts"

/**
 * Why a dial failed, in one word.
 *
 * **Details**
 *
 * `Congested` is a shortage on this machine (`EMFILE`, `ENFILE`) and says
 * nothing of the address. `Denied` is a policy's word: no packet was sent.
 *
 * @category models
 * @since 0.1.0
 */
export type FailureKind =
  | "Refused"
  | "Unreachable"
  | "Reset"
  | "Timeout"
  | "PermissionDenied"
  | "Tls"
  | "Congested"
  | "Denied"
  | "Unknown"

/**
 * One endpoint could not be opened.
 *
 * @category errors
 * @since 0.1.0
 */
export class DialFailed extends Data.TaggedError("DialFailed")<{
  readonly endpoint: Endpoint.Endpoint
  readonly kind: FailureKind
  /** The system's code, such as `ECONNREFUSED`, where there is one. */
  readonly code: string | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${Endpoint.format(this.endpoint)} ${describe(this.kind, this.code, this.cause)}`
  }
}

const sentences: Record<FailureKind, string> = {
  Refused: "refused the connection",
  Unreachable: "is unreachable",
  Reset: "reset the connection",
  Timeout: "timed out",
  PermissionDenied: "is not permitted",
  Tls: "failed the TLS handshake",
  Congested: "could not be tried: no free file descriptors",
  Denied: "is denied by policy",
  Unknown: "failed"
}

/**
 * Says a failure in words, with its code: `refused the connection
 * (ECONNREFUSED)`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const describe = (kind: FailureKind, code: string | undefined, cause?: unknown): string => {
  const detail = (kind === "Tls" || kind === "Unknown" || kind === "Denied") && cause instanceof Error
    ? cause.message
    : undefined
  const inner = [detail, code].filter((part) => part !== undefined && part !== "")
  return inner.length === 0 ? sentences[kind] : `${sentences[kind]} (${inner.join(", ")})`
}

/**
 * An open connection as a dialer hands it over.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dialed {
  readonly endpoint: Endpoint.Endpoint
  /** Already open; its reader can be acquired once, and does not dial again. */
  readonly socket: Socket.Socket
  /** The platform's own socket: in Node a `net.Socket` or `tls.TLSSocket`. */
  readonly native: unknown
  /** Calls the listener once when the connection has ended, however it ended. */
  readonly onClose: (listener: () => void) => void
}

/**
 * Service that opens endpoints.
 *
 * @category services
 * @since 0.1.0
 */
export class Dialer extends Context.Service<Dialer, {
  /**
   * Opens one endpoint, in the scope it is given, and closes it with that
   * scope. Success means ready to use: with TLS, a finished handshake.
   * Interruptible at every moment; when interrupted or failed nothing is open.
   */
  readonly dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<Dialed, DialFailed, Scope.Scope>
}>()("@happy-eyeballs/core/Dialer") {}

/**
 * What a dialer calls when a connection stands and its TLS handshake begins.
 *
 * **Details**
 *
 * It is how the time of TLS is told from that of TCP. A dialer that does not
 * call it works as well.
 *
 * @category references
 * @since 0.1.0
 */
export const OnSecuring: Context.Reference<(() => void) | undefined> = Context.Reference(
  "@happy-eyeballs/core/Dialer/OnSecuring",
  { defaultValue: (): (() => void) | undefined => undefined }
)

/**
 * Makes a `DialFailed` of whatever a dial failed with, its kind chosen by the
 * system's error code.
 *
 * @category converting
 * @since 0.1.0
 */
export const failureFromCause = (endpoint: Endpoint.Endpoint, cause: unknown): DialFailed => {
  if (cause instanceof DialFailed) return cause
  const code = Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code) ? cause.code : undefined
  return new DialFailed({ endpoint, kind: kindOf(code) ?? "Unknown", code, cause })
}

/**
 * Says what kind of failure a code of the system, or of Node, means, where it
 * is one of those that a dial may fail with.
 *
 * @category converting
 * @since 0.1.0
 */
export const kindOf = (code: string | undefined): FailureKind | undefined => kinds.get(code)

// Linux says `EAGAIN` of a Unix socket whose backlog is full, and `EINVAL` of an address that cannot be reached from
// the one to connect from, or not without a zone.
const kinds: ReadonlyMap<string | undefined, FailureKind> = new Map([
  ["ECONNREFUSED", "Refused"],
  ["EAGAIN", "Refused"],
  ["EHOSTUNREACH", "Unreachable"],
  ["ENETUNREACH", "Unreachable"],
  ["EHOSTDOWN", "Unreachable"],
  ["ENETDOWN", "Unreachable"],
  ["EADDRNOTAVAIL", "Unreachable"],
  ["EAFNOSUPPORT", "Unreachable"],
  ["ENOENT", "Unreachable"],
  ["EINVAL", "Unreachable"],
  ["ECONNRESET", "Reset"],
  ["ECONNABORTED", "Reset"],
  ["EPIPE", "Reset"],
  ["ETIMEDOUT", "Timeout"],
  ["EACCES", "PermissionDenied"],
  ["EPERM", "PermissionDenied"],
  ["EMFILE", "Congested"],
  ["ENFILE", "Congested"],
  ["ENOBUFS", "Congested"],
  ["ENOMEM", "Congested"],
  ["ERR_IP_BLOCKED", "Denied"],
  ["ERR_INVALID_IP_ADDRESS", "Unknown"],
  ["ERR_SOCKET_BAD_PORT", "Unknown"]
])
