/**
 * A stub resolver: questions in, answers out, from this machine, from memory or
 * from name servers.
 *
 * It follows aliases, keeps what it learnt for as long as it holds, and asks
 * only the servers that it was given. `layerResolver` makes core's `Resolver` of
 * it and `layerDns` the `Dns` of `effect/net`, so that a whole program resolves
 * through it.
 *
 * @since 0.1.0
 */
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type * as Cache from "./Cache.ts"
import * as HostsFile from "./HostsFile.ts"
import { toDns, toResolver } from "./internal/adapters.ts"
import * as Local from "./internal/local.ts"
import { Networked } from "./internal/Networked.ts"
import type * as Message from "./Message.ts"
import * as NameServer from "./NameServer.ts"
import { codes } from "./RecordType.ts"
import type { Resolution } from "./Resolution.ts"
import * as SearchList from "./SearchList.ts"
import type { Order } from "./SystemChoice.ts"
import type * as Upstream from "./Upstream.ts"

/**
 * Whom to ask, and in which names. It may change while a resolver lives: the
 * system's files do.
 *
 * @category models
 * @since 0.1.0
 */
export interface Config {
  /** In order of preference. */
  readonly servers: ReadonlyArray<NameServer.NameServer>
  /** Default: none. */
  readonly search?: ReadonlyArray<Host.DomainName> | undefined
  /** Default 1. */
  readonly ndots?: number | undefined
  /** How long one server is waited for. Default 5 s. */
  readonly attemptTimeout?: Duration.Duration | undefined
  /** How often the servers are gone through. Default 2. */
  readonly attempts?: number | undefined
  /** Begin with another server for each question. Default: no. */
  readonly rotate?: boolean | undefined
  /** Where names are looked for, in order. Default: the hosts file, then DNS. */
  readonly order?: Order | undefined
  /** Ask for no IPv6 addresses. Default: no. */
  readonly noAaaa?: boolean | undefined
}

/**
 * How a resolver works.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Cache.Options {
  /**
   * How long a question may take, whomever it takes. Default: what the servers'
   * own times add up to.
   */
  readonly timeout?: Duration.Duration | undefined
  /** How long an idle connection to a server is kept. Default 10 s. */
  readonly idleTimeout?: Duration.Duration | undefined
  /**
   * With `staleFor`: how long the servers are waited for before an answer that no
   * longer holds is given (RFC 8767). Default 1.8 s.
   */
  readonly staleAfter?: Duration.Duration | undefined
  /** Ask anew, off the caller's path, when an answer in use has a tenth of its time left. Default: no. */
  readonly prefetch?: boolean | undefined
  /** The hosts file. Default: empty. */
  readonly hosts?: Effect.Effect<Host.HostsTable> | undefined
}

/**
 * How one question is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueryOptions {
  /** Ask anew, whatever the cache holds. */
  readonly refresh?: boolean | undefined
  /** Look in the hosts file too. Default: yes. */
  readonly hosts?: boolean | undefined
}

/**
 * What a resolver has done since it was made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics extends Cache.Statistics {
  /** Questions that went to name servers. */
  readonly queries: number
  /** Questions that joined another that was under way. */
  readonly shared: number
  readonly prefetches: number
  readonly servers: ReadonlyArray<Upstream.ServerHealth>
}

/**
 * Service that answers questions of any record type.
 *
 * @category services
 * @since 0.1.0
 */
export class StubResolver extends Context.Service<StubResolver, {
  /**
   * Answers one question about one name as it stands. That a name does not exist
   * or has no such records is an answer too.
   */
  readonly query: (
    question: Message.Question,
    options?: QueryOptions
  ) => Effect.Effect<Resolution, Upstream.NoAnswer>
  /** Gives the full names that a name may mean, in the order in which they are asked for. */
  readonly candidates: (name: Host.DomainName) => Effect.Effect<ReadonlyArray<Host.DomainName>>
  /** Gives the names that this machine itself has for an address. */
  readonly namesOf: (address: NetAddress.IpAddress) => Effect.Effect<ReadonlyArray<Host.DomainName>>
  /** Says whether every name server is protected, as `NameServer.isProtected` has it. */
  readonly isProtected: Effect.Effect<boolean>
  /** Forgets everything that was learnt, or a name and all below it. */
  readonly flush: (name?: Host.DomainName) => Effect.Effect<void>
  readonly statistics: Effect.Effect<Statistics>
}>()("@happy-eyeballs/dns/StubResolver") {
  /**
   * Layer that asks these name servers.
   *
   * @since 0.1.0
   */
  static readonly layer = (
    config: Config,
    options?: Options
  ): Layer.Layer<StubResolver, never, Upstream.Ports> => StubResolver.layerFrom(Effect.succeed(config), options)

  /**
   * Layer whose name servers may change: the effect is run for every question,
   * and gives the same value as long as nothing has changed.
   *
   * @since 0.1.0
   */
  static readonly layerFrom = (
    config: Effect.Effect<Config>,
    options?: Options
  ): Layer.Layer<StubResolver, never, Upstream.Ports> => Layer.effect(StubResolver, make(config, options))

  /**
   * Layer of core's `Resolver`: AAAA, A and HTTPS are asked at once, as far as
   * they are asked for, and each answer is given as it arrives.
   *
   * @since 0.1.0
   */
  // Never shared by reference: two stub resolvers in one program would be one.
  static readonly layerResolver: Layer.Layer<Resolver, never, StubResolver> = Layer.fresh(Layer.effect(
    Resolver,
    Effect.map(StubResolver, (stub) => Resolver.of(toResolver(stub)))
  ))

  /**
   * Layer of the `Dns` service of `effect/net`, for every record type it has.
   *
   * @since 0.1.0
   */
  static readonly layerDns: Layer.Layer<Dns.Dns, never, StubResolver> = Layer.fresh(Layer.effect(
    Dns.Dns,
    Effect.map(StubResolver, toDns)
  ))
}

/**
 * Makes a stub resolver; its connections belong to the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  config: Effect.Effect<Config>,
  options: Options = {}
): Effect.fn.Return<StubResolver["Service"], never, Upstream.Ports | Scope.Scope> {
  const networked = yield* Networked.make(config, options)
  const hostsFile = options.hosts ?? Effect.succeed(new Map())

  return StubResolver.of({
    query: Effect.fnUntraced(function*({ name, type }, how) {
      const question: Message.Question = { name: Host.toRelative(name), type }
      const { noAaaa, order } = yield* config
      if (noAaaa === true && question.type === codes.AAAA) return Local.nothing(question)
      const special = Local.fromSpecialNames(question)
      let answer = special ?? Local.nowhere(question)
      for (const place of order ?? ["files", "dns"]) {
        if (place === "files" && how?.hosts !== false) {
          const found = Local.fromHosts(yield* hostsFile, question)
          if (found !== undefined) return found
        }
        if (place === "dns" && special === undefined) {
          answer = yield* networked.query(question, how?.refresh === true)
          if (answer.records.some(({ type }) => type === question.type)) return answer
        }
      }
      return answer
    }),
    candidates: (name) =>
      Effect.map(
        config,
        ({ ndots, search }) => SearchList.candidates(name, { search: search ?? [], ndots: ndots ?? 1 })
      ),
    namesOf: (address) => Effect.map(hostsFile, (table) => HostsFile.namesOf(table, address)),
    isProtected: Effect.map(config, ({ servers }) => servers.length > 0 && servers.every(NameServer.isProtected)),
    flush: (name) => Effect.sync(() => networked.cache.flush(name)),
    statistics: Effect.sync(() => networked.statistics)
  })
})
