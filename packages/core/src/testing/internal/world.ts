import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Endpoint from "../../Endpoint.ts"
import type { Answer, ServiceRecord } from "../../Resolver.ts"
import * as SourceAddress from "../../SourceAddress.ts"
import { type Behaviour, InvalidWorld, type NameAnswer, type World } from "../World.ts"

/**
 * An answer ready to be given, `afterMs` after the query.
 *
 * @internal
 */
export interface TimedAnswer {
  readonly afterMs: number
  readonly answer: Answer
}

const silence: Behaviour = { outcome: "drop" }

/**
 * The world of one network as it is now: checked, with canonical keys, and
 * open to change.
 *
 * @internal
 */
export class LiveWorld {
  private readonly answers = new Map<string, ReadonlyArray<TimedAnswer>>()
  private readonly behaviours = new Map<string, Behaviour>()
  private readonly sources = new Map<string, SourceAddress.Source>()
  synRetransmitsMs: ReadonlyArray<number> = [1000, 3000, 7000]

  /** Throws `InvalidWorld`. Nothing changes then. */
  updateUnsafe(change: World): void {
    const answers = Object.entries(change.names ?? {}).map(([name, given]) => parseName(name, given))
    const behaviours = Object.entries(change.network ?? {}).map(([key, behaviour]) =>
      [parseKey(key), behaviour] as const
    )
    const sources = Object.entries(change.sources ?? {}).map(([key, text]) =>
      [parseSourceKey(key), text === null ? SourceAddress.noRoute : parseSource(key, text)] as const
    )
    for (const [name, timed] of answers) this.answers.set(name, timed)
    for (const [key, behaviour] of behaviours) this.behaviours.set(key, behaviour)
    for (const [key, source] of sources) this.sources.set(key, source)
    this.synRetransmitsMs = change.synRetransmitsMs ?? this.synRetransmitsMs
  }

  answersOf(name: Host.DomainName): ReadonlyArray<TimedAnswer> {
    return this.answers.get(Host.toRelative(name)) ?? []
  }

  behaviourOf(endpoint: Endpoint.Endpoint): Behaviour {
    return this.behaviours.get(Endpoint.format(endpoint)) ??
      this.behaviours.get(Endpoint.formatAddress(endpoint)) ??
      silence
  }

  sourceOf(destination: NetAddress.IpAddress): SourceAddress.Source {
    if (this.sources.size === 0) return SourceAddress.unknown
    return this.sources.get(NetAddress.formatIp(destination)) ?? this.routeOf(NetAddress.familyOf(destination))
  }

  routeOf(family: NetAddress.IpFamily): SourceAddress.Source {
    return this.sources.get(family) ?? SourceAddress.unknown
  }
}

/**
 * The source addresses of a host in a world.
 *
 * @internal
 */
export const makeSourceAddresses = (world: LiveWorld): SourceAddress.SourceAddresses => ({
  peek: (destination) => world.sourceOf(destination),
  fill: () => Effect.void,
  route: (family) => world.routeOf(family),
  network: () =>
    (["IPv4", "IPv6"] as const).flatMap((family) => {
      const source = world.routeOf(family)
      return source._tag === "Known"
        ? [IpNetwork.format(IpNetwork.fromAddressUnsafe(source.address, source.prefixLength))]
        : []
    }).join(" ")
})

const invalid = (path: string, detail: string) => new InvalidWorld({ path, detail })

const parseKey = (key: string): string => {
  const path = `network[${JSON.stringify(key)}]`
  if (key.includes("/")) return key.startsWith("unix:") ? key.slice(5) : key
  const bare = NetAddress.inetAddressFromHostString(key, 0)
  if (Result.isSuccess(bare)) return NetAddress.formatHost(bare.success)
  const withPort = NetAddress.inetAddressFromString(key)
  if (Result.isSuccess(withPort)) return NetAddress.formatInet(withPort.success)
  throw invalid(path, "give an address, an address:port, an [address]:port or the path of a Unix socket")
}

const parseSourceKey = (key: string): string =>
  key === "IPv4" || key === "IPv6" ? key : NetAddress.formatIp(parseIp(`sources[${JSON.stringify(key)}]`, key))

