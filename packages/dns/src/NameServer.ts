/**
 * Name servers: where they are, how they are asked, and what they must prove.
 *
 * One typed value from two ways of writing: URLs (`tls://192.0.2.53?pin=…`) and
 * the article's strings (`tls:192.0.2.53!key-fp:…`). Parsing opens nothing and
 * asks no resolver: a server is given by address.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Authentication from "./Authentication.ts"

/**
 * How a server is asked. Over `udp`, a truncated answer is asked for again over
 * TCP.
 *
 * @category models
 * @since 0.1.0
 */
export type Protocol = "udp" | "tcp" | "tls" | "https"

/**
 * Whether an encrypted server may be asked in another way when it fails.
 *
 * **Details**
 *
 * `strict` never does. `opportunistic` (RFC 8310, section 5) tries TLS with what
 * was asked for, then TLS without, then clear text: it hides queries from those
 * who only listen.
 *
 * @category models
 * @since 0.1.0
 */
export type Profile = "strict" | "opportunistic"

/**
 * A name server.
 *
 * @category models
 * @since 0.1.0
 */
export type NameServer =
  | { readonly protocol: "udp" | "tcp"; readonly address: NetAddress.InetAddress }
  | {
    readonly protocol: "tls"
    readonly address: NetAddress.InetAddress
    readonly authentication: Authentication.Authentication
    readonly profile: Profile
  }
  | {
    readonly protocol: "https"
    readonly host: string
    readonly port: number
    readonly path: string
    /** The addresses of the host: itself, or what `bootstrap` gave. */
    readonly addresses: ReadonlyArray<NetAddress.InetAddress>
    readonly authentication: Authentication.Authentication
    readonly profile: Profile
  }

/**
 * What was given is no name server. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidNameServer extends Data.TaggedError("InvalidNameServer")<{
  readonly input: string
  readonly problem: string
}> {
  override get message(): string {
    return `"${this.input}" is not a name server: ${this.problem}`
  }
}

/**
 * What parsing may look up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lookup {
  /** The numbers of this machine's interfaces, for zones such as `%eth0`. Default: none. */
  readonly scopeIds?: ReadonlyMap<string, number> | undefined
}

const defaultPorts: Record<Protocol, number> = { udp: 53, tcp: 53, tls: 853, https: 443 }

/**
 * Makes the name server of an address alone: UDP, and TCP for long answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAddress = (address: NetAddress.InetAddress): NameServer => ({ protocol: "udp", address })

/**
 * Gives the server at the same address that answers in clear, on the usual port.
 *
 * @category converting
 * @since 0.1.0
 */
export const clearText = (address: NetAddress.InetAddress): NameServer => ({
  protocol: "udp",
  address: NetAddress.isInetAddressV6(address)
    ? Result.getOrElse(
      NetAddress.inetAddressV6(address.address, defaultPorts.udp, { scopeId: address.scopeId }),
      () => address
    )
    : NetAddress.inetAddressUnsafe(address.address, defaultPorts.udp)
})

/**
 * Prints scheme, host, port and path, without parameters:
 * `tls://192.0.2.53:853`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: NameServer): string =>
  self.protocol === "https"
    ? `https://${bracketed(self.host)}:${self.port}${self.path}`
    : `${self.protocol}://${NetAddress.formatInet(self.address)}`

const bracketed = (host: string): string => host.includes(":") ? `[${host}]` : host

/**
 * Prints the host of an `https` server as its requests name it, with the port
 * where it is not 443.
 *
 * @category formatting
 * @since 0.1.0
 */
export const authority = (self: Extract<NameServer, { readonly protocol: "https" }>): string => {
  // A zone is this machine's own affair (RFC 6874, section 4).
  const host = bracketed(self.host.replace(/%.*$/, ""))
  return self.port === defaultPorts.https ? host : `${host}:${self.port}`
}

