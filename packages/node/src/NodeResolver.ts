/**
 * Answers names with the system's own resolver, `getaddrinfo`.
 *
 * The hosts file, mDNS and whatever else the system is set up for keep working.
 * Each family is asked by itself, so that the first to answer is heard first.
 * It never asks a name server itself, and reports no times to live.
 *
 * @since 0.1.0
 */
import * as NodeDns from "@effect/platform-node-shared/NodeDns"
import * as Resolver from "@happy-eyeballs/core/Resolver"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import type * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"

/**
 * Options of the system's resolver.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many lookups may run at once. Default: `defaultMaxLookups()`.
   */
  readonly maxLookups?: number | undefined
}

/**
 * Gives how many lookups may run at once where nothing else is said.
 *
 * **Details**
 *
 * libuv runs `getaddrinfo` on at most half of its threads, rounded up: 2 of the
 * default 4, more with `UV_THREADPOOL_SIZE`. One of those is left to the rest
 * of the program where there are three or more. With two, both are used, since
 * a family that does not answer must not keep the other from being asked: there
 * a name that hangs makes other lookups of the process wait.
 *
 * @category getters
 * @since 0.1.0
 */
export const defaultMaxLookups = (threads: string | undefined = process.env["UV_THREADPOOL_SIZE"]): number => {
  // libuv reads the number as `atoi` does, makes 0 one, and goes no higher than 1024.
  const size = threads === undefined ? 4 : Math.min(Math.max(Number.parseInt(threads, 10) || 1, 1), 1024)
  return Math.max(2, Math.ceil(size / 2) - 1)
}

/**
 * Makes a resolver that shares and bounds the lookups of a `lookup` that cannot
 * be cancelled.
 *
 * **Details**
 *
 * Whoever asks for the name and family that is being looked up gets the same
 * answer. An interrupted caller is gone at once and disturbs nobody else; a
 * lookup that has not begun is then forgotten, and one that has begun runs to
 * its end and keeps its place among `maxLookups` until then. `localhost` and
 * the names below it are answered here.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  lookup: (
    host: Host.DomainName,
    family: NetAddress.IpFamily
  ) => Effect.Effect<ReadonlyArray<NetAddress.IpAddress>, Dns.DnsError>,
  options: Options = {}
): Resolver.Resolver["Service"] => {
  const maxLookups = Math.max(1, options.maxLookups ?? defaultMaxLookups())
  const lookups = new Map<string, Lookup>()
  const waiting = new Set<Lookup>()
  let running = 0

  const startWaiting = () => {
    for (const next of waiting) {
      if (running >= maxLookups) return
      waiting.delete(next)
      running++
      // No fiber's child: nothing can end it before its time.
      Effect.runFork(next.effect).addObserver((exit) => {
        running--
        lookups.delete(next.key)
        for (const resume of next.callers) resume(exit)
        startWaiting()
      })
    }
  }

  const shared = (host: Host.DomainName, family: NetAddress.IpFamily) =>
    Effect.callback<ReadonlyArray<NetAddress.IpAddress>, Dns.DnsError>((resume) => {
      const key = `${family} ${host}`
      let current = lookups.get(key)
      if (current === undefined) {
        current = { key, effect: lookup(host, family), callers: new Set() }
        lookups.set(key, current)
        waiting.add(current)
      }
      const { callers } = current
      callers.add(resume)
      const mine = current
      startWaiting()
      return Effect.sync(() => {
        callers.delete(resume)
        if (callers.size === 0 && waiting.delete(mine)) lookups.delete(key)
      })
    })

  const resolver = Resolver.fromDns(Dns.make({
    lookup: (host, family) =>
      family === undefined
        ? Effect.die(new Error("a family is always asked for by itself"))
        : isLocalhost(host)
        ? loopback(family)
        : shared(host, family)
  }))
  return {
    resolve: (query) =>
      isLocalhost(query.name)
        ? Stream.map(resolver.resolve(query), (answer) => ({ ...answer, source: "local" }))
        : resolver.resolve(query)
  }
}

// RFC 6761, section 6.3: names of localhost are loopback addresses, always, and no name server is asked for them. Left
// to itself, glibc asks one for the family that the hosts file does not have.
const isLocalhost = (name: Host.DomainName): boolean => /(^|\.)localhost\.?$/.test(name)

const loopback = (family: NetAddress.IpFamily) =>
  Effect.succeed([family === "IPv4" ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback])

type Answer = Exit.Exit<ReadonlyArray<NetAddress.IpAddress>, Dns.DnsError>

interface Lookup {
  readonly key: string
  readonly effect: Effect.Effect<ReadonlyArray<NetAddress.IpAddress>, Dns.DnsError>
  readonly callers: Set<(answer: Answer) => void>
}

/**
 * Layer that asks the system's resolver, with these options.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOptions = (options: Options): Layer.Layer<Resolver.Resolver> =>
  Layer.sync(Resolver.Resolver, () => Resolver.Resolver.of(make(NodeDns.lookup, options)))

/**
 * Layer that asks the system's resolver.
 *
 * **Gotchas**
 *
 * A lookup that hangs keeps the process alive until the system gives it up, as
 * every `dns.lookup` does. Link-local addresses come without their zone.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Resolver.Resolver> = layerOptions({})