const parseSource = (key: string, text: string): SourceAddress.Source => {
  const path = `sources[${JSON.stringify(key)}]`
  const slash = text.indexOf("/")
  const address = parseIp(path, slash === -1 ? text : text.slice(0, slash))
  if (slash === -1) return SourceAddress.known(address)
  const prefixLength = Number(text.slice(slash + 1))
  if (!/^\d+$/.test(text.slice(slash + 1)) || prefixLength > NetAddress.width(address)) {
    throw invalid(path, `"${text}" has a prefix length that is not one of 0 to ${NetAddress.width(address)}`)
  }
  return SourceAddress.known(address, prefixLength)
}

const parseIp = (path: string, text: string): NetAddress.IpAddress => {
  const address = NetAddress.ipFromString(text)
  if (Result.isFailure(address)) throw invalid(path, `"${text}" is not an IP address`)
  return address.success
}

const parseName = (name: string, given: ReadonlyArray<NameAnswer>): readonly [string, ReadonlyArray<TimedAnswer>] => {
  const path = `names[${JSON.stringify(name)}]`
  const owner = parseDomainName(path, name)
  const timed = given.map((answer, index) => ({
    afterMs: answer.afterMs ?? 0,
    answer: toAnswer(`${path}[${index}]`, owner, answer)
  }))
  // Stable: array order decides where times tie.
  return [Host.toRelative(owner), timed.toSorted((a, b) => a.afterMs - b.afterMs)]
}

const parseDomainName = (path: string, text: string): Host.DomainName => {
  const name = Host.domainNameFromString(text)
  if (Result.isFailure(name)) throw invalid(path, `"${text}" is not a domain name`)
  return name.success
}

/**
 * Turns an answer as it is written into one as a resolver gives it, or throws
 * `InvalidWorld`.
 *
 * @internal
 */
export const toAnswer = (path: string, owner: Host.DomainName, given: NameAnswer): Answer => {
  const ttl = given.ttlSeconds === undefined ? undefined : Duration.seconds(given.ttlSeconds)
  const common = { owner, ttl, source: "network" } as const
  const { reason, type } = given
  if (reason !== undefined) {
    const error = new Dns.DnsError({
      reason,
      method: "resolve",
      hostname: owner,
      recordType: type === "HTTPS" ? undefined : type
    })
    return { ...common, _tag: "Failed", type, error }
  }
  if (type === "HTTPS") {
    const records = (given.records ?? []).map((record, index) => toRecord(`${path}.records[${index}]`, record))
    return { ...common, _tag: "Services", type, records }
  }
  const parse = type === "AAAA" ? parseIpv6 : parseIpv4
  const addresses = (given.addresses ?? []).map((text, index) => parse(`${path}.addresses[${index}]`, text))
  return { ...common, _tag: "Addresses", type, addresses }
}

const toRecord = (path: string, given: NonNullable<NameAnswer["records"]>[number]): ServiceRecord => ({
  priority: given.priority,
  target: parseDomainName(`${path}.target`, given.target),
  alpn: given.alpn ?? [],
  noDefaultAlpn: given.noDefaultAlpn ?? false,
  port: given.port ?? undefined,
  ipv4hint: (given.ipv4hint ?? []).map((text, index) => parseIpv4(`${path}.ipv4hint[${index}]`, text)),
  ipv6hint: (given.ipv6hint ?? []).map((text, index) => parseIpv6(`${path}.ipv6hint[${index}]`, text)),
  mandatory: given.mandatory ?? [],
  ech: undefined
})

const parseIpv4 = (path: string, text: string): NetAddress.Ipv4Address => {
  const address = NetAddress.ipv4FromString(text)
  if (Result.isFailure(address)) throw invalid(path, `"${text}" is not an IPv4 address`)
  return address.success
}

const parseIpv6 = (path: string, text: string): NetAddress.Ipv6Address => {
  const address = NetAddress.ipv6FromString(text)
  if (Result.isFailure(address)) throw invalid(path, `"${text}" is not an IPv6 address`)
  return address.success
}