/**
 * Says whether nobody between this host and the server can see, change or
 * suppress what is asked there: it proves who it is, and is never asked in
 * another way.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isProtected = (self: NameServer): boolean =>
  (self.protocol === "tls" || self.protocol === "https") && self.profile === "strict" && !self.authentication.none

/**
 * Reads a name server in any of its forms.
 *
 * **Details**
 *
 * - `udp://IP[:53]`, `tcp://IP[:53]`, `tls://IP[:853]`, `https://HOST[:443]/PATH`
 * - `IP`, `IP:PORT`, `[IPv6]:PORT`: UDP
 * - `udp:IP`, `tcp:IP`, `tls:IP[:PORT][!HOST][!AUTHENTICATOR]`
 *
 * **Gotchas**
 *
 * Parameters are percent-decoded and a `+` is a plus, so that a pin can be
 * pasted as it is.
 *
 * **Example** (Pinning a server by its key)
 *
 * ```ts
 * import { NameServer } from "@happy-eyeballs/dns"
 *
 * NameServer.fromString("tls://127.0.0.1:8853?pin=sha256/INSZEZpDoWKiavosV2/xVT8O83vk/RRwS+LTiL+IpHs=")
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromString = (input: string, lookup: Lookup = {}): Result.Result<NameServer, InvalidNameServer> =>
  Result.mapError(parse(input, lookup), (problem) => new InvalidNameServer({ input, problem }))

const parse = (input: string, lookup: Lookup): Result.Result<NameServer, string> => {
  const url = /^([a-z]+):\/\/(.*)$/is.exec(input)
  if (url !== null) {
    const [, scheme = "", rest = ""] = url
    const protocol = protocolOf(scheme)
    return Result.flatMap(protocol, (known) => fromUrl(known, rest, lookup))
  }
  const short = /^(udp|tcp|tls):(.*)$/is.exec(input)
  if (short !== null) {
    const [, scheme = "", rest = ""] = short
    return Result.flatMap(protocolOf(scheme), (known) => fromArticle(known, rest, lookup))
  }
  return Result.map(
    endpoint(
      input.includes(":") && !input.startsWith("[") && !isIpv4WithPort(input) ? `[${input}]` : input,
      53,
      lookup
    ),
    fromAddress
  )
}

const protocolOf = (scheme: string): Result.Result<Protocol, string> => {
  const protocol = scheme.toLowerCase()
  return Object.hasOwn(defaultPorts, protocol)
    ? Result.succeed(protocol as Protocol)
    : Result.fail(`"${scheme}" is not one of udp, tcp, tls and https`)
}

const isIpv4WithPort = (input: string): boolean => /^[^:]*:\d+$/.test(input)

const split = (host: string, port: number): { readonly host: string; readonly port: number } | undefined => {
  const [, ipv6, plain, written] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(host) ?? []
  const name = ipv6 ?? plain
  const number = written === undefined ? port : Number(written)
  return name === undefined || number < 1 || number > 65_535 || ipv6?.includes(":") === false
    ? undefined
    : { host: name, port: number }
}

const endpoint = (text: string, port: number, lookup: Lookup): Result.Result<NetAddress.InetAddress, string> => {
  const parts = split(text, port)
  if (parts === undefined) {
    return Result.fail(`"${text}" is not an address with a port from 1 to 65535; IPv6 stands in brackets`)
  }
  if (parts.host === "") return Result.fail("the address is missing")
  return Result.mapError(
    NetAddress.inetAddressFromHostString(parts.host, parts.port, lookup.scopeIds),
    (error) =>
      /[^\d.:%a-f]/i.test(parts.host.replace(/%.*/, ""))
        ? `"${parts.host}" is a name, and a name server is given by its IP address`
        : `"${parts.host}" is not an IP address (${error.message})`
  )
}

