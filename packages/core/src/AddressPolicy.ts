/**
 * Which addresses may be dialled at all: a guard against requests that a
 * stranger's URL sends into your own network (SSRF).
 *
 * Every candidate is looked at after resolution and right before its dial, so
 * what was checked is what is dialled, and a name that changes its addresses in
 * between (DNS rebinding) gains nothing. A denied address is an attempt that
 * failed with kind `Denied`; no packet is sent. Without this service everything
 * is allowed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { InvalidOptions } from "./ConnectError.ts"
import { print, show } from "./internal/given.ts"

/**
 * What a policy allows and denies.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rules {
  /** Networks that may be dialled, even where `deny` covers them. */
  readonly allow?: ReadonlyArray<IpNetwork.IpNetworkInput> | undefined
  /** Networks that may not be dialled. */
  readonly deny?: ReadonlyArray<IpNetwork.IpNetworkInput> | undefined
  /** What holds for an address in neither list. Default: `"deny"` where only `allow` is given, else `"allow"`. */
  readonly otherwise?: "allow" | "deny" | undefined
  /** Whether Unix sockets may be dialled. Default: no. */
  readonly unixPaths?: boolean | undefined
  /**
   * `"skip"` races the addresses that are left; `"reject"` fails the whole
   * connect when any address that was answered before it returns is denied: it
   * looks at every start and at the win. An answer that is still to come then is
   * not waited for; a denied address is dialled in no case. Default: `"skip"`.
   */
  readonly onDenied?: "skip" | "reject" | undefined
}

/**
 * Service that says which addresses may be dialled.
 *
 * **Example** (Refusing to connect into the own network)
 *
 * ```ts
 * import { AddressPolicy, HappyEyeballs } from "@happy-eyeballs/core"
 * import { SimulatedNetwork, VirtualTime } from "@happy-eyeballs/core/testing"
 * import { Effect, Layer } from "effect"
 *
 * const network = SimulatedNetwork.layer({
 *   names: { "rebound.example": [{ type: "A", addresses: ["127.0.0.1"] }, { type: "AAAA", addresses: [] }] }
 * })
 *
 * const guarded = HappyEyeballs.HappyEyeballs.layer.pipe(
 *   Layer.provide(AddressPolicy.layerPublicOnly),
 *   Layer.provide(network)
 * )
 *
 * const refused = Effect.gen(function*() {
 *   const { connect } = yield* HappyEyeballs.HappyEyeballs
 *   const error = yield* Effect.flip(connect("rebound.example:80"))
 *   return error.report.attempts[0]?.kind
 * })
 *
 * VirtualTime.runUnsafe(refused.pipe(Effect.scoped, Effect.provide(guarded))) // => "Denied"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class AddressPolicy extends Context.Service<AddressPolicy, {
  /** Gives the reason why an address may not be dialled, or `undefined` where it may. */
  readonly denies: (address: NetAddress.SocketAddress) => string | undefined
  readonly onDenied: "skip" | "reject"
}>()("@happy-eyeballs/core/AddressPolicy") {}

