/**
 * RFC 6724 destination address selection: which of several addresses to try
 * first.
 *
 * Everything here is a pure function over values; it asks nobody and drops no
 * address. `SourceAddress` says what the host would connect from, and `Order`
 * continues with the sorted list.
 *
 * @since 0.1.0
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import type { Source, SourceAddresses } from "./SourceAddress.ts"

/**
 * What a policy table says about the addresses under a prefix. An IPv4 prefix
 * stands for the same prefix in IPv4-mapped form.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  readonly prefix: IpNetwork.IpNetwork
  /** Higher is preferred. */
  readonly precedence: number
  /** A destination goes well with a source of the same label. */
  readonly label: number
}

/**
 * A policy table, made by `policyTable`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PolicyTable {
  readonly policies: ReadonlyArray<Policy>
  /** The same, longest prefix first, in the form that looking up needs. */
  readonly rows: ReadonlyArray<Policy & { readonly bits: NetAddress.Ipv6Segments; readonly length: number }>
}

/** Every address as IPv6, as the policy table has them (RFC 6724, section 2.1). */
const bitsOf = (address: NetAddress.IpAddress): NetAddress.Ipv6Segments =>
  NetAddress.ipv6ToSegments(NetAddress.isIpv4Address(address) ? NetAddress.toIpv4Mapped(address) : address)

/**
 * Makes a policy table. The order of the policies does not matter: the longest
 * prefix that covers an address decides, and of equal ones the first.
 *
 * **Gotchas**
 *
 * An address that no prefix covers has the lowest precedence there is, and a
 * label that it shares with every other such address. Tables end with `::/0`.
 *
 * **Example** (Preferring a local network)
 *
 * ```ts
 * import { AddressSelection } from "@happy-eyeballs/core"
 * import { IpNetwork } from "effect/net"
 *
 * const table = AddressSelection.policyTable([
 *   ...AddressSelection.rfc6724Update.policies,
 *   { prefix: IpNetwork.fromStringUnsafe("fd12:3456:789a::/48"), precedence: 45, label: 14 }
 * ])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const policyTable = (policies: ReadonlyArray<Policy>): PolicyTable => ({
  policies,
  rows: policies.map((policy) => ({
    ...policy,
    bits: bitsOf(policy.prefix.address),
    length: policy.prefix.prefixLength + (NetAddress.isIpv4Address(policy.prefix.address) ? 96 : 0)
  })).toSorted((a, b) => b.length - a.length)
})

const fromRows = (rows: ReadonlyArray<readonly [prefix: string, precedence: number, label: number]>): PolicyTable =>
  policyTable(
    rows.map(([prefix, precedence, label]) => ({ prefix: IpNetwork.fromStringUnsafe(prefix), precedence, label }))
  )

/**
 * The default policy table of RFC 6724, section 2.1.
 *
 * @category constants
 * @since 0.1.0
 */
export const rfc6724: PolicyTable = fromRows([
  ["::1/128", 50, 0],
  ["::/0", 40, 1],
  ["::ffff:0:0/96", 35, 4],
  ["2002::/16", 30, 2],
  ["2001::/32", 5, 5],
  ["fc00::/7", 3, 13],
  ["::/96", 1, 3],
  ["fec0::/10", 1, 11],
  ["3ffe::/16", 1, 12]
])

/**
 * The policy table of draft-ietf-6man-rfc6724-update: unique local addresses go
 * before IPv4, and 6to4 goes behind it.
 *
 * **Details**
 *
 * The draft also has a host insert its own unique local prefixes, with
 * precedence 45 and label 14. Which prefixes are local cannot be learned from
 * here; `policyTable` adds them.
 *
 * @category constants
 * @since 0.1.0
 */
export const rfc6724Update: PolicyTable = fromRows([
  ["::1/128", 50, 0],
  ["::/0", 40, 1],
  ["fc00::/7", 30, 13],
  ["::ffff:0:0/96", 20, 4],
  ["2002::/16", 5, 2],
  ["2001::/32", 5, 5],
  ["::/96", 1, 3],
  ["fec0::/10", 1, 11],
  ["3ffe::/16", 1, 12]
])

/**
 * Gives the precedence and the label of an address.
 *
 * @category getters
 * @since 0.1.0
 */
