/**
 * What the caller wants to reach, checked and in one form.
 *
 * Parsing of hosts and addresses is `effect/net`'s; this module adds ports,
 * lists of addresses and Unix paths. It sends nothing and asks no resolver.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as EffectHost from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { InvalidTarget } from "./ConnectError.ts"
import type * as Endpoint from "./Endpoint.ts"
import { print, show } from "./internal/given.ts"

/**
 * A port as a caller may write it: `443`, `"https"`, `"443/tls"`, or an object
 * that says how to speak there.
 *
 * **Details**
 *
 * `tls` makes the finished handshake part of the attempt; `false` keeps this
 * port plain where the options ask for TLS. `secure` says that a plain port
 * upgrades by itself later (STARTTLS), so that it counts as safe in a list with
 * TLS ports. `payload` comes back with the winner.
 *
 * @category models
 * @since 0.1.0
 */
export type PortInput = number | string | {
  readonly port: number | string
  readonly tls?: Endpoint.TlsOptions | boolean | undefined
  readonly secure?: boolean | undefined
  readonly payload?: unknown
}

/**
 * Everything that can be connected to.
 *
 * **Details**
 *
 * - `"example.com:443"`, `"[2001:db8::1]:443"`, `"example.com:https"`, a
 *   `HostPort`, or `{ host, port }` / `{ host, ports }`.
 * - `unix:/run/app.sock`, `{ path }`, or a `SocketAddress` of `effect/net`.
 * - A list of addresses, alone or as `{ addresses, port }`. It is tried in the
 *   order given: never sorted and never interleaved.
 *
 * @category models
 * @since 0.1.0
 */
export type TargetInput =
  | string
  | EffectHost.HostPort
  | NetAddress.SocketAddress
  | ReadonlyArray<NetAddress.InetAddressInput>
  | { readonly host: EffectHost.HostInput; readonly port: PortInput }
  | { readonly host: EffectHost.HostInput; readonly ports: ReadonlyArray<PortInput> }
  | { readonly addresses: ReadonlyArray<NetAddress.IpAddressInput>; readonly port: PortInput }
  | { readonly addresses: ReadonlyArray<NetAddress.IpAddressInput>; readonly ports: ReadonlyArray<PortInput> }
  | { readonly path: string }

/**
 * One port of a target. `tls` is `undefined` where neither the port nor its
 * text said anything: then the options decide.
 *
 * @category models
 * @since 0.1.0
 */
export interface Port {
  readonly number: number
  readonly tls: Endpoint.TlsOptions | false | undefined
  readonly secure: boolean
  readonly payload: unknown
}

/**
 * An address of a target, with the zone of a link-local one and, in a list of
 * complete addresses, its own port.
 *
 * @category models
 * @since 0.1.0
 */
export interface TargetAddress {
  readonly address: NetAddress.IpAddress
  readonly scopeId: number
  readonly port: number | undefined
}

/**
 * A checked target.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  /** As the caller wrote it, for messages. */
  readonly given: string
  /** The host as the caller wrote it. */
  readonly host: string
  readonly at:
    | { readonly _tag: "Name"; readonly name: EffectHost.DomainName }
    | { readonly _tag: "Addresses"; readonly addresses: ReadonlyArray<TargetAddress> }
    | { readonly _tag: "UnixPath"; readonly path: string }
  /** Empty for a Unix path and for a list of complete addresses. */
  readonly ports: ReadonlyArray<Port>
}

/**
 * Ports of well-known services, by name.
 *
 * **Details**
 *
 * A small table of the IANA registry by default; a platform may provide its
 * own, such as `/etc/services`.
 *
 * @category references
 * @since 0.1.0
 */
export const ServiceNames: Context.Reference<(name: string) => number | undefined> = Context.Reference(
  "@happy-eyeballs/core/Target/ServiceNames",
  { defaultValue: () => (name: string) => wellKnown.get(name) }
)

/**
 * The scope identifiers of this machine's network interfaces, by name.
 *
 * **Details**
 *
 * Only a named zone such as `fe80::1%eth0` needs it. Without a platform there
 * are none, and such a target is invalid.
 *
 * @category references
 * @since 0.1.0
 */
