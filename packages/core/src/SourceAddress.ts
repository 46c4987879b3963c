/**
 * Which of its own addresses this host would connect from.
 *
 * The operating system chooses a source address for each destination, and
 * RFC 6724 orders destinations by that choice. Nothing here sends a packet: a
 * platform says how to ask, this module remembers the answers for a short time,
 * and `AddressSelection` uses them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as MutableHashMap from "effect/MutableHashMap"
import * as MutableHashSet from "effect/MutableHashSet"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"

/**
 * What is known of the source address for one destination: the address with
 * the length of its prefix, that there is no route, or nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Source =
  | { readonly _tag: "Known"; readonly address: NetAddress.IpAddress; readonly prefixLength: number }
  | { readonly _tag: "NoRoute" }
  | { readonly _tag: "Unknown" }

/**
 * Makes a known source address.
 *
 * **Details**
 *
 * Without a prefix length, that of an ordinary subnet is taken: 64 for IPv6,
 * whose interface identifiers have 64 bits (RFC 4291, section 2.5.1). For IPv4
 * it is 32, and no rule reads it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const known = (address: NetAddress.IpAddress, prefixLength?: number | undefined): Source => ({
  _tag: "Known",
  address,
  prefixLength: prefixLength ?? (NetAddress.isIpv4Address(address) ? 32 : 64)
})

/**
 * Says that the host has no route to a destination.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noRoute: Source = { _tag: "NoRoute" }

/**
 * Says that nobody asked, or that the platform cannot tell. The destination
 * then counts as reachable.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unknown: Source = { _tag: "Unknown" }

/**
 * What `SourceAddress` offers.
 *
 * **Details**
 *
 * Connecting first runs `fill`, then reads `peek`, `route` and `network` as
 * often as it likes.
 *
 * @category models
 * @since 0.1.0
 */
export interface SourceAddresses {
  /**
   * Gives what was last learned about a destination, at once. It may be old: a
   * race that outlasts it keeps its order.
   */
  readonly peek: (destination: NetAddress.IpAddress) => Source
  /**
   * Learns what is not known or no longer fresh about the destinations and
   * about both routes. It never fails, and when everything is fresh it is done
   * at once.
   */
  readonly fill: (destinations: Iterable<NetAddress.IpAddress>) => Effect.Effect<void>
  /** Gives the source address for the internet at large, which tells whether the host has this family at all. */
  readonly route: (family: NetAddress.IpFamily) => Source
  /**
   * Names the network that the host is on, by its source addresses. What is
   * learned on one network says nothing about another; empty: offline, or unknown.
   */
  readonly network: () => string
}

/**
 * The source addresses of this host.
 *
 * **Details**
 *
 * By default nothing is known and both families count as reachable. A platform
 * provides better, in Node `NodeSourceAddress.layer`.
 *
 * @category references
 * @since 0.1.0
 */
export const SourceAddress: Context.Reference<SourceAddresses> = Context.Reference(
  "@happy-eyeballs/core/SourceAddress",
  {
    defaultValue: (): SourceAddresses => ({
      peek: () => unknown,
      fill: () => Effect.void,
      route: () => unknown,
      network: () => ""
    })
  }
)

/**
 * Options of the memory for source addresses.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long an answer is fresh. Default 5 s: long enough that a burst of
   * connects asks once, short enough that a new network or a VPN is noticed by
   * the next connect a user tries. An old answer costs an attempt delay, never a
   * connection, because an unreachable address is tried last and not dropped.
   */
  readonly timeToLive?: Duration.Input | undefined
  /** How many destinations are remembered, the latest learned. Default 1024, and never fewer than 128. */
  readonly capacity?: number | undefined
  /**
   * The destinations that stand for the internet at large. Default: the root
   * name server `a.root-servers.net`, because no default route leaves it out.
   */
  readonly internet?: Readonly<Record<NetAddress.IpFamily, NetAddress.IpAddress>> | undefined
}

/**
 * The addresses of `a.root-servers.net`.
 *
 * @category constants
 * @since 0.1.0
 */
export const internet: Readonly<Record<NetAddress.IpFamily, NetAddress.IpAddress>> = {
  IPv4: NetAddress.ipFromStringUnsafe("198.41.0.4"),
  IPv6: NetAddress.ipFromStringUnsafe("2001:503:ba3e::2:30")
}

// As many as one connect has candidates; a hostile answer costs no more.
const maxDestinationsPerFill = 64

const maxProbesAtOnce = 16

// A probe is a matter of microseconds, so this is reached only where a platform
// is broken, and then connecting goes on without the answer.
const maxWait = "100 millis"

