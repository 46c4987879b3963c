import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as SourceAddress from "../../SourceAddress.ts"

/**
 * What a text of a world stands for, or what should stand there instead.
 *
 * @internal
 */
export type Parsed<A> = Result.Result<A, string>

const expected = <A, E>(result: Result.Result<A, E>, what: string): Parsed<A> => Result.mapError(result, () => what)

/** @internal */
export const ipv4 = (text: string): Parsed<NetAddress.Ipv4Address> =>
  expected(NetAddress.ipv4FromString(text), "an IPv4 address")

/** @internal */
export const ipv6 = (text: string): Parsed<NetAddress.Ipv6Address> =>
  expected(NetAddress.ipv6FromString(text), "an IPv6 address")

/** @internal */
export const ip = (text: string): Parsed<NetAddress.IpAddress> =>
  expected(NetAddress.ipFromString(text), "an IP address")

/** @internal */
export const domainName = (text: string): Parsed<Host.DomainName> =>
  expected(Host.domainNameFromString(text), "a domain name")

/**
 * The canonical form of a key of `network`, as `Endpoint.format` and
 * `Endpoint.formatAddress` print it.
 *
 * @internal
 */
export const networkKey = (text: string): Parsed<string> => {
  if (text.includes("/")) return Result.succeed(text.startsWith("unix:") ? text.slice(5) : text)
  const bare = NetAddress.inetAddressFromHostString(text, 0)
  return Result.isSuccess(bare)
    ? Result.succeed(NetAddress.formatHost(bare.success))
    : Result.map(
      expected(
        NetAddress.inetAddressFromString(text),
        "an address, an address:port, an [address]:port or the path of a Unix socket"
      ),
      NetAddress.formatInet
    )
}

/** @internal */
export const sourceKey = (text: string): Parsed<string> =>
  text === "IPv4" || text === "IPv6"
    ? Result.succeed(text)
    : Result.map(expected(NetAddress.ipFromString(text), "\"IPv4\", \"IPv6\" or an IP address"), NetAddress.formatIp)

/** @internal */
export const source = (text: string): Parsed<SourceAddress.Source> => {
  const [, host = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = NetAddress.ipFromString(host)
  const prefixLength = length === undefined ? undefined : Number(length)
  return Result.isFailure(address) || (prefixLength ?? 0) > NetAddress.width(address.success)
    ? Result.fail("an IP address, or ADDR/PREFIXLENGTH")
    : Result.succeed(SourceAddress.known(address.success, prefixLength))
}

// RFC 9460, section 14.3.2.
const serviceKeys: ReadonlyArray<string> = [
  "mandatory",
  "alpn",
  "no-default-alpn",
  "port",
  "ipv4hint",
  "ech",
  "ipv6hint"
]

/**
 * The number of a service parameter, given as a number, as its name or as
 * `key667`.
 *
 * @internal
 */
export const serviceKey = (key: number | string): Parsed<number> => {
  const known = typeof key === "number" ? -1 : serviceKeys.indexOf(key)
  const number = known === -1 ? Number(String(key).replace(/^key/, "")) : known
  return Number.isInteger(number) && number >= 0 && number <= 65_535
    ? Result.succeed(number)
    : Result.fail("the name or the number of a service parameter")
}