export const ScopeIds: Context.Reference<() => ReadonlyMap<string, number>> = Context.Reference(
  "@happy-eyeballs/core/Target/ScopeIds",
  { defaultValue: () => (): ReadonlyMap<string, number> => new Map() }
)

/**
 * What parsing a target may look up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lookup {
  readonly serviceNames: (name: string) => number | undefined
  readonly scopeIds: () => ReadonlyMap<string, number>
}

// IANA Service Name and Transport Protocol Port Number Registry, TCP.
const wellKnown: ReadonlyMap<string, number> = new Map([
  ["ftp", 21],
  ["ssh", 22],
  ["telnet", 23],
  ["smtp", 25],
  ["domain", 53],
  ["http", 80],
  ["pop3", 110],
  ["imap", 143],
  ["ldap", 389],
  ["https", 443],
  ["submissions", 465],
  ["submission", 587],
  ["ldaps", 636],
  ["domain-s", 853],
  ["imaps", 993],
  ["pop3s", 995],
  ["mqtt", 1883],
  ["mysql", 3306],
  ["xmpp-client", 5222],
  ["postgresql", 5432],
  ["amqps", 5671],
  ["amqp", 5672],
  ["redis", 6379],
  ["ircs-u", 6697],
  ["secure-mqtt", 8883]
])

const invalid = (message: string, cause?: unknown) => Result.fail(new InvalidTarget({ message, cause }))

/**
 * Prints a port as a target has it: `443`, or `443/tls`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatPort = (self: Port): string => self.tls ? `${self.number}/tls` : `${self.number}`

/**
 * Parses a port: a number, a service name, or either followed by `/tls`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const portFromString = (
  input: string,
  lookup: Pick<Lookup, "serviceNames">
): Result.Result<Port, InvalidTarget> => {
  const slash = input.indexOf("/")
  const text = slash === -1 ? input : input.slice(0, slash)
  const protocol = slash === -1 ? undefined : input.slice(slash + 1)
  if (protocol !== undefined && protocol !== "tls" && protocol !== "tcp") {
    return invalid(`"${input}" is not a port: after the slash stands "tls" or "tcp"`)
  }
  const tls = protocol === undefined ? undefined : protocol === "tls" ? {} : false
  const number = /^\d+$/.test(text) ? Number(text) : lookup.serviceNames(text)
  if (number === undefined) {
    return invalid(`"${text}" is not a port: give a number from 1 to 65535 or the name of a service, such as "https"`)
  }
  return portOf(number, tls)
}

const portOf = (number: number, tls: Port["tls"], rest?: Partial<Port>): Result.Result<Port, InvalidTarget> =>
  Number.isInteger(number) && number >= 1 && number <= 65535
    ? Result.succeed({ number, tls, secure: rest?.secure ?? false, payload: rest?.payload })
    : invalid(`${number} is not a port: give a number from 1 to 65535`)

const portFromInput = (input: PortInput, lookup: Lookup): Result.Result<Port, InvalidTarget> => {
  if (typeof input === "number") return portOf(input, undefined)
  if (typeof input === "string") return portFromString(input, lookup)
  if (!Predicate.isObject(input) || !Predicate.hasProperty(input, "port")) {
    return invalid("a port is a number, the name of a service, or an object with a port")
  }
  const { tls } = input
  if (tls !== undefined && typeof tls !== "boolean" && !Predicate.isObject(tls)) {
    return invalid(`tls of a port is true, false, or an object of TLS options (got ${show(tls)})`)
  }
  return Result.flatMap(
    typeof input.port === "number" ? portOf(input.port, undefined) : portFromString(print(input.port), lookup),
    (port) => {
      const spoken = tls === undefined ? port.tls : tls === true ? {} : tls
      return portOf(port.number, spoken, { secure: input.secure ?? false, payload: input.payload })
    }
  )
}

const portsFromInput = (
  inputs: ReadonlyArray<PortInput>,
  lookup: Lookup
): Result.Result<ReadonlyArray<Port>, InvalidTarget> => {
  if (!Array.isArray(inputs) || inputs.length === 0) {
    return invalid("no ports: give at least one, such as 443")
  }
  const ports: Array<Port> = []
  for (const input of inputs as ReadonlyArray<PortInput>) {
    const port = portFromInput(input, lookup)
    if (Result.isFailure(port)) return Result.fail(port.failure)
    const same = ports.find(({ number }) => number === port.success.number)
    if (same === undefined) ports.push(port.success)
    else if (
      (same.tls === false || same.tls === undefined) !== (port.success.tls === false || port.success.tls === undefined)
    ) {
      return invalid(`port ${same.number} is given with TLS and without it: give it once`)
    }
  }
  return Result.succeed(ports)
}

const addressFrom = (
  input: NetAddress.IpAddressInput,
  lookup: Lookup
): Result.Result<TargetAddress, InvalidTarget> => {
  if (typeof input === "string" && input.includes("%")) return scopedFrom(input, lookup)
  const address = NetAddress.ipFromInput(input)
  return Result.isSuccess(address)
    ? Result.succeed({ address: address.success, scopeId: 0, port: undefined })
    : invalid(`"${print(input)}" is not an IP address`, address.failure)
}

const scopedFrom = (literal: string, lookup: Lookup): Result.Result<TargetAddress, InvalidTarget> => {
  const inet = NetAddress.inetAddressFromHostString(literal, 0, lookup.scopeIds())
  if (Result.isFailure(inet)) {
    return invalid(`"${literal}" cannot be reached: ${inet.failure.message}`, inet.failure)
  }
  const { success } = inet
  return Result.succeed({
    address: success.address,
    scopeId: NetAddress.isInetAddressV6(success) ? success.scopeId : 0,
    port: undefined
  })
}

const fromHost = (
  host: EffectHost.HostInput,
  ports: Result.Result<ReadonlyArray<Port>, InvalidTarget>,
  lookup: Lookup
): Result.Result<Target, InvalidTarget> => {
  const text = typeof host === "string" ? host : print(host)
  if (text === "") return invalid("the host is empty: give a name or an address, such as example.com:443")
  if (Result.isFailure(ports)) return Result.fail(ports.failure)
  const parsed = EffectHost.hostFromInput(host)
  if (Result.isFailure(parsed)) return invalid(`"${text}" is not a host: ${parsed.failure.message}`, parsed.failure)
  const of = (at: Target["at"]): Target => ({
    given: formatGiven(text, ports.success),
    host: text,
    at,
    ports: ports.success
  })
  if (NetAddress.isIpAddress(parsed.success) || NetAddress.isScopedIpv6Literal(parsed.success)) {
    return Result.map(addressFrom(parsed.success, lookup), (address) => of({ _tag: "Addresses", addresses: [address] }))
  }
  return parsed.success === "."
    ? invalid("the root name has no addresses: give a name such as example.com")
    : Result.succeed(of({ _tag: "Name", name: parsed.success }))
}

const formatGiven = (host: string, ports: ReadonlyArray<Port>): string => {
  const bracketed = host.includes(":") && !host.includes(",") ? `[${host}]` : host
  const [first, ...more] = ports
  if (first === undefined) return bracketed
  return more.length === 0
    ? `${bracketed}:${formatPort(first)}`
    : `${bracketed}, ports ${ports.map(formatPort).join(" and ")}`
}

const fromString = (input: string, lookup: Lookup): Result.Result<Target, InvalidTarget> => {
  if (input.startsWith("unix:")) return fromPath(input.slice(input.startsWith("unix://") ? 7 : 5))
  const bracketed = /^\[([^\]]*)\]:(.*)$/s.exec(input)
  if (bracketed !== null) {
    const [, host = "", port = ""] = bracketed
    if (!host.includes(":")) return invalid(`"${input}" is not a target: only IPv6 addresses stand in brackets`)
    return fromHost(host, portsFromInput([port], lookup), lookup)
  }
  if (input.includes("://")) {
    return invalid(`"${input}" is a URL: give its host and its port, such as example.com:443`)
  }
  const colon = input.lastIndexOf(":")
  if (colon === -1) {
    return input === ""
      ? invalid("the target is empty: give a host and a port, such as example.com:443")
      : invalid(`"${input}" has no port: write "${input}:443", or give the ports apart`)
  }
  const host = input.slice(0, colon)
  return host.includes(":")
    ? invalid(`"${input}" is not a target: an IPv6 address with a port stands in brackets, such as [2001:db8::1]:443`)
    : fromHost(host, portsFromInput([input.slice(colon + 1)], lookup), lookup)
}

const fromPath = (path: string): Result.Result<Target, InvalidTarget> =>
  typeof path !== "string" || path === "" || path.includes("\0")
    ? invalid("the path of the Unix socket is empty or holds a zero byte")
    : Result.succeed({ given: path, host: path, at: { _tag: "UnixPath", path }, ports: [] })

const fromInetAddresses = (
  inputs: ReadonlyArray<NetAddress.InetAddressInput>
): Result.Result<Target, InvalidTarget> => {
  const addresses: Array<TargetAddress> = []
  for (const input of inputs) {
    const inet = NetAddress.inetAddressFromInput(input)
    if (Result.isFailure(inet) || inet.success.port === 0) {
      return invalid(`"${print(input)}" is not an address with a port, such as 192.0.2.1:443`)
    }
    const { address, port } = inet.success
    const scopeId = NetAddress.isInetAddressV6(inet.success) ? inet.success.scopeId : 0
    addresses.push({ address, port, scopeId })
  }
  return nonEmpty(addresses, [], addresses.map(formatTargetAddress).join(","))
}

const formatTargetAddress = ({ address, port, scopeId }: TargetAddress): string => {
  const text = NetAddress.formatIp(address) + (scopeId === 0 ? "" : `%${scopeId}`)
  return port === undefined ? text : text.includes(":") ? `[${text}]:${port}` : `${text}:${port}`
}

const fromAddresses = (
  inputs: ReadonlyArray<NetAddress.IpAddressInput>,
  ports: Result.Result<ReadonlyArray<Port>, InvalidTarget>,
  lookup: Lookup
): Result.Result<Target, InvalidTarget> => {
  if (Result.isFailure(ports)) return Result.fail(ports.failure)
  if (!Array.isArray(inputs)) return invalid("addresses is a list, such as [\"192.0.2.1\"]")
  const addresses: Array<TargetAddress> = []
  for (const input of inputs as ReadonlyArray<NetAddress.IpAddressInput>) {
    const address = addressFrom(input, lookup)
    if (Result.isFailure(address)) return Result.fail(address.failure)
    addresses.push(address.success)
  }
  return nonEmpty(addresses, ports.success, addresses.map(formatTargetAddress).join(","))
}

const nonEmpty = (
  addresses: ReadonlyArray<TargetAddress>,
  ports: ReadonlyArray<Port>,
  host: string
): Result.Result<Target, InvalidTarget> =>
  addresses.length === 0
    ? invalid("the list of addresses is empty: give at least one")
    : Result.succeed({ given: formatGiven(host, ports), host, at: { _tag: "Addresses", addresses }, ports })

/**
 * Prints a target as it was given, valid or not, for messages.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatInput = (input: TargetInput): string => {
  if (!Predicate.isObject(input)) return print(input)
  if (NetAddress.isSocketAddress(input)) return NetAddress.formatSocketAddress(input)
  if (Array.isArray(input)) return input.map(print).join(",")
  if ("path" in input) return print(input.path)
  const host = "host" in input ? print(input.host) : "addresses" in input ? print(input.addresses) : ""
  const given: unknown = "ports" in input ? input.ports : "port" in input ? [input.port] : []
  const ports: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  const [port] = ports.map((one) => Predicate.isObject(one) && Predicate.hasProperty(one, "port") ? one.port : one)
  return port === undefined ? host : host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Checks a target and brings it into one form.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromInput = (input: TargetInput, lookup: Lookup): Result.Result<Target, InvalidTarget> => {
  if (typeof input === "string") return fromString(input, lookup)
  if (NetAddress.isInetAddress(input)) return fromInetAddresses([input])
  if (NetAddress.isUnixPathAddress(input)) return fromPath(input.path)
  if (Array.isArray(input)) return fromInetAddresses(input as ReadonlyArray<NetAddress.InetAddressInput>)
  if (!Predicate.isObject(input)) return invalid("a target is a string such as example.com:443, or an object")
  if ("path" in input) return fromPath(input.path)
  const ports = "ports" in input
    ? portsFromInput(input.ports, lookup)
    : "port" in input
    ? portsFromInput([input.port], lookup)
    : invalid("no ports: give port or ports, such as 443")
  if ("addresses" in input) return fromAddresses(input.addresses, ports, lookup)
  return "host" in input
    ? fromHost(input.host, ports, lookup)
    : invalid("a target has a host, a list of addresses or a path")
}
