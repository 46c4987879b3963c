/**
 * What a machine can do on its network, and what is wrong with it: facts in,
 * findings in plain words out.
 *
 * Nothing here asks anybody; `DoctorProbe` gathers the facts.
 *
 * @since 0.1.0
 */
import type * as BenchResult from "./BenchResult.ts"
import type { Facts, FamilyFacts, Finding, ResolverFacts } from "./DoctorResult.ts"
import * as ReportText from "./ReportText.ts"

/**
 * Concludes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const diagnose = (facts: Facts): ReadonlyArray<Finding> => {
  const findings = [
    ...families(facts),
    ...resolvers(facts),
    ...agreement(facts),
    ...searching(facts),
    ...descriptors(facts),
    ...connecting(facts)
  ]
  return findings.length > 0 ? findings : [good("nothing-wrong", "nothing is wrong")]
}

const good = (id: string, message: string): Finding => ({ severity: "good", id, message, advice: null })

const note = (id: string, message: string, advice: string | null = null): Finding => ({
  severity: "note",
  id,
  message,
  advice
})

const problem = (id: string, message: string, advice: string): Finding => ({ severity: "problem", id, message, advice })

const has = ({ families }: Facts, wanted: FamilyFacts["family"]): boolean =>
  families.some(({ family, known, source }) => family === wanted && (source !== null || !known))

const families = (facts: Facts): ReadonlyArray<Finding> => {
  const [v6, v4] = [has(facts, "IPv6"), has(facts, "IPv4")]
  if (!v6 && !v4) {
    return [problem("offline", "this machine has no route to the internet", "connect it, or add a default route")]
  }
  const nat64 = facts.nat64.length > 0
  return [
    ...v6 ? [] : [note("no-ipv6", "there is no route for IPv6: only IPv4 is used, and no time is lost on IPv6")],
    ...!nat64 ? [] : [note(
      v4 ? "nat64" : "nat64-only",
      `the resolver makes IPv6 addresses for IPv4 hosts (NAT64, ${facts.nat64.join(", ")})` +
        (v4 ? "" : ", and there is no route for IPv4"),
      v4 ? null : "connect by name: an IPv4 address alone cannot be reached from here"
    )],
    ...v4 || nat64 ? [] : [problem(
      "no-ipv4",
      "there is no route for IPv4 and no NAT64: hosts that have IPv4 only cannot be reached",
      "ask the network for NAT64 and DNS64, or for IPv4"
    )]
  ]
}

const answered = ({ answers }: ResolverFacts): boolean => answers.some(({ rcode }) => rcode !== null)

// Slower than this is felt in every connect.
const slowMs = 500

const resolvers = ({ behind, resolvers, serverTimeoutMs }: Facts): ReadonlyArray<Finding> => {
  const ours = resolvers.filter((resolver) => resolver.ours)
  const firstAlive = ours.findIndex(answered)
  return [
    ...ours.length > 0 && firstAlive === -1
      ? [problem("no-resolver", "no name server answers", "name one that does in resolv.conf, or give --dns")]
      : ours.flatMap((resolver, index) =>
        answered(resolver) ? [] : [problem(
          index < firstAlive ? "dead-first-resolver" : "dead-resolver",
          index < firstAlive
            ? `the name server ${resolver.server} does not answer, and is asked before one that does: programs wait ` +
              `${ReportText.formatMs(serverTimeoutMs)} for it at every name`
            : `the name server ${resolver.server} does not answer`,
          "take it out of resolv.conf, or put it last"
        )]
      ),
    ...resolvers.filter((resolver) => !resolver.ours && !answered(resolver)).map(({ server }) =>
      problem("dead-given-resolver", `the given name server ${server} does not answer`, "check its address")
    ),
    ...resolvers.flatMap(({ answers, server }) => {
      const slowest = Math.max(0, ...answers.filter(({ rcode }) => rcode !== null).map(({ elapsedMs }) => elapsedMs))
      return slowest < slowMs ? [] : [note(
        "slow-resolver",
        `the name server ${server} took ${ReportText.formatMs(slowest)}`,
        "a name server nearer by makes every connect faster"
      )]
    }),
    ...behind.length === 0 ? [] : [note("behind-stub", `the resolver on this machine asks ${behind.join(", ")}`)]
  ]
}

const addressesOf = ({ answers }: ResolverFacts): ReadonlyArray<string> => answers.flatMap(({ addresses }) => addresses)

const agreement = ({ name, resolvers }: Facts): ReadonlyArray<Finding> => {
  const alive = resolvers.filter(answered)
  const knowing = alive.filter((resolver) => addressesOf(resolver).length > 0)
  if (knowing.length === 0) {
    return alive.length === 0
      ? []
      : [problem("no-such-name", `no name server knows an address of ${name}`, "check the name")]
  }
  const known = knowing.map(({ server }) => server).join(", ")
  const apart = knowing.every((one, index) =>
    knowing.every((other, at) =>
      at === index || !addressesOf(one).some((address) => addressesOf(other).includes(address))
    )
  )
  return [
    ...alive.filter((resolver) => !knowing.includes(resolver)).map(({ answers, server }) => {
      const said = [...new Set(answers.flatMap(({ rcode }) => rcode ?? []))]
      const denies = said.some((rcode) => rcode === "NXDOMAIN" || rcode === "NOERROR")
      return problem(
        denies ? "resolvers-disagree" : "failing-resolver",
        `the name server ${server} ${denies ? "denies" : "cannot answer for"} ${name} (${said.join(", ")}), and ` +
          `${known} knows it: ${[...new Set(knowing.flatMap(addressesOf))].slice(0, 8).join(", ")}`,
        "resolve through one that you trust, over TLS: --dns tls://…"
      )
    }),
    ...knowing.length < 2 || !apart ? [] : [note(
      "resolvers-differ",
      `${known} have no address of ${name} in common: so it is with names that are served from many places, and with ` +
        "names that are sent elsewhere"
    )]
  ]
}

const searching = ({ candidates, name }: Facts): ReadonlyArray<Finding> => {
  const before = candidates.findIndex((candidate) => candidate.replace(/\.$/, "") === name.replace(/\.$/, ""))
  return before <= 0 ? [] : [note(
    "ndots",
    `a lookup of ${name} asks for ${ReportText.plural(before, "other name", "other names")} first ` +
      `(${candidates.slice(0, before).join(", ")})`,
    `write ${name}. with a final dot, or lower ndots in resolv.conf`
  )]
}

// A race of this library may have so many attempts open.
const fewDescriptors = 512

const descriptors = ({ descriptors }: Facts): ReadonlyArray<Finding> =>
  descriptors === null || descriptors > fewDescriptors ? [] : [note(
    "few-descriptors",
    `this process may open ${descriptors} descriptors, sockets included`,
    "raise the limit: ulimit -n 4096"
  )]

const connecting = ({ connects }: Facts): ReadonlyArray<Finding> => {
  const addresses = connects?.resolvers.flatMap((resolver) => resolver.addresses) ?? []
  const outcome = (wanted: "IPv6" | "IPv4") => {
    const ofFamily = addresses.filter(({ family }) => family === wanted)
    return { tried: ofFamily.length, connected: ofFamily.filter(({ medianMs }) => medianMs !== null).length }
  }
  const [v6, v4] = [outcome("IPv6"), outcome("IPv4")]
  const target = connects === null ? "" : ReportText.target(connects.target)
  const broken = (family: string, other: string) =>
    problem(
      `broken-${family.toLowerCase()}`,
      `${family} is broken: there is a route, and no ${family} address of ${target} can be connected to, while ${other} works`,
      `mend ${family} on this network, or turn it off; until then --family ${other} loses no time`
    )
  if (addresses.length === 0) return []
  if (v6.connected + v4.connected === 0) {
    return [problem("unreachable", `no address of ${target} can be connected to`, "see which of them says what, below")]
  }
  return [
    ...v6.tried > 0 && v6.connected === 0 && !isUnrouted(addresses, "IPv6") ? [broken("IPv6", "IPv4")] : [],
    ...v4.tried > 0 && v4.connected === 0 && !isUnrouted(addresses, "IPv4") ? [broken("IPv4", "IPv6")] : []
  ]
}

// A family without a route is not broken: it is not there.
const isUnrouted = (addresses: ReadonlyArray<BenchResult.AddressTimes>, wanted: "IPv6" | "IPv4"): boolean =>
  addresses.every(({ failures, family }) =>
    family !== wanted || failures.every(({ code }) => code === "ENETUNREACH" || code === "EADDRNOTAVAIL")
  )