const fromUrl = (protocol: Protocol, rest: string, lookup: Lookup): Result.Result<NameServer, string> => {
  const mark = rest.indexOf("?")
  const place = mark === -1 ? rest : rest.slice(0, mark)
  return Result.flatMap(parameters(mark === -1 ? "" : rest.slice(mark + 1)), (given) => {
    if (protocol === "https") return https(place, given, lookup)
    if (/[/#@]/.test(place)) return Result.fail("after the port nothing stands but parameters")
    return Result.flatMap(
      endpoint(place, defaultPorts[protocol], lookup),
      (address): Result.Result<NameServer, string> => {
        if (protocol !== "tls") {
          const [first] = given.keys()
          return first === undefined
            ? Result.succeed({ protocol, address })
            : Result.fail(`${first}= needs tls:// or https://: over ${protocol} nothing can be proved`)
        }
        if (given.has("bootstrap")) return Result.fail("bootstrap= is for https:// with a name")
        return Result.map(secured(given), (security) => ({ protocol, address, ...security }))
      }
    )
  })
}

const https = (place: string, given: Parameters, lookup: Lookup): Result.Result<NameServer, string> => {
  const slash = place.indexOf("/")
  const parts = split(slash === -1 ? place : place.slice(0, slash), defaultPorts.https)
  if (slash === -1 || parts === undefined || parts.host === "") {
    return Result.fail("it needs a host and a path, such as https://192.0.2.53/dns-query")
  }
  const path = place.slice(slash)
  if (!/^[\u0021-\u007e]+$/.test(path) || path.includes("#")) {
    return Result.fail(`"${path}" is not a path: percent-encode what is not plain ASCII`)
  }
  const { port } = parts
  const bootstrap = given.get("bootstrap") ?? []
  const literal = NetAddress.inetAddressFromHostString(parts.host, port, lookup.scopeIds)
  const name = Host.domainNameFromString(parts.host)
  const host = Result.getOrElse(Result.isFailure(literal) ? name : Result.succeed(parts.host), () => parts.host)
  if (Result.isFailure(literal) && Result.isFailure(name)) {
    return Result.fail(`"${host}" is neither a host name nor an IP address`)
  }
  if (Result.isFailure(literal) && bootstrap.length === 0) {
    return Result.fail(`"${host}" is a name: say where it is with bootstrap=IP`)
  }
  if (Result.isSuccess(literal) && bootstrap.length > 0) return Result.fail("bootstrap= is for https:// with a name")
  const addresses = Result.isSuccess(literal)
    ? Result.succeed([literal.success])
    : Result.all(bootstrap.map((text) =>
      Result.mapError(
        NetAddress.inetAddressFromHostString(text, port, lookup.scopeIds),
        () => `bootstrap=${text} is not an IP address`
      )
    ))
  return Result.flatMap(addresses, (found) =>
    Result.map(secured(given), ({ authentication, profile }) => ({
      protocol: "https",
      host,
      port,
      path,
      addresses: found,
      profile,
      authentication: authentication.name === undefined && Result.isFailure(literal)
        ? { ...authentication, name: host }
        : authentication
    })))
}

const fromArticle = (protocol: Protocol, rest: string, lookup: Lookup): Result.Result<NameServer, string> => {
  const [place = "", ...proofs] = rest.split("!")
  // Without a port, the article's tools take IPv6 without brackets.
  const bare = Result.isSuccess(NetAddress.ipv6FromString(place)) ? `[${place}]` : place
  return Result.flatMap(
    endpoint(bare, defaultPorts[protocol], lookup),
    (address): Result.Result<NameServer, string> => {
      if (protocol !== "tls") {
        return proofs.length === 0 && protocol !== "https"
          ? Result.succeed({ protocol, address })
          : Result.fail(`"!" needs tls: over ${protocol} nothing can be proved`)
      }
      return Result.map(authenticator(proofs), (authentication) => ({
        protocol,
        address,
        authentication,
        profile: "strict"
      }))
    }
  )
}

const authenticator = (proofs: ReadonlyArray<string>): Result.Result<Authentication.Authentication, string> => {
  const [first, second] = proofs
  if (first === undefined) return Result.succeed(Authentication.system)
  const isName = first !== "none" && Result.isSuccess(Host.domainNameFromString(first))
  if (proofs.length > (isName ? 2 : 1)) {
    return Result.fail("it has too many parts: write tls:IP:PORT!HOST!AUTHENTICATOR")
  }
  if (!isName) return Authentication.fromString(first)
  return Result.map(
    second === undefined ? Result.succeed(Authentication.system) : Authentication.fromString(second),
    (authentication) => ({ ...authentication, name: first })
  )
}

type Parameters = ReadonlyMap<string, ReadonlyArray<string>>

const repeatable = new Set(["pin", "bootstrap"])
const known = ["name", "pin", "ca", "auth", "profile", "bootstrap"]

const parameters = (query: string): Result.Result<Parameters, string> => {
  const found = new Map<string, Array<string>>()
  for (const part of query === "" ? [] : query.split("&")) {
    const equals = part.indexOf("=")
    const key = equals === -1 ? part : part.slice(0, equals)
    if (!known.includes(key)) {
      return Result.fail(`"${key}" is not a parameter: there are ${known.map((name) => `${name}=`).join(", ")}`)
    }
    const value = Result.try(() => decodeURIComponent(part.slice(equals + 1)))
    if (equals === -1 || Result.isFailure(value) || value.success === "") {
      return Result.fail(`${key}= has no value that can be read`)
    }
    const values = found.get(key) ?? []
    if (values.length > 0 && !repeatable.has(key)) return Result.fail(`${key}= is given twice`)
    found.set(key, [...values, value.success])
  }
  return Result.succeed(found)
}

const secured = (
  given: Parameters
): Result.Result<
  { readonly authentication: Authentication.Authentication; readonly profile: Profile },
  string
> => {
  const one = (key: string): string | undefined => given.get(key)?.[0]
  const [auth, profile = "strict", name, ca] = [one("auth"), one("profile"), one("name"), one("ca")]
  if (auth !== undefined && auth !== "none") return Result.fail(`auth=${auth} is unknown: there is auth=none`)
  if (profile !== "strict" && profile !== "opportunistic") {
    return Result.fail(`profile=${profile} is unknown: there are strict and opportunistic`)
  }
  if (auth === "none" && (given.has("pin") || ca !== undefined || name !== undefined)) {
    return Result.fail("auth=none checks nothing, and pin=, ca= and name= say what to check")
  }
  if (name !== undefined && Result.isFailure(Host.domainNameFromString(name))) {
    return Result.fail(`name=${name} is not a host name`)
  }
  return Result.map(Result.all((given.get("pin") ?? []).map(Authentication.pinFromString)), (keys) => ({
    profile,
    authentication: {
      none: auth === "none",
      name,
      keys,
      certificates: [],
      anchors: ca === undefined ? undefined : { _tag: "File", path: ca }
    }
  }))
}