/**
 * Makes source addresses from a way to ask for one.
 *
 * **Details**
 *
 * Each answer belongs to exactly one destination. A whole subnet cannot share
 * one, because a route may be as narrow as an address (a split tunnel, a host
 * route) and the system's choice of an IPv6 source depends on every bit. What is
 * shared is the asking: callers that miss the same destination at the same time
 * ask once. One `fill` asks about at most 64 destinations, 16 at a time, and for
 * at most 100 ms; what is not answered by then is unknown until it is asked anew.
 *
 * **Gotchas**
 *
 * Two networks that give the host the same private IPv4 address, and no IPv6,
 * have the same name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options & {
    /** Says what the host would use; it never fails, and says `unknown` instead. */
    readonly probe: (destination: NetAddress.IpAddress) => Effect.Effect<Source>
  }
): Effect.Effect<SourceAddresses> =>
  Effect.sync(() => {
    const timeToLive = Duration.toMillis(options.timeToLive ?? "5 seconds")
    const capacity = Math.max(options.capacity ?? 1024, 2 * maxDestinationsPerFill)
    const routes = options.internet ?? internet
    const memory = MutableHashMap.empty<NetAddress.IpAddress, { readonly source: Source; readonly at: number }>()
    const oneAtATime = Semaphore.makeUnsafe(1)
    let network = ""

    const peek = (destination: NetAddress.IpAddress): Source =>
      Option.match(MutableHashMap.get(memory, destination), {
        onNone: () => unknown,
        onSome: ({ source }) => source
      })

    const isFresh = (destination: NetAddress.IpAddress, now: number): boolean => {
      const entry = MutableHashMap.get(memory, destination)
      // The wall clock, because it runs on while a laptop sleeps and changes its
      // network; a clock that was set back makes an entry stale.
      return Option.isSome(entry) && entry.value.at <= now && now - entry.value.at < timeToLive
    }

    const missing = (
      destinations: Iterable<NetAddress.IpAddress>,
      now: number
    ): ReadonlyArray<NetAddress.IpAddress> => {
      const asked: Array<NetAddress.IpAddress> = []
      if (!isFresh(routes.IPv6, now)) asked.push(routes.IPv6)
      if (!isFresh(routes.IPv4, now)) asked.push(routes.IPv4)
      const limit = asked.length + maxDestinationsPerFill
      for (const destination of destinations) {
        if (asked.length === limit) break
        if (!isFresh(destination, now)) asked.push(destination)
      }
      return asked
    }

    const remember = (destination: NetAddress.IpAddress, source: Source, at: number): void => {
      // Removed first, so that the oldest entry is always the first one.
      MutableHashMap.remove(memory, destination)
      MutableHashMap.set(memory, destination, { source, at })
      for (const oldest of MutableHashMap.keys(memory)) {
        if (MutableHashMap.size(memory) <= capacity) break
        // Whoever has just filled may rely on the routes.
        if (oldest !== routes.IPv4 && oldest !== routes.IPv6) MutableHashMap.remove(memory, oldest)
      }
    }

    const ask = Effect.fnUntraced(function*(
      destinations: ReadonlyArray<NetAddress.IpAddress>,
      at: number
    ): Effect.fn.Return<void> {
      const asked = MutableHashSet.fromIterable(destinations)
      yield* Effect.forEach(
        asked,
        (destination) => Effect.map(options.probe(destination), (source) => remember(destination, source, at)),
        { concurrency: maxProbesAtOnce, discard: true }
      ).pipe(Effect.timeoutOption(maxWait))
      for (const destination of asked) {
        if (!isFresh(destination, at)) remember(destination, unknown, at)
      }
      network = networkOf(peek(routes.IPv4), peek(routes.IPv6)) ?? network
    })

    const fill = (destinations: Iterable<NetAddress.IpAddress>): Effect.Effect<void> =>
      Effect.clockWith((clock) => {
        const now = clock.currentTimeMillisUnsafe()
        return missing(destinations, now).length === 0 ? Effect.void : oneAtATime.withPermits(1)(
          // Looked at again: whoever had the permit before may have learned it.
          Effect.suspend(() => {
            const asked = missing(destinations, now)
            return asked.length === 0 ? Effect.void : ask(asked, now)
          })
        )
      })

    return { peek, fill, route: (family) => peek(routes[family]), network: () => network }
  })

/**
 * Names a network by both sources, or says `undefined` where one is unknown: a
 * moment without file descriptors is not another network.
 */
const networkOf = (ipv4: Source, ipv6: Source): string | undefined =>
  ipv4._tag === "Unknown" || ipv6._tag === "Unknown"
    ? undefined
    : [...formatSource(ipv4), ...formatSource(ipv6)].join(" ")

// IPv6 by its prefix, because the rest of a temporary address changes every day
// within one network (RFC 8981, section 3.4).
const formatSource = (source: Source): ReadonlyArray<string> =>
  source._tag !== "Known"
    ? []
    : NetAddress.isIpv4Address(source.address)
    ? [NetAddress.formatIp(source.address)]
    : [IpNetwork.format(IpNetwork.fromAddressUnsafe(source.address, source.prefixLength))]
