import type { Answer, AnswerSource, AnswerType, Query, Resolver } from "@happy-eyeballs/core/Resolver"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { rcodes, type ResourceRecord } from "../Message.ts"
import { codes } from "../RecordType.ts"
import * as Resolution from "../Resolution.ts"
import type { StubResolver } from "../StubResolver.ts"
import type { NoAnswer } from "../Upstream.ts"
import { recordName, servicesOf } from "./services.ts"

type Service = StubResolver["Service"]

/**
 * Makes core's `Resolver`.
 *
 * @internal
 */
export const toResolver = (stub: Service): Resolver["Service"] => ({
  resolve: (query) =>
    Stream.unwrap(Effect.map(stub.candidates(query.name), (candidates) => search(stub, query, candidates)))
})

// A negative answer for one of several names is no answer to the question, until
// another type of the same name has one or no name is left.
const search = (stub: Service, query: Query, candidates: ReadonlyArray<Host.DomainName>): Stream.Stream<Answer> =>
  Stream.callback<Answer>((queue) =>
    Effect.gen(function*() {
      const last = new Map<AnswerType, Answer>()
      let found = candidates.length === 1
      for (const name of candidates) {
        const held: Array<Answer> = []
        yield* askAll(stub, query, name, (answer) => {
          if (answer._tag !== "Failed") found = true
          held.push(answer)
          if (found) Queue.offerAllUnsafe(queue, held.splice(0))
        })
        if (found) break
        for (const answer of held) {
          // A server that failed may have known the name: that it does not exist
          // under another is not the whole truth.
          if (!isTemporary(last.get(answer.type))) last.set(answer.type, answer)
        }
      }
      if (!found) yield* Queue.offerAll(queue, last.values())
      yield* Queue.end(queue)
    })
  )

/** Asks for every type of one name at once. */
const askAll = (
  stub: Service,
  query: Query,
  name: Host.DomainName,
  say: (answer: Answer) => void
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const missing = new Set(query.types)
    const denied = yield* Deferred.make<void>()
    const isProtected = yield* stub.isProtected
    const tell = (answer: Answer) => {
      missing.delete(answer.type)
      say(isProtected && answer.source !== "local" ? { ...answer, encrypted: true } : answer)
    }
    const asking = Effect.forEach(query.types, (type) =>
      Effect.tap(
        ask(stub, query.name, { name, type, port: query.port, refresh: query.refresh }),
        ({ answer, isDenied }) => {
          tell(answer)
          // No name, no other types: a server that keeps silent about AAAA need not be
          // waited for. The reverse does not hold: some say of a name without AAAA that
          // it does not exist.
          return type === "A" && isDenied ? Deferred.succeed(denied, undefined) : Effect.void
        }
      ), { concurrency: "unbounded", discard: true })
    yield* Effect.raceFirst(asking, Deferred.await(denied))
    for (const type of missing) {
      tell(failed(query.name, type, notFound("resolve", query.name), "network"))
    }
  })

const failed = (
  owner: Host.DomainName,
  type: AnswerType,
  error: Dns.DnsError,
  source: AnswerSource,
  ttl?: Duration.Duration
): Answer => ({ _tag: "Failed", owner, type, error, ttl, source })

