/**
 * `dns.lookup` over the resolver: for clients that take a `lookup`, and those
 * that take nothing.
 *
 * Such clients connect by themselves, so their addresses are not raced; but
 * their names are answered by whatever `Resolver` you chose, its cache and its
 * encryption with it.
 *
 * @since 0.1.0
 */
import { Resolver } from "@happy-eyeballs/core/Resolver"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import { DnsError } from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import Dns from "node:dns"
import { syncBuiltinESMExports } from "node:module"
import * as Net from "node:net"
import { promisify } from "node:util"
import { addressesOf } from "./internal/plugs/addressesOf.ts"
import { fromDnsErrors, NodeError } from "./NodeError.ts"
import * as NodeSourceAddress from "./NodeSourceAddress.ts"

/**
 * Options of lookups.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long IPv6 is waited for when IPv4 has answered. Default 50 ms; 0 never waits. */
  readonly resolutionDelay?: Duration.Input | undefined
  /** How long a lookup may take. Default 10 s; infinity allowed. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A function with the signatures of `dns.lookup`.
 *
 * @category models
 * @since 0.1.0
 */
export type Lookup = typeof Dns.lookup

/**
 * Makes a `lookup`.
 *
 * **Details**
 *
 * It takes what `dns.lookup` takes: `all`, `family`, `order` and `verbatim`
 * mean the same, and `hints` nothing. Addresses come in the order of RFC 6724.
 * A failure has code `ENOTFOUND`, or `EAI_AGAIN` where asking again may help.
 * When the scope closes, lookups underway fail with `ECANCELLED`.
 *
 * **Example** (Connecting with a lookup)
 *
 * ```ts
 * import { HappyEyeballsLive } from "@happy-eyeballs/node"
 * import * as NodeLookup from "@happy-eyeballs/node/NodeLookup"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const lookup = yield* NodeLookup.make()
 *   return yield* Effect.callback<string>((resume) => {
 *     lookup("localhost", 4, (error, address) => resume(error ? Effect.die(error) : Effect.succeed(address)))
 *   })
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(HappyEyeballsLive))) // => "127.0.0.1"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Lookup, never, Resolver | Scope.Scope> {
  const resolver = yield* Resolver
  const sources = yield* NodeSourceAddress.make()
  const run = yield* FiberSet.makeRuntime()
  // Node's own, also where this takes its place.
  const native = Dns.lookup

  const lookup = (hostname: string, given: unknown, done?: Callback): object => {
    const callback = typeof given === "function" ? given as Callback : done
    const asked = typeof given === "function" || given === undefined || given === null ? {} : given
    // What Node would say of a wrong argument, it says; and an address is nothing to look up.
    if (typeof callback !== "function" || typeof hostname !== "string" || hostname === "" || Net.isIP(hostname) !== 0) {
      return native(hostname, asked as Dns.LookupOptions, callback!) as unknown as object
    }
    native("0.0.0.0", asked as Dns.LookupOptions, () => {})
    const { all = false, family, order, verbatim }: Dns.LookupOptions = typeof asked === "number"
      ? { family: asked }
      : asked
    const name = Host.domainNameFromInput(hostname)
    const found = name._tag === "Failure"
      ? Effect.fail(new DnsError({ reason: "BadName", method: "lookup", hostname, cause: name.failure }))
      : addressesOf(resolver, sources, name.success, families.get(family), options)
    const inOrder = sorter(order ?? (verbatim === undefined ? Dns.getDefaultResultOrder() : orderOf(verbatim)))
    run(found).addObserver((exit) => {
      process.nextTick(() => {
        if (Exit.isFailure(exit)) return callback(errorFrom(exit.cause, hostname))
        const entries = inOrder(exit.value).map(entryOf)
        if (all) callback(null, entries)
        else callback(null, entries[0]!.address, entries[0]!.family)
      })
    })
    return {}
  }
  return Object.assign(lookup, { [promisify.custom]: promised(lookup) }) as unknown as Lookup
})

/**
 * Layer that puts a lookup in the place of `dns.lookup`, which `net.connect`
 * and everything above it ask, until its scope closes.
 *
 * **Gotchas**
 *
 * `dns.promises.lookup` stays Node's: the system's resolver is asked by it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerGlobal = (options: Options = {}): Layer.Layer<never, never, Resolver> =>
  Layer.effectDiscard(Effect.flatMap(make(options), (lookup) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = Dns.lookup
        put(lookup)
        return before
      }),
      (before) =>
        Effect.sync(() => {
          if (Dns.lookup === lookup) put(before)
        })
    )))

// What was imported by name is another variable, which Node sets anew when it is asked to.
const put = (lookup: Lookup): void => {
  Dns.lookup = lookup
  syncBuiltinESMExports()
}

type Callback = (
  error: NodeJS.ErrnoException | null,
  address?: string | ReadonlyArray<Dns.LookupAddress>,
  family?: number
) => void

type Order = NonNullable<Dns.LookupOptions["order"]>

const families: ReadonlyMap<unknown, NetAddress.IpFamily> = new Map<unknown, NetAddress.IpFamily>([
  [4, "IPv4"],
  ["IPv4", "IPv4"],
  [6, "IPv6"],
  ["IPv6", "IPv6"]
])

const orderOf = (verbatim: boolean): Order => verbatim ? "verbatim" : "ipv4first"

const sorter =
  (order: Order) => (addresses: ReadonlyArray<NetAddress.IpAddress>): ReadonlyArray<NetAddress.IpAddress> => {
    if (order === "verbatim") return addresses
    const isFirst = order === "ipv4first" ? NetAddress.isIpv4Address : NetAddress.isIpv6Address
    return addresses.toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a)))
  }

const entryOf = (address: NetAddress.IpAddress): Dns.LookupAddress => ({
  address: NetAddress.formatIp(address),
  family: NetAddress.isIpv4Address(address) ? 4 : 6
})

const errorFrom = (cause: Cause.Cause<DnsError>, hostname: string): Error => {
  const failure = cause.reasons.find(Cause.isFailReason)
  if (failure !== undefined) return fromDnsErrors(hostname, [failure.error])
  if (!Cause.hasInterruptsOnly(cause)) return Cause.squash(cause) as Error
  const message = `getaddrinfo ECANCELLED ${hostname}: the scope that this lookup belongs to is closed`
  return new NodeError(message, { code: "ECANCELLED", syscall: "getaddrinfo", hostname })
}

// As `promisify(dns.lookup)` has it.
const promised =
  (lookup: (hostname: string, options: unknown, callback: Callback) => unknown) =>
  (hostname: string, options: unknown = {}) =>
    new Promise((resolve, reject) => {
      lookup(hostname, options, (error, address, family) => {
        if (error !== null) reject(error)
        else resolve(family === undefined ? address : { address, family })
      })
    })
