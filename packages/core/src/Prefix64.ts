/**
 * IPv4 addresses inside IPv6 ones, as NAT64 has them: RFC 6052.
 *
 * A network without IPv4 may translate: whoever connects to an IPv6 address
 * under one of its prefixes reaches the IPv4 address that stands in it.
 * Everything here is a pure function over addresses; `Nat64` finds out which
 * prefixes a network has.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/**
 * A prefix under which a network translates, called Pref64 or PREF64: 32, 40,
 * 48, 56, 64 or 96 bits, with bits 64 to 71 zero.
 *
 * @category models
 * @since 0.1.0
 */
export type Prefix64 = IpNetwork.Ipv6Network

/**
 * The prefix that any network may use (RFC 6052, section 2.1).
 *
 * @category constants
 * @since 0.1.0
 */
export const wellKnown: Prefix64 = IpNetwork.fromStringUnsafe("64:ff9b::/96") as Prefix64

// RFC 6052, section 2.2.
const lengths = [96, 64, 56, 48, 40, 32] as const

// Octet 8, called u, is zero in every form and holds nothing.
const reservedOctet = 8

/** Where the four octets of an IPv4 address stand. */
const placesOf = (length: number): ReadonlyArray<number> =>
  [0, 1, 2, 3].map((index) => length / 8 + index).map((place) =>
    length < 96 && place >= reservedOctet ? place + 1 : place
  )

/**
 * Parses a prefix, such as `64:ff9b::/96`; it fails where the length is none of
 * the six, or bits 64 to 71 are not zero.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<Prefix64, NetAddress.NetAddressError> =>
  Result.flatMap(
    IpNetwork.ipv6FromString(text),
    (network) =>
      isPrefix64(network) ? Result.succeed(network) : Result.fail(
        new NetAddress.NetAddressError({
          input: text,
          message: "a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits, and zeros in bits 64 to 71"
        })
      )
  )

const isPrefix64 = (network: IpNetwork.Ipv6Network): boolean =>
  lengths.some((length) => length === network.prefixLength) &&
  NetAddress.ipv6ToOctets(network.address)[reservedOctet] === 0

/**
 * Puts an IPv4 address into a prefix.
 *
 * **Details**
 *
 * What follows the IPv4 address is zero (RFC 6052, section 2.2). Whether the
 * prefix may carry the address is another question: `mayCarry`.
 *
 * **Example** (Embedding an address)
 *
 * ```ts
 * import { Prefix64 } from "@happy-eyeballs/core"
 * import { NetAddress } from "effect/net"
 *
 * const address = NetAddress.ipv4FromBytesUnsafe(Uint8Array.of(192, 0, 2, 33))
 *
 * NetAddress.formatIp(Prefix64.embed(Prefix64.wellKnown, address)) // => "64:ff9b::c000:221"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const embed = (self: Prefix64, address: NetAddress.Ipv4Address): NetAddress.Ipv6Address => {
  const octets = Uint8Array.from(NetAddress.ipv6ToOctets(self.address))
  const embedded = NetAddress.ipv4ToOctets(address)
  placesOf(self.prefixLength).forEach((place, index) => {
    octets[place] = embedded[index]!
  })
  return NetAddress.ipv6FromBytesUnsafe(octets)
}

/**
 * Gives the IPv4 address that an IPv6 address under the prefix carries, or
 * `undefined` where it is not under the prefix, or bits 64 to 71 are not zero.
 *
 * @category converting
 * @since 0.1.0
 */
export const extract = (self: Prefix64, address: NetAddress.Ipv6Address): NetAddress.Ipv4Address | undefined =>
  IpNetwork.contains(self, address) ? extractAt(self.prefixLength, address) : undefined

const extractAt = (length: number, address: NetAddress.Ipv6Address): NetAddress.Ipv4Address | undefined => {
  const octets = NetAddress.ipv6ToOctets(address)
  if (octets[reservedOctet] !== 0) return undefined
  return NetAddress.ipv4FromBytesUnsafe(Uint8Array.from(placesOf(length), (place) => octets[place]!))
}

