/**
 * A network, described as data.
 *
 * What names resolve to, how addresses behave and which source addresses this
 * host has. Silence is the default everywhere: a type that is not listed is
 * never answered, and an address that is not listed drops every packet.
 * `SimulatedNetwork` brings a world to life.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { DnsErrorReason } from "effect/net/Dns"
import type { AnswerType } from "../Resolver.ts"
import type { Serve } from "./SimulatedServer.ts"

/**
 * One HTTPS record (RFC 9460). Absent: no ALPN, no port, no hints, and
 * `noDefaultAlpn` false.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceRecord {
  readonly priority: number
  /** `"."` stands for the owner. */
  readonly target: string
  readonly alpn?: ReadonlyArray<string> | undefined
  readonly noDefaultAlpn?: boolean | undefined
  readonly port?: number | null | undefined
  readonly ipv4hint?: ReadonlyArray<string> | undefined
  readonly ipv6hint?: ReadonlyArray<string> | undefined
  /** Service parameters by number, by name or as `key667`. */
  readonly mandatory?: ReadonlyArray<number | string> | undefined
}

/**
 * One answer of the resolver: addresses, HTTPS records, or the reason of a
 * failure.
 *
 * **Details**
 *
 * `afterMs` counts from the query, default 0. A type may be answered several
 * times; a later answer replaces the earlier one.
 *
 * @category models
 * @since 0.1.0
 */
export interface NameAnswer {
  readonly type: AnswerType
  readonly afterMs?: number | undefined
  readonly addresses?: ReadonlyArray<string> | undefined
  readonly records?: ReadonlyArray<ServiceRecord> | undefined
  readonly reason?: DnsErrorReason | undefined
  /** Absent: the answer says nothing of how long it holds. */
  readonly ttlSeconds?: number | undefined
}

/**
 * How an address behaves when it is connected to.
 *
 * **Details**
 *
 * - `accept`: connects; `refuse`: `ECONNREFUSED`; `reset`: `ECONNRESET`;
 *   `unreachable`: `EHOSTUNREACH`; each `afterMs` after the SYN that got
 *   through.
 * - `congested`: this host has no free descriptors (`EMFILE`), `afterMs` after
 *   the attempt's start.
 * - `drop`: silence.
 *
 * @category models
 * @since 0.1.0
 */
export interface Behaviour {
  readonly outcome: "accept" | "refuse" | "unreachable" | "reset" | "congested" | "drop"
  /** Default 0. */
  readonly afterMs?: number | undefined
  /** The probability that a SYN is lost, 0 to 1. Default 0. */
  readonly loss?: number | undefined
  /** The TLS handshake, where the client asks for one. Default: ok at once. */
  readonly tls?: TlsBehaviour | undefined
  /** The server behind the address. Default: it reads everything and says nothing. */
  readonly serve?: Serve | undefined
  /** How long bytes travel in each direction. Default 0. */
  readonly latencyMs?: number | undefined
  /** How many bytes may be sent and not yet read before a write waits. Default 65 536. */
  readonly windowBytes?: number | undefined
}

/**
 * How a TLS handshake ends, `afterMs` after the connect; `stall` never ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface TlsBehaviour {
  readonly outcome: "ok" | "fail" | "stall"
  /** Default 0. */
  readonly afterMs?: number | undefined
}

/**
 * A simulated network.
 *
 * @category models
 * @since 0.1.0
 */
export interface World {
  /** Answers by name, in array order where times tie. */
  readonly names?: Readonly<Record<string, ReadonlyArray<NameAnswer>>> | undefined
  /**
   * Behaviour by `"address"`, by `"address:port"` or `"[address]:port"`, which
   * wins, or by the path of a Unix socket, which contains a slash.
   */
  readonly network?: Readonly<Record<string, Behaviour>> | undefined
  /**
   * The source address this host would use, `"ADDR"` or `"ADDR/PREFIXLENGTH"`,
   * by destination address or, where that is not listed, by `"IPv6"` or
   * `"IPv4"`. `null`: there is no route, and a dial fails at once with
   * `ENETUNREACH`. Absent: reachable from an unknown source.
   */
  readonly sources?: Readonly<Record<string, string | null>> | undefined
  /** When a SYN that was lost is sent again, after the first. Default 1, 3 and 7 s. */
  readonly synRetransmitsMs?: ReadonlyArray<number> | undefined
}

/**
 * A world names something that cannot exist, such as an address that is not
 * one.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidWorld extends Data.TaggedError("InvalidWorld")<{
  /** Where in the world, such as `network["192.0.2.1:http"]`. */
  readonly path: string
  readonly detail: string
}> {
  override get message(): string {
    return `invalid world: ${this.path}: ${this.detail}`
  }
}
