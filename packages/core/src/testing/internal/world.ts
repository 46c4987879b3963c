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
import {
  type Behaviour,
  InvalidWorld,
  type NameAnswer,
  type ServiceRecord as WrittenRecord,
  type World
} from "../World.ts"
import * as Syntax from "./worldSyntax.ts"

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
    const answers = Object.entries(change.names ?? {}).map(([name, given]) => timedAnswers(name, given))
    const behaviours = Object.entries(change.network ?? {}).map(([key, behaviour]) =>
      [parse(Syntax.networkKey, key, `network["${key}"]`), behaviour] as const
    )
    const sources = Object.entries(change.sources ?? {}).map(([key, text]) => {
      const path = `sources["${key}"]`
      const source = text === null ? SourceAddress.noRoute : parse(Syntax.source, text, path)
      return [parse(Syntax.sourceKey, key, path), source] as const
    })
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

const parse = <I extends number | string, A>(parser: (input: I) => Syntax.Parsed<A>, input: I, path: string): A => {
  const parsed = parser(input)
  if (Result.isSuccess(parsed)) return parsed.success
  throw new InvalidWorld({ path, detail: `expected ${parsed.failure}, got ${JSON.stringify(input)}` })
}

const timedAnswers = (
  name: string,
  given: ReadonlyArray<NameAnswer>
): readonly [string, ReadonlyArray<TimedAnswer>] => {
  const path = `names["${name}"]`
  const owner = parse(Syntax.domainName, name, path)
  const timed = given.map((answer, index) => ({
    afterMs: answer.afterMs ?? 0,
    answer: toAnswer(owner, answer, `${path}[${index}]`)
  }))
  // Stable: array order decides where times tie.
  return [Host.toRelative(owner), timed.toSorted((a, b) => a.afterMs - b.afterMs)]
}

/**
 * Turns an answer as it is written into one as a resolver gives it, or throws
 * `InvalidWorld`.
 *
 * @internal
 */
export const toAnswer = (owner: Host.DomainName, given: NameAnswer, path: string): Answer => {
  const ttl = given.ttlSeconds === undefined ? undefined : Duration.seconds(given.ttlSeconds)
  const common = { owner, ttl, source: "network" } as const
  const { reason, type } = given
  if (reason !== undefined) {
    const recordType = type === "HTTPS" ? undefined : type
    const error = new Dns.DnsError({ reason, method: "resolve", hostname: owner, recordType })
    return { ...common, _tag: "Failed", type, error }
  }
  if (type === "HTTPS") {
    const records = (given.records ?? []).map((record, index) => toRecord(record, `${path}.records[${index}]`))
    return { ...common, _tag: "Services", type, records }
  }
  const addresses = type === "AAAA"
    ? parseAll(Syntax.ipv6, given.addresses, `${path}.addresses`)
    : parseAll(Syntax.ipv4, given.addresses, `${path}.addresses`)
  return { ...common, _tag: "Addresses", type, addresses }
}

const toRecord = (given: WrittenRecord, path: string): ServiceRecord => ({
  priority: given.priority,
  target: parse(Syntax.domainName, given.target, `${path}.target`),
  alpn: given.alpn ?? [],
  noDefaultAlpn: given.noDefaultAlpn ?? false,
  port: given.port ?? undefined,
  ipv4hint: parseAll(Syntax.ipv4, given.ipv4hint, `${path}.ipv4hint`),
  ipv6hint: parseAll(Syntax.ipv6, given.ipv6hint, `${path}.ipv6hint`),
  mandatory: parseAll(Syntax.serviceKey, given.mandatory, `${path}.mandatory`),
  ech: undefined
})

const parseAll = <I extends number | string, A>(
  parser: (input: I) => Syntax.Parsed<A>,
  inputs: ReadonlyArray<I> | undefined,
  path: string
): ReadonlyArray<A> => (inputs ?? []).map((input, index) => parse(parser, input, `${path}[${index}]`))