const ask = (
  stub: Service,
  owner: Host.DomainName,
  { name, port, refresh, type }: {
    readonly name: Host.DomainName
    readonly type: AnswerType
    readonly port: number | undefined
    readonly refresh: boolean | undefined
  }
): Effect.Effect<{ readonly answer: Answer; readonly isDenied: boolean }> => {
  const recordType = type === "HTTPS" ? undefined : type
  const asked = type === "HTTPS" ? recordName(name, port) : name
  if (asked === undefined) {
    return Effect.succeed({ answer: failed(owner, type, notFound("resolve", owner), "local"), isDenied: false })
  }
  return Effect.match(stub.query({ name: asked, type: codes[type] }, { refresh }), {
    onFailure: (failure) => ({
      answer: failed(owner, type, dnsError("resolve", owner, failure, recordType), "network"),
      isDenied: false
    }),
    onSuccess: (resolution) => {
      const ttl = resolution.ttl === undefined ? undefined : Duration.seconds(resolution.ttl)
      const { rcode, source } = resolution
      const wanted = Resolution.wanted(resolution)
      return wanted.length === 0
        ? {
          answer: failed(owner, type, notFound("resolve", owner, recordType), source, ttl),
          isDenied: rcode === rcodes.NXDOMAIN
        }
        : {
          answer: type === "HTTPS"
            ? { _tag: "Services", owner, type, ttl, source, records: servicesOf(wanted, port) }
            : { _tag: "Addresses", owner, type, ttl, source, addresses: addressesOf(wanted) },
          isDenied: false
        }
    }
  })
}

const isTemporary = (answer: Answer | undefined): boolean =>
  answer?._tag === "Failed" && answer.error.reason !== "NotFound" && answer.error.reason !== "Unsupported"

/**
 * Makes the `Dns` service of `effect/net`.
 *
 * @internal
 */
export const toDns = (stub: Service): Dns.Dns["Service"] =>
  Dns.make({
    lookup: Effect.fnUntraced(function*(host, family) {
      const types = familyTypes(family)
      const answers = yield* Stream.runCollect(toResolver(stub).resolve({ name: host, types }))
      const addresses = types.flatMap((type) =>
        answers.flatMap((answer) => answer._tag === "Addresses" && answer.type === type ? answer.addresses : [])
      )
      const failure = answers.find(isTemporary) ?? answers.find(({ _tag }) => _tag === "Failed")
      if (addresses.length > 0 || failure?._tag !== "Failed") return addresses
      const { cause, reason } = failure.error
      return yield* new Dns.DnsError({ reason, method: "lookup", hostname: host, cause })
    }),
    resolve: (name, type) =>
      Effect.matchEffect(stub.query({ name: Host.toRelative(name), type: codes[type] }, { hosts: false }), {
        onFailure: (failure) => Effect.fail(dnsError("resolve", name, failure, type)),
        onSuccess: (resolution) =>
          Effect.succeed(
            Resolution.wanted(resolution).flatMap(({ data }) =>
              data._tag === "Opaque" || data._tag === "ServiceBinding" ? [] : [data]
            )
          )
      }),
    reverse: Effect.fnUntraced(function*(address) {
      const names = yield* stub.namesOf(address)
      if (names.length > 0) return names
      if (NetAddress.isLoopback(address)) return ["localhost"]
      const hostname = NetAddress.formatIp(address)
      const resolution = yield* Effect.mapError(
        stub.query({ name: Dns.reverseName(address), type: codes.PTR }),
        (failure) => dnsError("reverse", hostname, failure)
      )
      return Resolution.wanted(resolution).flatMap(({ data }) => data._tag === "PTR" ? [data.host] : [])
    })
  })

const familyTypes = (family: NetAddress.IpFamily | undefined): readonly ["AAAA" | "A", ...ReadonlyArray<"A">] =>
  family === "IPv4" ? ["A"] : family === "IPv6" ? ["AAAA"] : ["AAAA", "A"]

const addressesOf = (records: ReadonlyArray<ResourceRecord>): ReadonlyArray<NetAddress.IpAddress> =>
  records.flatMap(({ data }) => data._tag === "A" || data._tag === "AAAA" ? [data.address] : [])

const notFound = (method: Dns.DnsError["method"], hostname: string, recordType?: Dns.RecordType): Dns.DnsError =>
  new Dns.DnsError({ reason: "NotFound", method, hostname, recordType })

const dnsError = (
  method: Dns.DnsError["method"],
  hostname: string,
  cause: NoAnswer,
  recordType?: Dns.RecordType
): Dns.DnsError => new Dns.DnsError({ reason: cause.reason, method, hostname, recordType, cause })
