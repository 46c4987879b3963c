/**
 * How this machine is set up to resolve names, read from its files and read
 * again when they change.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as NameServer from "./NameServer.ts"
import * as ResolvConf from "./ResolvConf.ts"
import type { Config } from "./StubResolver.ts"
import * as SystemChoice from "./SystemChoice.ts"
import { type SystemFiles, watched } from "./SystemFiles.ts"

/**
 * What is known of the process and its machine beside the files.
 *
 * @category models
 * @since 0.1.0
 */
export interface Surroundings extends ResolvConf.Surroundings {
  /** As Node names it: `linux`, `darwin`, `win32`. */
  readonly platform: string
  readonly forced?: SystemChoice.Facts["forced"]
  /** The variable `HOSTALIASES`. */
  readonly hostAliases?: string | undefined
}

/**
 * Where the files are.
 *
 * @category models
 * @since 0.1.0
 */
export interface Paths {
  readonly resolvConf: string
  readonly nsSwitch: string
  readonly mdnsAllow: string
  /** Where systemd-resolved writes the servers that it asks itself. */
  readonly behindResolved: string
}

/**
 * Where the files are on Linux.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultPaths: Paths = {
  resolvConf: "/etc/resolv.conf",
  nsSwitch: "/etc/nsswitch.conf",
  mdnsAllow: "/etc/mdns.allow",
  behindResolved: "/run/systemd/resolve/resolv.conf"
}

/**
 * How a machine resolves names. Each effect gives the same value as long as
 * nothing has changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface SystemConfig {
  readonly choice: Effect.Effect<SystemChoice.Choice>
  readonly config: Effect.Effect<Config>
  /** Says all of it in words, and whom a name would go to. */
  readonly explain: (name?: Host.DomainName) => Effect.Effect<ReadonlyArray<string>>
}

/**
 * Reads how this machine is set up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  surroundings: Surroundings,
  paths: Paths = defaultPaths
): Effect.fn.Return<SystemConfig, never, SystemFiles> {
  const parse = (text: string) => ResolvConf.parse(text, surroundings)
  const resolvConf = yield* watched(paths.resolvConf, parse)
  const behind = yield* watched(paths.behindResolved, (text, exists) => exists ? parse(text).nameServers : [])
  const nsSwitch = yield* watched(paths.nsSwitch, (text, exists) => exists ? text : undefined)
  const hasMdnsAllow = yield* watched(paths.mdnsAllow, (_, exists) => exists)

  const choose = remembered((text: string | undefined, mdnsAllow: boolean) =>
    SystemChoice.choose({ ...surroundings, nsSwitch: text, hasMdnsAllow: mdnsAllow })
  )
  const configure = remembered(toConfig)
  const choice = Effect.zipWith(nsSwitch, hasMdnsAllow, choose)

  return {
    choice,
    config: Effect.zipWith(resolvConf, choice, configure),
    explain: (name) => Effect.map(Effect.all([choice, resolvConf, behind]), (facts) => explain(paths, name, ...facts))
  }
})

const remembered = <A, B, C>(f: (a: A, b: B) => C): (a: A, b: B) => C => {
  let last: { readonly a: A; readonly b: B; readonly c: C } | undefined
  return (a, b) => {
    if (last === undefined || last.a !== a || last.b !== b) last = { a, b, c: f(a, b) }
    return last.c
  }
}

const toConfig = (conf: ResolvConf.ResolvConf, { order }: SystemChoice.Choice): Config => ({
  servers: conf.nameServers.map((address) => ({ protocol: conf.useVc ? "tcp" : "udp", address })),
  search: conf.search,
  ndots: conf.ndots,
  attemptTimeout: conf.timeout,
  attempts: conf.attempts,
  rotate: conf.rotate,
  noAaaa: conf.noAaaa,
  order
})

const explain = (
  paths: Paths,
  name: Host.DomainName | undefined,
  choice: SystemChoice.Choice,
  conf: ResolvConf.ResolvConf,
  behind: ReadonlyArray<NetAddress.InetAddress>
): ReadonlyArray<string> => {
  const who = (use: SystemChoice.Use) => use === "stub" ? "the stub resolver" : "the system (getaddrinfo)"
  const one = name === undefined ? undefined : SystemChoice.forName(choice, name)
  const servers = toConfig(conf, choice).servers.map(NameServer.format)
  const local = conf.nameServers.filter(({ address }) => isResolved(address))
  return [
    `names are answered by ${who(choice.use)}: ${choice.because}`,
    ...(one === undefined || one.because === choice.because
      ? []
      : [`${name} is answered by ${who(one.use)}: ${one.because}`]),
    `order: ${choice.order.map((place) => place === "files" ? "hosts file" : "name servers").join(", then ")}`,
    `name servers (${paths.resolvConf}): ${servers.join(", ")}`,
    ...(local.length === 0 || behind.length === 0 ? [] : [
      `behind ${local.map(NetAddress.formatInet).join(", ")} (${paths.behindResolved}): ${
        behind.map(NetAddress.formatInet).join(", ")
      }`
    ]),
    `search: ${conf.search.length === 0 ? "nothing" : conf.search.join(", ")} (ndots ${conf.ndots})`,
    `each server ${Duration.format(conf.timeout)}, ${conf.attempts} rounds`,
    ...choice.exceptions.map(({ because, name: exception }) => `left to the system: ${exception}, because ${because}`),
    ...conf.ignored.map((line) => `not understood in ${paths.resolvConf}: ${line}`)
  ]
}

// systemd-resolved listens here (systemd-resolved.service(8)).
const isResolved = (address: NetAddress.IpAddress): boolean =>
  ["127.0.0.53", "127.0.0.54"].includes(NetAddress.formatIp(address))