export const lookup = (
  self: PolicyTable,
  address: NetAddress.IpAddress
): { readonly precedence: number; readonly label: number } => lookupBits(self, bitsOf(address))

const uncovered = { precedence: -Infinity, label: -1 }

const lookupBits = (self: PolicyTable, bits: NetAddress.Ipv6Segments) =>
  self.rows.find((row) => commonPrefixLength(row.bits, bits) >= row.length) ?? uncovered

/**
 * Gives the scope of an address as a number, smaller for narrower: 2 is
 * link-local, 5 site-local, 14 global (RFC 6724, sections 3.1 and 3.2).
 *
 * @category getters
 * @since 0.1.0
 */
export const scopeOf = (address: NetAddress.IpAddress): number => scopeOfBits(bitsOf(address))

const scopeOfBits = (bits: NetAddress.Ipv6Segments): number => {
  const [first, , , , , , high, low] = bits
  // Loopback counts as link-local, and private IPv4 as global.
  if (isIpv4(bits)) return high >> 8 === 127 || high === 0xa9fe ? 2 : 14
  if (first >> 8 === 0xff) return first & 0xf
  if (first >> 6 === 0xfe80 >> 6) return 2
  if (first >> 6 === 0xfec0 >> 6) return 5
  return low === 1 && commonPrefixLength(bits, loopback) === 128 ? 2 : 14
}

/**
 * Says which family to wait for and to try first: IPv6 if the host has a route
 * for it, else IPv4.
 *
 * **Details**
 *
 * A route whose source address is link-local or loopback leads nowhere beyond
 * this link, and is none. Where nothing is known, IPv6 counts as routed.
 *
 * @category getters
 * @since 0.1.0
 */
export const preferredFamily = (sources: Pick<SourceAddresses, "route">): NetAddress.IpFamily => {
  const source = sources.route("IPv6")
  if (source._tag === "Known") return scopeOf(source.address) === 2 ? "IPv4" : "IPv6"
  return source._tag === "NoRoute" ? "IPv4" : "IPv6"
}

/**
 * How to sort destinations of any type.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<A> {
  readonly address: (destination: A) => NetAddress.IpAddress
  readonly source: (destination: A) => Source
  /** Default `rfc6724`. */
  readonly policy?: PolicyTable | undefined
  /**
   * Ranks that decide between rules 8 and 9, the first one first; lower goes
   * before. A rank is a number, and not a comparison of two destinations: a rule
   * with a threshold, such as "much faster than", ties a with b and b with c but
   * not a with c, and no sorting by it is independent of the order of the input.
   * Such a rule puts the destinations into classes first, and ranks the classes.
   * `NaN` is not a rank.
   */
  readonly between?: ReadonlyArray<(destination: A) => number> | undefined
}

/**
 * Sorts destinations by the rules of RFC 6724, section 6; what ties keeps its
 * order.
 *
 * **Details**
 *
 * An unreachable destination goes last and is not dropped. A rule that needs the
 * source address is left out among destinations that are tied so far if the
 * source of one of them is unknown: to compare some and not others gives no
 * order. Every destination is looked at once.
 *
 * **Example** (Sorting addresses)
 *
 * ```ts
 * import { AddressSelection, SourceAddress } from "@happy-eyeballs/core"
 * import { NetAddress } from "effect/net"
 *
 * const addresses = ["192.0.2.1", "2001:db8::1"].map(NetAddress.ipFromStringUnsafe)
 *
 * AddressSelection.sort(addresses, { address: (address) => address, source: () => SourceAddress.unknown })
 *   .map(NetAddress.formatIp) // => ["2001:db8::1", "192.0.2.1"]
 * ```
 *
 * @category ordering
 * @since 0.1.0
 */