/**
 * Makes a policy from rules.
 *
 * **Details**
 *
 * An IPv4 address inside an IPv6 one is seen through: IPv4-mapped and
 * -compatible addresses, NAT64's well-known prefix, 6to4 and Teredo. Such an
 * address is denied where any address in it is.
 *
 * **Gotchas**
 *
 * A network's own NAT64 prefix looks like any other address: name it in `deny`
 * where there is one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (rules: Rules): Result.Result<AddressPolicy["Service"], InvalidOptions> => {
  const odd = oddRule(rules)
  if (odd !== undefined) return Result.fail(odd)
  const allow = networks("allow", rules.allow)
  const deny = networks("deny", rules.deny)
  if (Result.isFailure(allow)) return Result.fail(allow.failure)
  if (Result.isFailure(deny)) return Result.fail(deny.failure)
  const otherwise = rules.otherwise ?? (rules.allow !== undefined && rules.deny === undefined ? "deny" : "allow")
  const isAllowed = (address: NetAddress.IpAddress) =>
    allow.success.some((network) => IpNetwork.contains(network, address))
  const deniedBy = (address: NetAddress.IpAddress): string | undefined => {
    const network = deny.success.find((network) => IpNetwork.contains(network, address))
    return network === undefined ? undefined : `${NetAddress.formatIp(address)} is in ${IpNetwork.format(network)}`
  }
  const denied = (address: NetAddress.IpAddress): string | undefined => {
    if (isAllowed(address)) return undefined
    const reason = deniedBy(address)
    if (reason !== undefined) return reason
    return otherwise === "deny" ? `${NetAddress.formatIp(address)} is not in an allowed network` : undefined
  }
  return Result.succeed({
    onDenied: rules.onDenied ?? "skip",
    denies: (address) => {
      if (NetAddress.isUnixPathAddress(address)) {
        return rules.unixPaths === true ? undefined : "Unix sockets are not allowed"
      }
      // As it is written, whatever it carries: a denied prefix is denied.
      const literal = isAllowed(address.address) ? undefined : deniedBy(address.address)
      if (literal !== undefined) return literal
      for (const one of withEmbedded(address.address)) {
        const reason = denied(one)
        if (reason !== undefined) return reason
      }
      return undefined
    }
  })
}

/**
 * Layer with rules of the caller's own; it fails where a network is none.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (rules: Rules): Layer.Layer<AddressPolicy, InvalidOptions> =>
  Layer.effect(AddressPolicy, Effect.fromResult(make(rules)))

// A misspelt rule would otherwise allow what it was to deny.
const oddRule = (rules: Rules): InvalidOptions | undefined => {
  const given: unknown = rules
  if (!Predicate.isObject(given)) {
    return new InvalidOptions({ option: "rules", message: `rules: give an object (got ${show(given)})` })
  }
  const allowed = {
    otherwise: ["allow", "deny"],
    unixPaths: [true, false],
    onDenied: ["skip", "reject"]
  } satisfies Partial<Record<keyof Rules, ReadonlyArray<unknown>>>
  for (const [option, values] of Object.entries(allowed)) {
    const value = rules[option as keyof typeof allowed]
    if (value === undefined || (values as ReadonlyArray<unknown>).includes(value)) continue
    return new InvalidOptions({ option, message: `${option}: give one of ${values.join(", ")} (got ${show(value)})` })
  }
  return undefined
}

const networks = (
  option: "allow" | "deny",
  inputs: ReadonlyArray<IpNetwork.IpNetworkInput> = []
): Result.Result<ReadonlyArray<IpNetwork.IpNetwork>, InvalidOptions> => {
  if (!Array.isArray(inputs)) {
    const message = `${option}: give a list of networks, such as ["10.0.0.0/8"] (got ${show(inputs)})`
    return Result.fail(new InvalidOptions({ option, message }))
  }
  const out: Array<IpNetwork.IpNetwork> = []
  for (const input of inputs as ReadonlyArray<IpNetwork.IpNetworkInput>) {
    const network = IpNetwork.fromInput(input)
    if (Result.isFailure(network)) {
      const message = `${option}: "${print(input)}" is not a network, such as 10.0.0.0/8: ${network.failure.message}`
      return Result.fail(new InvalidOptions({ option, message }))
    }
    out.push(network.success)
  }
  return Result.succeed(out)
}

/** The address, and the IPv4 addresses that it carries. */
const withEmbedded = (address: NetAddress.IpAddress): ReadonlyArray<NetAddress.IpAddress> => {
  if (NetAddress.isIpv4Address(address)) return [address]
  const octets = NetAddress.ipv6ToOctets(address)
  const at = (offset: number, mask = 0) =>
    NetAddress.ipv4FromBytesUnsafe(Uint8Array.from(octets.slice(offset, offset + 4), (octet) => octet ^ mask))
  // Only what it carries is dialled: the prefix itself says nothing.
  if (NetAddress.isIpv4Mapped(address)) return [at(12)]
  if (IpNetwork.contains(nat64, address)) return [at(12)]
  // RFC 4291, section 2.5.5.1: deprecated, and :: and ::1 are none.
  if (IpNetwork.contains(compatible, address)) return [address, at(12)]
  // RFC 3056, section 2.
  if (IpNetwork.contains(sixToFour, address)) return [address, at(2)]
  // RFC 4380, section 4: the server, and the client with every bit inverted.
  if (IpNetwork.contains(teredo, address)) return [address, at(4), at(12, 0xff)]
  return [address]
}

