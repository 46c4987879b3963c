/**
 * Who answers names on this machine: our stub resolver, or the system's own.
 *
 * `getaddrinfo` can do things that only it can, and is asked wherever the
 * system's files want one of them. Everywhere else the stub resolver answers:
 * it gives each family as it arrives, can be cancelled, and occupies no thread.
 * A pure decision with its reasons, as Go's resolver makes it.
 *
 * @since 0.1.0
 */
import * as Host from "effect/net/Host"
import * as NsSwitch from "./NsSwitch.ts"

/**
 * Who answers.
 *
 * @category models
 * @since 0.1.0
 */
export type Use = "stub" | "system"

/**
 * What the decision rests on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Facts {
  /** As Node names it: `linux`, `darwin`, `win32`. */
  readonly platform: string
  /** What the user said, by option or by `HAPPY_EYEBALLS_RESOLVER`. */
  readonly forced?: { readonly use: Use; readonly by: string } | undefined
  /** The text of `/etc/nsswitch.conf`, or `undefined` without one. */
  readonly nsSwitch?: string | undefined
  readonly hostname?: string | undefined
  /** The variable `HOSTALIASES`. */
  readonly hostAliases?: string | undefined
  /** There is a `/etc/mdns.allow`: multicast DNS then answers more than `local`. */
  readonly hasMdnsAllow?: boolean | undefined
}

/**
 * Where the stub resolver looks, in order.
 *
 * @category models
 * @since 0.1.0
 */
export type Order = ReadonlyArray<"files" | "dns">

/**
 * A decision and why it was made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Choice {
  readonly use: Use
  readonly because: string
  readonly order: Order
  /** Names that the system answers although the stub resolver answers the rest. */
  readonly exceptions: ReadonlyArray<{ readonly name: string; readonly because: string }>
}

const filesThenDns: Order = ["files", "dns"]

/**
 * Decides.
 *
 * @category combinators
 * @since 0.1.0
 */
export const choose = (facts: Facts): Choice => {
  const system = (because: string): Choice => ({ use: "system", because, order: filesThenDns, exceptions: [] })
  const sources = (facts.nsSwitch === undefined ? undefined : NsSwitch.parseHosts(facts.nsSwitch)) ??
    NsSwitch.defaultHosts
  if (facts.forced?.use === "system") return system(facts.forced.by)
  if (facts.forced?.use === "stub") {
    return { use: "stub", because: facts.forced.by, order: orderOf(sources), exceptions: [] }
  }
  if (facts.platform !== "linux") return system(`on ${facts.platform} names are the system's`)
  if (facts.hostAliases !== undefined) return system("HOSTALIASES is set, which only libc reads")
  if (facts.nsSwitch !== undefined && facts.nsSwitch.trim() !== "" && sources === NsSwitch.defaultHosts) {
    if (/^\s*hosts\s*:/im.test(facts.nsSwitch)) return system("the hosts line of nsswitch.conf cannot be read")
  }
  const strange = sources.find((source) => !isKnown(source) || !NsSwitch.isPlain(source))
  if (strange !== undefined) {
    return system(`nsswitch.conf has "${NsSwitch.format(strange)}", which only libc can do`)
  }
  const mdns = sources.find(({ name }) => name.startsWith("mdns"))
  if (mdns !== undefined && !mdns.name.endsWith("_minimal") && facts.hasMdnsAllow === true) {
    return system(`nsswitch.conf has "${mdns.name}" and there is a mdns.allow`)
  }
  return {
    use: "stub",
    because: facts.nsSwitch === undefined
      ? "there is no nsswitch.conf: hosts file, then DNS"
      : `nsswitch.conf has nothing that only libc can do: ${sources.map(NsSwitch.format).join(" ")}`,
    order: orderOf(sources),
    exceptions: exceptionsOf(sources, facts.hostname)
  }
}

// `resolve` is systemd-resolved, which resolv.conf names as a server too.
const asSource: ReadonlyMap<string, "files" | "dns"> = new Map([["files", "files"], ["dns", "dns"], ["resolve", "dns"]])

const isKnown = ({ name }: NsSwitch.Source): boolean =>
  asSource.has(name) || name === "myhostname" || name.startsWith("mdns")

const orderOf = (sources: ReadonlyArray<NsSwitch.Source>): Order => {
  const end = sources.findIndex((source) => source.name === "files" && NsSwitch.endsWhenNotFound(source))
  const used = end === -1 ? sources : sources.slice(0, end + 1)
  return [...new Set(used.flatMap(({ name }) => asSource.get(name) ?? []))]
}

const exceptionsOf = (sources: ReadonlyArray<NsSwitch.Source>, hostname: string | undefined): Choice["exceptions"] => {
  const mdns = sources.filter(({ name }) => name.startsWith("mdns"))
    .map(({ name }) => ({ name: ".local", because: `"${name}" answers it by multicast DNS` }))
  const own = sources.some(({ name }) => name === "myhostname")
    ? [...hostname === undefined ? [] : [hostname.toLowerCase()], "_gateway", "_outbound"].map((name) => ({
      name,
      because: "\"myhostname\" knows it"
    }))
    : []
  return [...mdns.slice(0, 1), ...own]
}

/**
 * Says who answers one name, and why.
 *
 * @category getters
 * @since 0.1.0
 */
export const forName = (self: Choice, name: Host.DomainName): { readonly use: Use; readonly because: string } => {
  const relative = Host.toRelative(name)
  const exception = self.exceptions.find((candidate) =>
    candidate.name.startsWith(".")
      ? relative.endsWith(candidate.name) || `.${relative}` === candidate.name
      : relative === candidate.name
  )
  return exception === undefined
    ? { use: self.use, because: self.because }
    : { use: "system", because: exception.because }
}
