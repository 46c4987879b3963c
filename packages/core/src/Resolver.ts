/**
 * Turns a name into addresses, one answer at a time.
 *
 * Connecting starts before every answer is in, so a `Resolver` gives a stream
 * and not a list. It never opens a connection and never chooses an order;
 * `Answers` continues the story.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import type * as Host from "effect/net/Host"
import type * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"

/**
 * The record types that connecting asks for.
 *
 * @category models
 * @since 0.1.0
 */
export type AnswerType = "A" | "AAAA" | "HTTPS"

/**
 * Where an answer came from: a name server just now (`network`), a cache, this
 * machine itself (`local`: hosts file, special names), or the operating
 * system's resolver, which does not say (`system`).
 *
 * @category models
 * @since 0.1.0
 */
export type AnswerSource = "network" | "cache" | "local" | "system"

/**
 * One HTTPS or SVCB record (RFC 9460), as a name server gave it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceRecord {
  /** 0 is alias mode; otherwise lower is tried first. */
  readonly priority: number
  /** The name to connect to; the root name stands for the owner. */
  readonly target: Host.DomainName
  readonly alpn: ReadonlyArray<string>
  readonly noDefaultAlpn: boolean
  readonly port: number | undefined
  readonly ipv4hint: ReadonlyArray<NetAddress.Ipv4Address>
  readonly ipv6hint: ReadonlyArray<NetAddress.Ipv6Address>
  readonly mandatory: ReadonlyArray<number>
  readonly ech: Uint8Array | undefined
}

/**
 * What a resolver said about one type of one name.
 *
 * **Details**
 *
 * A failure is an answer too: one family failing must not stop the other. An
 * answer without addresses says that the name has none of that family. A later
 * answer for the same owner and type replaces the earlier one.
 *
 * `encrypted` says that nobody between this host and its name server could see,
 * change or suppress the answer, or, of a failure, that the query was sent in
 * this way. Default: no.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer =
  | {
    readonly _tag: "Addresses"
    readonly owner: Host.DomainName
    readonly type: "A" | "AAAA"
    readonly addresses: ReadonlyArray<NetAddress.IpAddress>
    readonly ttl: Duration.Duration | undefined
    readonly source: AnswerSource
    readonly encrypted?: boolean | undefined
  }
  | {
    readonly _tag: "Services"
    readonly owner: Host.DomainName
    readonly type: "HTTPS"
    readonly records: ReadonlyArray<ServiceRecord>
    readonly ttl: Duration.Duration | undefined
    readonly source: AnswerSource
    readonly encrypted?: boolean | undefined
  }
  | {
    readonly _tag: "Failed"
    readonly owner: Host.DomainName
    readonly type: AnswerType
    readonly error: Dns.DnsError
    readonly ttl: Duration.Duration | undefined
    readonly source: AnswerSource
    readonly encrypted?: boolean | undefined
  }

/**
 * What to ask.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  readonly name: Host.DomainName
  /** Asked in this order, all at once. */
  readonly types: NonEmptyReadonlyArray<AnswerType>
  /**
   * The port to connect to, which HTTPS records of other ports than 443 depend
   * on. Absent: the records of the name itself, as for the target of an alias.
   */
  readonly port?: number | undefined
  /** Ask anew, whatever a cache holds. */
  readonly refresh?: boolean | undefined
}

/**
 * Service that answers names.
 *
 * @category services
 * @since 0.1.0
 */
export class Resolver extends Context.Service<Resolver, {
  /**
   * Emits each answer as it arrives and ends when no more can come. Failures
   * are answers, not errors. Interrupting the stream abandons the query.
   */
  readonly resolve: (query: Query) => Stream.Stream<Answer>
}>()("@happy-eyeballs/core/Resolver") {
  /**
   * Layer that asks any `Dns` of `effect/net`, once per family and both at once.
   *
   * **Gotchas**
   *
   * `Dns` reports neither times to live nor HTTPS records: `ttl` is absent and
   * `HTTPS` is answered with `Unsupported`.
   *
   * @since 0.1.0
   */
  static readonly layerDns: Layer.Layer<Resolver, never, Dns.Dns> = Layer.fresh(Layer.effect(
    Resolver,
    Effect.map(Dns.Dns, (dns) => Resolver.of(fromDns(dns)))
  ))
}

/**
 * Makes a resolver from any `Dns`, as `Resolver.layerDns` does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDns = (dns: Dns.Dns["Service"]): Resolver["Service"] => {
  const ask = (owner: Host.DomainName, type: AnswerType): Effect.Effect<Answer> => {
    const common = { owner, ttl: undefined, source: "system" } as const
    const failed = (error: Dns.DnsError): Answer => ({ ...common, _tag: "Failed", type, error })
    if (type === "HTTPS") {
      return Effect.succeed(failed(new Dns.DnsError({ reason: "Unsupported", method: "resolve", hostname: owner })))
    }
    return Effect.match(dns.lookup(owner, { family: type === "AAAA" ? "IPv6" : "IPv4" }), {
      onFailure: failed,
      onSuccess: (addresses): Answer => ({ ...common, _tag: "Addresses", type, addresses })
    })
  }
  return {
    resolve: ({ name, types }) =>
      Stream.mergeAll(types.map((type) => Stream.fromEffect(ask(name, type))), { concurrency: "unbounded" })
  }
}