// RFC 6052, section 2.1.
const nat64 = IpNetwork.fromStringUnsafe("64:ff9b::/96")
const compatible = IpNetwork.fromStringUnsafe("::/96")
const sixToFour = IpNetwork.fromStringUnsafe("2002::/16")
const teredo = IpNetwork.fromStringUnsafe("2001::/32")

/**
 * Every range that is not for the internet at large: the IANA special-purpose
 * address registries of IPv4 and IPv6 (RFC 6890), groups, and what was
 * withdrawn. The ranges that carry IPv4 addresses are seen through instead.
 *
 * @category constants
 * @since 0.1.0
 */
export const specialPurpose: ReadonlyArray<string> = [
  "0.0.0.0/8", // this network (RFC 791)
  "10.0.0.0/8", // private use (RFC 1918)
  "100.64.0.0/10", // shared address space (RFC 6598)
  "127.0.0.0/8", // loopback (RFC 1122)
  "169.254.0.0/16", // link-local (RFC 3927), the metadata services of clouds among it
  "172.16.0.0/12", // private use (RFC 1918)
  "192.0.0.0/24", // IETF protocol assignments (RFC 6890)
  "192.0.2.0/24", // documentation (RFC 5737)
  "192.31.196.0/24", // AS112 (RFC 7535)
  "192.52.193.0/24", // AMT (RFC 7450)
  "192.88.99.0/24", // 6to4 relay anycast, withdrawn (RFC 7526)
  "192.168.0.0/16", // private use (RFC 1918)
  "192.175.48.0/24", // AS112 (RFC 7534)
  "198.18.0.0/15", // benchmarking (RFC 2544)
  "198.51.100.0/24", // documentation (RFC 5737)
  "203.0.113.0/24", // documentation (RFC 5737)
  "224.0.0.0/4", // multicast (RFC 5771)
  "240.0.0.0/4", // reserved (RFC 1112), limited broadcast among it
  "::/96", // unspecified, loopback, IPv4-compatible (RFC 4291)
  "64:ff9b:1::/48", // local-use translation (RFC 8215)
  "100::/64", // discard only (RFC 6666)
  "100:0:0:1::/64", // dummy prefix (RFC 9780)
  "2001::/23", // IETF protocol assignments (RFC 2928), Teredo among it
  "2001:db8::/32", // documentation (RFC 3849)
  "2002::/16", // 6to4 (RFC 3056)
  "2620:4f:8000::/48", // AS112 (RFC 7534)
  "3fff::/20", // documentation (RFC 9637)
  "5f00::/16", // segment routing (RFC 9602)
  "fc00::/7", // unique local (RFC 4193)
  "fe80::/10", // link-local (RFC 4291)
  "fec0::/10", // site-local, withdrawn (RFC 3879)
  "ff00::/8" // multicast (RFC 4291)
]

/**
 * A policy that allows the internet at large and nothing else.
 *
 * @category constants
 * @since 0.1.0
 */
export const publicOnly: AddressPolicy["Service"] = Result.getOrThrow(make({ deny: specialPurpose }))

/**
 * Layer that allows the internet at large and nothing else.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPublicOnly: Layer.Layer<AddressPolicy> = Layer.succeed(AddressPolicy, publicOnly)