/**
 * Says whether a prefix may carry an IPv4 address.
 *
 * **Details**
 *
 * Addresses of this host and this link are for no translator: 0.0.0.0/8,
 * 127.0.0.0/8, 169.254.0.0/16 and 255.255.255.255 (RFC 8305, section 7.1). The
 * well-known prefix carries no private addresses either (RFC 6052, section 3.1),
 * because the translator of another network could answer for them. What that
 * section bars as well, addresses for documentation and benchmarks, is let
 * through: laboratories use them.
 *
 * @category predicates
 * @since 0.1.0
 */
export const mayCarry = (self: Prefix64, address: NetAddress.Ipv4Address): boolean =>
  isTranslatable(address) && !(NetAddress.isPrivate(address) && Equal.equals(self, wellKnown))

/**
 * Says whether an IPv4 address makes sense beyond this host and this link, so
 * that a translator may be asked for it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isTranslatable = (address: NetAddress.Ipv4Address): boolean => {
  const [first] = NetAddress.ipv4ToOctets(address)
  return first !== 0 && first !== 127 && !NetAddress.isLinkLocal(address) && !NetAddress.isBroadcast(address)
}

// RFC 7050, section 2.2: `ipv4only.arpa` has these two addresses and no other,
// and so each IPv6 address of it carries one of them.
const wellKnownAddresses = ["192.0.0.170", "192.0.0.171"].map(NetAddress.ipFromStringUnsafe)

// A hostile answer of thousands of addresses costs no more than this.
const maxAddresses = 64
const maxPrefixes = 8

/**
 * Gives the prefixes that the IPv6 addresses of `ipv4only.arpa` show, in their
 * order (RFC 7050, section 3).
 *
 * **Details**
 *
 * Where a well-known IPv4 address can be read in more than one place of an
 * address, the place that shows both of them under one prefix is taken, and
 * without such a place none: no prefix is guessed. Prefixes that cannot lead
 * to a translator are left out: link-local and multicast ones, IPv4-mapped and
 * IPv4-compatible ones, which a resolver may make by itself. At most eight are
 * given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAnswer = (addresses: ReadonlyArray<NetAddress.Ipv6Address>): ReadonlyArray<Prefix64> => {
  const readings = addresses.slice(0, maxAddresses).map(readingsOf)
  const all = readings.flat()
  const showsBoth = ({ prefix, wellKnown }: Reading) =>
    all.some((other) => other.wellKnown !== wellKnown && Equal.equals(other.prefix, prefix))
  const out: Array<Prefix64> = []
  for (const one of readings) {
    for (const reading of one) {
      if (one.length > 1 && !showsBoth(reading)) continue
      if (!out.some((prefix) => Equal.equals(prefix, reading.prefix))) out.push(reading.prefix)
    }
  }
  return out.slice(0, maxPrefixes)
}

/** A place at which an address carries a well-known IPv4 address. */
interface Reading {
  readonly prefix: Prefix64
  readonly wellKnown: NetAddress.IpAddress
}

const readingsOf = (address: NetAddress.Ipv6Address): ReadonlyArray<Reading> =>
  lengths.flatMap((length) => {
    const embedded = extractAt(length, address)
    const wellKnown = wellKnownAddresses.find((one) => embedded !== undefined && Equal.equals(one, embedded))
    const prefix: Prefix64 = IpNetwork.fromAddressUnsafe(address, length)
    return wellKnown === undefined || leadsNowhere(prefix.address) ? [] : [{ prefix, wellKnown }]
  })

const leadsNowhere = (address: NetAddress.Ipv6Address): boolean =>
  NetAddress.isLinkLocal(address) || NetAddress.isMulticast(address) || NetAddress.isIpv4Mapped(address) ||
  NetAddress.isUnspecified(address)
