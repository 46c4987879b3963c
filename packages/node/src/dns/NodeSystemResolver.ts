/**
 * Names as this machine is set up to resolve them.
 *
 * Our stub resolver answers wherever the system's files want nothing that only
 * libc can do, and `getaddrinfo` answers everything else. `SystemChoice` of
 * `@happy-eyeballs/dns` decides, name by name, and `explain` says why.
 *
 * @since 0.1.0
 */
import * as NodeDns from "@effect/platform-node-shared/NodeDns"
import { Resolver } from "@happy-eyeballs/core/Resolver"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import type * as StubOptions from "@happy-eyeballs/dns/StubResolver"
import * as SystemChoice from "@happy-eyeballs/dns/SystemChoice"
import * as SystemConfig from "@happy-eyeballs/dns/SystemConfig"
import type { SystemFiles } from "@happy-eyeballs/dns/SystemFiles"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import type * as Host from "effect/net/Host"
import * as Stream from "effect/Stream"
import * as Os from "node:os"
import * as NodeResolver from "../NodeResolver.ts"
import { scopeIds } from "../NodeScopeIds.ts"
import * as NodeStubResolver from "./NodeStubResolver.ts"
import * as NodeSystemFiles from "./NodeSystemFiles.ts"

/**
 * How this machine's names are resolved.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends StubOptions.Options {
  /**
   * Who answers: `stub` or `system`, whatever the files say. Default: the
   * variable `HAPPY_EYEBALLS_RESOLVER`, and without it what the files say.
   */
  readonly use?: SystemChoice.Use | undefined
  /** Where the system's files are. Default: where Linux has them. */
  readonly paths?: SystemConfig.Paths | undefined
}

/**
 * Service that says who answers names on this machine, and why.
 *
 * @category services
 * @since 0.1.0
 */
export class SystemResolver extends Context.Service<SystemResolver, {
  readonly choice: Effect.Effect<SystemChoice.Choice>
  /** Says in words how names are resolved, and who answers one of them. */
  readonly explain: (name?: Host.DomainName) => Effect.Effect<ReadonlyArray<string>>
}>()("@happy-eyeballs/node/dns/NodeSystemResolver") {}

/**
 * Layer that resolves names as this machine is set up to.
 *
 * **Details**
 *
 * Changes of `resolv.conf`, `nsswitch.conf` and the hosts file are seen within
 * five seconds of the next question. Each decision is a log line at debug level.
 *
 * **Gotchas**
 *
 * Elsewhere than on Linux the system answers, unless the stub resolver is asked
 * for by name.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<NodeStubResolver.Provided | SystemResolver> =>
  Layer.unwrap(Effect.map(makeConfig(options), (system) => {
    const stub = NodeStubResolver.layerConfig(system.config, options)
    const routed = Layer.effectContext(Effect.gen(function*() {
      const ours = { resolver: yield* Resolver, dns: yield* Dns.Dns }
      const libc = { resolver: yield* LibcResolver, dns: yield* LibcDns }
      return Context.make(Resolver, routeResolver(system, ours.resolver, libc.resolver)).pipe(
        Context.add(Dns.Dns, routeDns(system, ours.dns, libc.dns)),
        Context.add(StubResolver, yield* StubResolver),
        Context.add(SystemResolver, SystemResolver.of(system))
      )
    }))
    return Layer.provide(routed, [stub, libc])
  })).pipe(Layer.provide(NodeSystemFiles.layer))

class LibcResolver extends Context.Service<LibcResolver, Resolver["Service"]>()(
  "@happy-eyeballs/node/dns/NodeSystemResolver/LibcResolver"
) {}

class LibcDns extends Context.Service<LibcDns, Dns.Dns["Service"]>()(
  "@happy-eyeballs/node/dns/NodeSystemResolver/LibcDns"
) {}

const libc: Layer.Layer<LibcResolver | LibcDns> = Layer.mergeAll(
  Layer.effect(LibcResolver, Resolver).pipe(Layer.provide(NodeResolver.layer)),
  Layer.effect(LibcDns, Dns.Dns).pipe(Layer.provide(NodeDns.layer))
)

const makeConfig = ({ paths, use }: Options): Effect.Effect<SystemConfig.SystemConfig, never, SystemFiles> =>
  Effect.flatMap(
    SystemConfig.make({
      platform: process.platform,
      hostname: Os.hostname(),
      scopeIds: scopeIds(),
      localDomain: process.env["LOCALDOMAIN"],
      resOptions: process.env["RES_OPTIONS"],
      hostAliases: process.env["HOSTALIASES"],
      forced: use === undefined ? forcedBy(process.env["HAPPY_EYEBALLS_RESOLVER"]) : { use, by: "an option says so" }
    }, paths),
    (system) => {
      let told: SystemChoice.Choice | undefined
      const choice = Effect.tap(system.choice, (made) => {
        if (made === told) return Effect.void
        told = made
        return Effect.logDebug(`names are answered by the ${made.use} resolver: ${made.because}`)
      })
      return Effect.succeed({ ...system, choice })
    }
  )

const forcedBy = (variable: string | undefined): { readonly use: SystemChoice.Use; readonly by: string } | undefined =>
  variable === "stub" || variable === "system"
    ? { use: variable, by: `HAPPY_EYEBALLS_RESOLVER is ${variable}` }
    : undefined

const usesStub = (system: SystemConfig.SystemConfig, name: Host.DomainName): Effect.Effect<boolean> =>
  Effect.map(system.choice, (choice) => SystemChoice.forName(choice, name).use === "stub")

const routeResolver = (
  system: SystemConfig.SystemConfig,
  ours: Resolver["Service"],
  libc: Resolver["Service"]
): Resolver["Service"] =>
  Resolver.of({
    resolve: (query) =>
      Stream.unwrap(Effect.map(usesStub(system, query.name), (stub) => (stub ? ours : libc).resolve(query)))
  })

const routeDns = (
  system: SystemConfig.SystemConfig,
  ours: Dns.Dns["Service"],
  libc: Dns.Dns["Service"]
): Dns.Dns["Service"] => {
  const route = <A, E>(name: Host.DomainName, ask: (dns: Dns.Dns["Service"]) => Effect.Effect<A, E>) =>
    Effect.flatMap(usesStub(system, name), (stub) => ask(stub ? ours : libc))
  return Dns.make({
    lookup: (host, family) => route(host, (dns) => dns.lookup(host, { family })),
    resolve: (name, type) => route(name, (dns) => dns.resolve(name, type)),
    reverse: (address) => route(Dns.reverseName(address), (dns) => dns.reverse(address))
  })
}
