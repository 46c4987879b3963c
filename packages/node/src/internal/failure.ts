/**
 * What the system's and OpenSSL's error codes say about a dial.
 */
import * as Dialer from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import * as Predicate from "effect/Predicate"

// The codes that libuv gives for `connect`, and for what goes before it. Those of a listener's full backlog and of a
// missing Unix path are here too: `EAGAIN` is what Linux says of the former, `ENOENT` of the latter.
const kinds: ReadonlyMap<string, Dialer.FailureKind> = new Map([
  ["ECONNREFUSED", "Refused"],
  ["EAGAIN", "Refused"],
  ["EHOSTUNREACH", "Unreachable"],
  ["EHOSTDOWN", "Unreachable"],
  ["ENETUNREACH", "Unreachable"],
  ["ENETDOWN", "Unreachable"],
  ["ENONET", "Unreachable"],
  ["EADDRNOTAVAIL", "Unreachable"],
  ["EAFNOSUPPORT", "Unreachable"],
  ["EINVAL", "Unreachable"],
  ["ENOENT", "Unreachable"],
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

/**
 * Makes the failure of a dial from what Node threw or emitted.
 */
export const fromCause = (endpoint: Endpoint, cause: unknown): Dialer.DialFailed => {
  const code = Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : undefined
  // Codes of certificates and of OpenSSL are many and grow; the system's are few. So at an endpoint that speaks TLS,
  // what the system did not say was said by TLS.
  const kind = (code === undefined ? undefined : kinds.get(code)) ?? (endpoint.tls === undefined ? "Unknown" : "Tls")
  return new Dialer.DialFailed({ endpoint, kind, code, cause: readable(cause) })
}

// OpenSSL's message is a line of its error queue, file and line number included, that ends with a line break.
const readable = (cause: unknown): unknown =>
  cause instanceof Error && Predicate.hasProperty(cause, "library") && Predicate.hasProperty(cause, "reason")
    ? new Error(String(cause.reason), { cause })
    : cause
