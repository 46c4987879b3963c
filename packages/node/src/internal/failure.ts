/**
 * What Node's and OpenSSL's errors say about a dial.
 */
import * as Dialer from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import * as Predicate from "effect/Predicate"

// What core's table of system codes leaves out: Linux says `EAGAIN` of a Unix socket whose backlog is full, and
// `EINVAL` of an address that cannot be reached from the one to connect from, or not without a zone.
const kinds: ReadonlyMap<string | undefined, Dialer.FailureKind> = new Map([
  ["EAGAIN", "Refused"],
  ["ENOENT", "Unreachable"],
  ["EINVAL", "Unreachable"],
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
  const { code, kind } = Dialer.failureFromCause(endpoint, cause)
  return new Dialer.DialFailed({
    endpoint,
    // Codes of certificates and of OpenSSL are many and grow; the system's are few. So at an endpoint that speaks TLS,
    // what the system did not say was said by TLS.
    kind: kind !== "Unknown" ? kind : kinds.get(code) ?? (endpoint.tls === undefined ? "Unknown" : "Tls"),
    code,
    cause: readable(cause)
  })
}

// OpenSSL's message is a line of its error queue, file and line number included, that ends with a line break.
const readable = (cause: unknown): unknown =>
  cause instanceof Error && Predicate.hasProperty(cause, "library") && Predicate.hasProperty(cause, "reason")
    ? new Error(String(cause.reason), { cause })
    : cause
