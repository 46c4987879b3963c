/**
 * Our stub resolver on Node: its ports, and its layers put together.
 *
 * `layer` asks the name servers that it is given, and `layerSystem` those that
 * this machine is set up for. Each gives core's `Resolver`, the `Dns` of
 * `effect/net` and the stub resolver itself.
 *
 * @since 0.1.0
 */
import { BackgroundClock } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import * as HostsFile from "@happy-eyeballs/dns/HostsFile"
import * as NameServer from "@happy-eyeballs/dns/NameServer"
import * as StubResolver from "@happy-eyeballs/dns/StubResolver"
import { type SystemFiles, watched } from "@happy-eyeballs/dns/SystemFiles"
import type * as Upstream from "@happy-eyeballs/dns/Upstream"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Dns from "effect/net/Dns"
import * as Result from "effect/Result"
import { unrefClock } from "../internal/unrefClock.ts"
import { scopeIds } from "../NodeScopeIds.ts"
import * as NodeByteStreams from "./NodeByteStreams.ts"
import * as NodeDatagrams from "./NodeDatagrams.ts"
import * as NodeHttp2 from "./NodeHttp2.ts"
import * as NodeSystemFiles from "./NodeSystemFiles.ts"

/**
 * What a resolver's layer gives.
 *
 * @category models
 * @since 0.1.0
 */
export type Provided = Resolver | Dns.Dns | StubResolver.StubResolver

/**
 * Layer of what the stub resolver needs from Node.
 *
 * @category layers
 * @since 0.1.0
 */
export const ports: Layer.Layer<Upstream.Ports | SystemFiles> = Layer.mergeAll(
  NodeDatagrams.layer,
  NodeByteStreams.layer,
  NodeHttp2.layer,
  NodeSystemFiles.layer,
  SecureRandom.layerWebCrypto
)

/**
 * Gives this machine's hosts file, read again when it changes.
 *
 * @category getters
 * @since 0.1.0
 */
export const hostsFile = watched(
  process.platform === "win32"
    ? `${process.env["SystemRoot"] ?? "C:\\Windows"}\\System32\\drivers\\etc\\hosts`
    : "/etc/hosts",
  HostsFile.parse
)

/**
 * Makes layers of a stub resolver.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: Effect.Effect<StubResolver.Config>,
  options?: StubResolver.Options
): Layer.Layer<Provided> => {
  const stub = Layer.unwrap(
    Effect.map(hostsFile, (hosts) => StubResolver.StubResolver.layerFrom(config, { hosts, ...options }))
  )
  return Layer.mergeAll(StubResolver.StubResolver.layerResolver, StubResolver.StubResolver.layerDns).pipe(
    Layer.provideMerge(stub),
    Layer.provide([ports, Layer.succeed(BackgroundClock, unrefClock)])
  )
}

/**
 * Layer that asks these name servers, in order of preference, and no others.
 *
 * **Details**
 *
 * Servers are written as `NameServer.fromString` reads them. The hosts file
 * comes first; nothing is searched for.
 *
 * **Example** (Resolving through a server pinned by its key)
 *
 * ```ts
 * import { NodeStubResolver } from "@happy-eyeballs/node"
 *
 * const resolver = NodeStubResolver.layer([
 *   "tls:127.0.0.1:8853!key-fp:SHA256:INSZEZpDoWKiavosV2/xVT8O83vk/RRwS+LTiL+IpHs="
 * ])
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  servers: ReadonlyArray<NameServer.NameServer | string>,
  options?: StubResolver.Options & Omit<StubResolver.Config, "servers">
): Layer.Layer<Provided, NameServer.InvalidNameServer> =>
  Layer.unwrap(
    Effect.map(Effect.fromResult(parse(servers)), (parsed) => {
      const config: StubResolver.Config = { ...options, servers: parsed }
      return layerConfig(Effect.succeed(config), options)
    })
  )

const parse = (
  servers: ReadonlyArray<NameServer.NameServer | string>
): Result.Result<ReadonlyArray<NameServer.NameServer>, NameServer.InvalidNameServer> =>
  Result.all(
    servers.map((server) =>
      typeof server === "string" ? NameServer.fromString(server, { scopeIds: scopeIds() }) : Result.succeed(server)
    )
  )
