/**
 * Questions over TCP and over TLS.
 *
 * One connection carries many questions at once and takes the answers in any
 * order (RFC 7766, RFC 7858). It is made when it is needed, closed when it has
 * been idle, and replaced when it dies: what was not answered by then is asked
 * again on a new one.
 *
 * @since 0.1.0
 */
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type { ByteStreams, Security } from "./ByteStreams.ts"
import { connector } from "./internal/Connector.ts"
import { exchange } from "./internal/Exchange.ts"
import { Pipeline } from "./internal/Pipeline.ts"
import * as NameServer from "./NameServer.ts"
import type { Transport } from "./Transport.ts"

/**
 * How a transport connects and how patient it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly streams: ByteStreams["Service"]
  readonly happyEyeballs: HappyEyeballs["Service"]
  readonly random: SecureRandom["Service"]
  readonly address: NetAddress.InetAddress
  /** With it the transport speaks TLS, and pads what it sends. */
  readonly security: Security | undefined
  /** How long an answer is waited for, connecting included. */
  readonly timeout: Duration.Duration
  /** How long an idle connection is kept, unless the server says less. Default 10 s. */
  readonly idleTimeout?: Duration.Duration | undefined
  /** How many questions are under way at once. Default 100. */
  readonly maxInFlight?: number | undefined
}

/**
 * Makes a transport; its connection belongs to the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Transport, never, Scope.Scope> {
  const { address, maxInFlight, random, security, streams, timeout } = options
  const protocol = security === undefined ? "tcp" : "tls"
  const server = security === undefined
    ? NameServer.format({ protocol: "tcp", address })
    : NameServer.format({ protocol: "tls", address, authentication: security.authentication, profile: "strict" })
  const connect = yield* connector({
    ...options,
    server,
    addresses: [address],
    open: (endpoint) => streams.open(endpoint, security),
    begin: (stream, occupancy) => {
      const pipeline = new Pipeline({ stream, random, occupancy })
      return Effect.as(Effect.forkScoped(pipeline.reading), pipeline)
    }
  })
  return yield* exchange({ server, protocol, connect, padded: security !== undefined, timeout, maxInFlight })
})
