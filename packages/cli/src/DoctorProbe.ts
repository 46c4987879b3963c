/**
 * Finds out what a machine can do: its routes, its name servers, its limits,
 * and what the addresses of a host answer.
 *
 * @since 0.1.0
 */
import * as NameServer from "@happy-eyeballs/dns/NameServer"
import * as QueryResult from "@happy-eyeballs/dns/QueryResult"
import * as RecordType from "@happy-eyeballs/dns/RecordType"
import * as ResolvConf from "@happy-eyeballs/dns/ResolvConf"
import * as SearchList from "@happy-eyeballs/dns/SearchList"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import * as SystemConfig from "@happy-eyeballs/dns/SystemConfig"
import { SystemFiles } from "@happy-eyeballs/dns/SystemFiles"
import { NodeScopeIds, NodeSourceAddress, NodeStubResolver, NodeSystemFiles } from "@happy-eyeballs/node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Os from "node:os"
import type * as DoctorResult from "./DoctorResult.ts"

/**
 * A name that exists everywhere (RFC 7050, section 2.2). Whom to ask for when
 * nothing else is wanted, and what shows NAT64.
 *
 * @category constants
 * @since 0.1.0
 */
export const wellKnownName: Host.DomainName = Host.domainNameFromStringUnsafe("ipv4only.arpa")

/**
 * Gathers what does not need a connect: it asks the name servers of this machine
 * and those that were given, each by itself, and nobody else.
 *
 * @category probing
 * @since 0.1.0
 */
export const probe: (
  name: Host.DomainName,
  given: ReadonlyArray<NameServer.NameServer>
) => Effect.Effect<Omit<DoctorResult.Facts, "connects">> = Effect.fnUntraced(
  function*(name: Host.DomainName, given: ReadonlyArray<NameServer.NameServer>) {
    const files = yield* SystemFiles
    const paths = SystemConfig.defaultPaths
    const hasResolvConf = (yield* files.stamp(paths.resolvConf)) !== undefined
    const surroundings: ResolvConf.Surroundings = {
      scopeIds: NodeScopeIds.scopeIds(),
      hostname: Os.hostname(),
      localDomain: process.env["LOCALDOMAIN"],
      resOptions: process.env["RES_OPTIONS"]
    }
    const conf = ResolvConf.parse(yield* files.read(paths.resolvConf), surroundings)
    const behind = yield* files.read(paths.behindResolved)
    const asksItself = conf.nameServers.some(({ address }) => NetAddress.isLoopback(address))
    const ours = hasResolvConf ? conf.nameServers.map(NameServer.fromAddress) : []
    const [resolvers, nat64] = yield* Effect.all([
      Effect.forEach(
        [...ours.map((server) => ({ server, ours: true })), ...given.map((server) => ({ server, ours: false }))],
        ({ ours, server }) => Effect.map(askBoth(server, name), (answers) => ({ ...answers, ours })),
        { concurrency: "unbounded" }
      ),
      Effect.forEach(ours, (server) => ask(server, wellKnownName, "AAAA"), { concurrency: "unbounded" })
    ], { concurrency: "unbounded" })
    return {
      name: Host.toRelative(name),
      families: yield* families,
      resolvers,
      behind: asksItself && behind !== "" ? ResolvConf.parse(behind).nameServers.map(NetAddress.formatInet) : [],
      serverTimeoutMs: Duration.toMillis(conf.timeout),
      candidates: SearchList.candidates(name, conf),
      nat64: [...new Set(nat64.flatMap(({ addresses }) => addresses))],
      descriptors: descriptorsFrom(yield* files.read("/proc/self/limits"))
    }
  },
  Effect.provide(NodeSystemFiles.layer)
)

const families: Effect.Effect<ReadonlyArray<DoctorResult.FamilyFacts>> = Effect.gen(function*() {
  const { fill, route } = yield* NodeSourceAddress.make()
  yield* fill([])
  return (["IPv6", "IPv4"] as const).map((family) => {
    const source = route(family)
    return {
      family,
      source: source._tag === "Known" ? NetAddress.formatIp(source.address) : null,
      known: source._tag !== "Unknown"
    }
  })
})

// As long as a person waits, and not as long as libc does.
const patience = Duration.seconds(3)

const askBoth = (server: NameServer.NameServer, name: Host.DomainName) =>
  Effect.map(
    Effect.all([ask(server, name, "AAAA"), ask(server, name, "A")], { concurrency: "unbounded" }),
    (answers) => ({ server: NameServer.format(server), answers })
  )

const ask = (
  server: NameServer.NameServer,
  name: Host.DomainName,
  type: "AAAA" | "A"
): Effect.Effect<DoctorResult.ResolverAnswer> =>
  StubResolver.use((stub) =>
    Effect.timed(Effect.result(stub.query({ name, type: RecordType.codes[type] }, { hosts: false })))
  ).pipe(
    Effect.map(([elapsed, result]) => {
      const elapsedMs = Math.round(Duration.toMillis(elapsed) * 1000) / 1000
      const { rcode, records } = Result.isSuccess(result)
        ? QueryResult.fromResolution(result.success, elapsedMs)
        : QueryResult.fromNoAnswer(result.failure, elapsedMs)
      const addresses = records.filter((record) => record.type === type).map(({ data }) => data)
      return { type, addresses, rcode, elapsedMs }
    }),
    Effect.provide(NodeStubResolver.layer([server], { timeout: patience, attemptTimeout: patience, attempts: 1 })),
    // The server is parsed: what could be refused has been.
    Effect.orDie
  )

const descriptorsFrom = (limits: string): number | null => {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
  return soft === undefined ? null : Number(soft)
}
