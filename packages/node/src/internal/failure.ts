/**
 * What Node's and OpenSSL's errors say about a dial.
 */
import * as Dialer from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import * as Predicate from "effect/Predicate"

/**
 * Makes the failure of a dial from what Node threw or emitted.
 */
export const fromCause = (endpoint: Endpoint, cause: unknown): Dialer.DialFailed => {
  const { code } = Dialer.failureFromCause(endpoint, cause)
  return new Dialer.DialFailed({
    endpoint,
    // Codes of certificates and of OpenSSL are many and grow; the system's are few. So at an endpoint that speaks TLS,
    // what the system did not say was said by TLS.
    kind: Dialer.kindOf(code) ?? (endpoint.tls === undefined ? "Unknown" : "Tls"),
    code,
    cause: readable(cause)
  })
}

// OpenSSL's message is a line of its error queue, file and line number included, that ends with a line break.
const readable = (cause: unknown): unknown =>
  cause instanceof Error && Predicate.hasProperty(cause, "library") && Predicate.hasProperty(cause, "reason")
    ? new Error(String(cause.reason), { cause })
    : cause
