/**
 * Errors in the form that clients of Node's own sockets know.
 *
 * Such clients decide by `code` whether to try again, and print `message`. The
 * plugs of this package fail with these errors; the whole story stays in their
 * `cause`. Nothing here is an effect.
 *
 * @since 0.1.0
 */
import type { AttemptFailed, ConnectError, Pending } from "@happy-eyeballs/core/ConnectError"
import type { FailureKind } from "@happy-eyeballs/core/Dialer"
import * as Endpoint from "@happy-eyeballs/core/Endpoint"
import type * as Dns from "effect/net/Dns"

/**
 * What Node's errors say beside their message.
 *
 * @category models
 * @since 0.1.0
 */
export interface Details {
  /** Such as `ECONNREFUSED`. */
  readonly code: string
  /** What was being done: `connect`, or `getaddrinfo` where it was about the name. */
  readonly syscall?: string | undefined
  /** The host as the caller wrote it. */
  readonly hostname?: string | undefined
  readonly port?: number | undefined
  /** An IP address, or the path of a Unix socket. */
  readonly address?: string | undefined
  /** One for each attempt that was started and did not connect, in start order. */
  readonly errors?: ReadonlyArray<NodeError> | undefined
}

/**
 * An error with the properties of Node's own.
 *
 * @category errors
 * @since 0.1.0
 */
export class NodeError extends Error implements Details {
  declare readonly code: string
  declare readonly syscall?: string
  declare readonly hostname?: string
  declare readonly port?: number
  declare readonly address?: string
  declare readonly errors: ReadonlyArray<NodeError>

  constructor(message: string, details: Details, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    // Node's own errors do not have what they cannot say.
    const known = Object.entries(details).filter(([, value]) => value !== undefined)
    Object.assign(this, { errors: [] }, Object.fromEntries(known))
  }
}

/**
 * Turns the failure of a connect into the error that Node's clients know.
 *
 * **Details**
 *
 * `code` is that of all attempts where they agree, and otherwise that of the
 * last one started. It is `ETIMEDOUT` when the time for the whole ran out,
 * `EAI_AGAIN` or `ENOTFOUND` for a name without addresses, the first where
 * asking again may help, and `ERR_INVALID_ARG_VALUE` for a target or an option
 * that is not allowed. An address that a policy denies has `ERR_IP_BLOCKED`, as
 * with Node's own `blockList`. `cause` is the `ConnectError`.
 *
 * **Example** (Naming what a retry policy looks at)
 *
 * ```ts
 * import { HappyEyeballs } from "@happy-eyeballs/core"
 * import { SimulatedNetwork, VirtualTime } from "@happy-eyeballs/core/testing"
 * import { fromConnectError } from "@happy-eyeballs/node/NodeError"
 * import { Effect, Layer } from "effect"
 *
 * const network = SimulatedNetwork.layer({ network: { "192.0.2.1": { outcome: "refuse", afterMs: 20 } } })
 *
 * const code = Effect.gen(function*() {
 *   const { connect } = yield* HappyEyeballs.HappyEyeballs
 *   const { code, syscall } = fromConnectError(yield* Effect.flip(connect("192.0.2.1:443")))
 *   return `${syscall} ${code}`
 * })
 *
 * VirtualTime.runUnsafe(code.pipe(
 *   Effect.scoped,
 *   Effect.provide(HappyEyeballs.HappyEyeballs.layer.pipe(Layer.provide(network)))
 * )) // => "connect ECONNREFUSED"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConnectError = (error: ConnectError): NodeError => {
  const { reason, report: { target } } = error
  const of = (details: Details): NodeError =>
    new NodeError(error.message, { hostname: target.host, port: target.ports[0], ...details }, error)
  switch (reason._tag) {
    case "InvalidTarget":
    case "InvalidOptions":
      return of({ code: "ERR_INVALID_ARG_VALUE" })
    case "NoAddresses":
      return of({ code: nameCode(reason.resolution.map((failure) => failure.error)), syscall: "getaddrinfo" })
    case "AllAttemptsFailed": {
      const errors = reason.attempts.map((attempt) => fromAttempt(attempt, target.host))
      return of({ code: "UNKNOWN", ...last(errors), errors })
    }
    case "TimedOut": {
      const errors = [...reason.attempts, ...reason.pending]
        .toSorted((a, b) => a.startedAtMs - b.startedAtMs)
        .map((attempt) => fromAttempt(attempt, target.host))
      return of({ syscall: "getaddrinfo", ...last(errors), code: "ETIMEDOUT", errors })
    }
  }
}

/**
 * Makes the error of `dns.lookup` from what a resolver said.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDnsErrors = (hostname: string, errors: ReadonlyArray<Dns.DnsError>): NodeError => {
  const code = nameCode(errors)
  return new NodeError(`getaddrinfo ${code} ${hostname}`, { code, syscall: "getaddrinfo", hostname }, errors[0])
}

const nameCode = (errors: ReadonlyArray<Dns.DnsError>): string =>
  errors.some((error) => error.isTemporary) ? "EAI_AGAIN" : "ENOTFOUND"

// Where all agree, the last one says what they say.
const last = (errors: ReadonlyArray<NodeError>): Details | undefined => {
  const error = errors.at(-1)
  return error && {
    code: error.code,
    syscall: error.syscall,
    address: error.address,
    ...error.port === undefined ? {} : { port: error.port }
  }
}

const fromAttempt = (attempt: AttemptFailed | Pending, hostname: string): NodeError => {
  const { endpoint } = attempt
  const failed = "kind" in attempt ? attempt : undefined
  const code = failed?.code ?? codes[failed?.kind ?? (waitedForDescriptor(attempt) ? "Congested" : "Timeout")]
  return new NodeError(
    failed?.message ?? `connect ${code} ${Endpoint.format(endpoint)}`,
    { code, syscall: "connect", hostname, address: Endpoint.formatAddress(endpoint), port: Endpoint.port(endpoint) },
    failed
  )
}

const waitedForDescriptor = (attempt: AttemptFailed | Pending): boolean => "congested" in attempt && attempt.congested

// For a dialer that gives a kind and no code. `UNKNOWN` is libuv's own word.
const codes: Record<FailureKind, string> = {
  Refused: "ECONNREFUSED",
  Unreachable: "EHOSTUNREACH",
  Reset: "ECONNRESET",
  Timeout: "ETIMEDOUT",
  PermissionDenied: "EACCES",
  Tls: "EPROTO",
  Congested: "EMFILE",
  Denied: "ERR_IP_BLOCKED",
  Unknown: "UNKNOWN"
}