export const sort = <A>(destinations: ReadonlyArray<A>, options: Options<A>): ReadonlyArray<A> => {
  if (destinations.length < 2) return destinations
  const candidates = destinations.map((destination) => candidateOf(destination, options))
  const sourcesKnown = candidates.every(({ source }) => source._tag !== "Unknown")
  const compare = (a: Candidate<A>, b: Candidate<A>): number =>
    // Rule 1, avoid unusable destinations.
    Number(a.unusable) - Number(b.unusable) ||
    // Rule 2, prefer matching scope.
    (sourcesKnown ? Number(b.scopeMatches) - Number(a.scopeMatches) : 0) ||
    // Rule 3, avoid deprecated addresses, and rule 4, prefer home addresses, are
    // not knowable here: no socket tells the state of its source address.
    // Rule 5, prefer matching label.
    (sourcesKnown ? Number(b.labelMatches) - Number(a.labelMatches) : 0) ||
    // Rule 6, prefer higher precedence.
    b.precedence - a.precedence ||
    // Rule 7, prefer native transport, is not knowable here: a tunnel looks like
    // any other interface.
    // Rule 8, prefer smaller scope.
    a.scope - b.scope ||
    // RFC 8305, section 4: lower round-trip time, then addresses used before.
    compareRanks(a.ranks, b.ranks)
  // Rule 10, leave the order unchanged: sorting is stable.
  candidates.sort(compare)
  for (let from = 0, to = 1; from < candidates.length; from = to++) {
    while (to < candidates.length && compare(candidates[from]!, candidates[to]!) === 0) to++
    if (to - from > 1) sortTies(candidates, from, to)
  }
  return candidates.map(({ destination }) => destination)
}

/** A destination with everything that the rules read. */
interface Candidate<A> {
  readonly destination: A
  readonly isIpv6: boolean
  readonly source: Source
  readonly unusable: boolean
  readonly scopeMatches: boolean
  readonly labelMatches: boolean
  readonly precedence: number
  readonly scope: number
  readonly ranks: ReadonlyArray<number>
  /** How many bits the source has in common with the destination. */
  readonly common: number
}

const noRanks: ReadonlyArray<number> = []

const candidateOf = <A>(destination: A, options: Options<A>): Candidate<A> => {
  const policy = options.policy ?? rfc6724
  const bits = bitsOf(options.address(destination))
  const source = options.source(destination)
  const sourceBits = source._tag === "Known" ? bitsOf(source.address) : undefined
  const { label, precedence } = lookupBits(policy, bits)
  const scope = scopeOfBits(bits)
  return {
    destination,
    isIpv6: !isIpv4(bits),
    source,
    unusable: source._tag === "NoRoute",
    scopeMatches: sourceBits !== undefined && scopeOfBits(sourceBits) === scope,
    labelMatches: sourceBits !== undefined && lookupBits(policy, sourceBits).label === label,
    precedence,
    scope,
    ranks: options.between === undefined ? noRanks : options.between.map((rank) => rank(destination)),
    // RFC 6724, section 2.2: up to the length of the source's prefix.
    common: sourceBits !== undefined && source._tag === "Known"
      ? Math.min(commonPrefixLength(sourceBits, bits), source.prefixLength)
      : 0
  }
}

const compareRanks = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  for (let index = 0; index < a.length; index++) {
    if (a[index]! < b[index]!) return -1
    if (a[index]! > b[index]!) return 1
  }
  return 0
}

/**
 * Applies rule 9, use longest matching prefix, to destinations that are tied
 * otherwise.
 *
 * Limited to IPv6, because on IPv4 it defeats DNS round robin. It compares
 * within one family only, so that where a policy table ties the families the
 * IPv6 destinations change places among themselves and IPv4 keeps its own.
 */
const sortTies = <A>(candidates: Array<Candidate<A>>, from: number, to: number): void => {
  const ipv6 = candidates.slice(from, to).filter(({ isIpv6 }) => isIpv6)
  if (ipv6.some(({ source }) => source._tag === "Unknown")) return
  ipv6.sort((a, b) => b.common - a.common)
  for (let place = from, next = 0; place < to; place++) {
    if (candidates[place]!.isIpv6) candidates[place] = ipv6[next++]!
  }
}

const mappedPrefix = bitsOf(NetAddress.ipv4Unspecified)

const loopback = bitsOf(NetAddress.ipv6Loopback)

const isIpv4 = (bits: NetAddress.Ipv6Segments): boolean => commonPrefixLength(bits, mappedPrefix) >= 96

const commonPrefixLength = (a: NetAddress.Ipv6Segments, b: NetAddress.Ipv6Segments): number => {
  for (let index = 0; index < 8; index++) {
    const difference = a[index]! ^ b[index]!
    if (difference !== 0) return index * 16 + Math.clz32(difference) - 16
  }
  return 128
}
