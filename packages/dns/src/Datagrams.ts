/**
 * The port for datagrams: what UDP to a name server needs from the platform.
 *
 * `effect/socket/DatagramSocket` is not used: one query is one socket on a port
 * of its own, and connecting it lets the kernel drop what comes from elsewhere
 * and report a refused port at once.
 *
 * @since 0.1.0
 */
import type { FailureKind } from "@happy-eyeballs/core/Dialer"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"

/**
 * The system says that datagrams do not get through.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatagramFailed extends Data.TaggedError("DatagramFailed")<{
  readonly kind: FailureKind
  /** The system's code, such as `ECONNREFUSED`, where there is one. */
  readonly code: string | undefined
  readonly cause?: unknown
}> {}

/**
 * An open socket that talks to one address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Channel {
  readonly send: (bytes: Uint8Array) => Effect.Effect<void, DatagramFailed>
  /** Waits for the next datagram from that address, and from no other. */
  readonly receive: Effect.Effect<Uint8Array, DatagramFailed>
}

/**
 * Service that opens sockets for datagrams.
 *
 * @category services
 * @since 0.1.0
 */
export class Datagrams extends Context.Service<Datagrams, {
  /**
   * Opens a socket on a fresh port that cannot be guessed, connected to one
   * address. It closes with the scope. It may drop datagrams when nobody
   * receives, and holds only a bounded number of them.
   */
  readonly connect: (address: NetAddress.InetAddress) => Effect.Effect<Channel, DatagramFailed, Scope.Scope>
}>()("@happy-eyeballs/dns/Datagrams") {}
