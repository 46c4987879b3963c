import type { Mutated } from "./mutant.ts"

export const answers: Mutated = {
  file: "packages/core/src/Answers.ts",
  tests: ["packages/core/test/Answers.test.ts", "packages/core/test/Guards.test.ts"],
  mutants: [
    { name: "Answers: one owner replaces another", find: "owner === answer.owner && ", replace: "" },
    { name: "Answers: one type replaces another", find: " && type === answer.type", replace: "" },
    { name: "Answers: nothing is replaced", find: "index === -1 ?", replace: "true ?" },
    { name: "Answers: the end is not recorded", find: "({ ...self, ended: true })", replace: "self" },
    { name: "Answers: asking anew is not recorded", find: "({ ...self, ended: false })", replace: "self" },
    {
      name: "Answers: link-local IPv6 is usable",
      find: "!(NetAddress.isIpv6Address(address) && NetAddress.isLinkLocal(address)) &&",
      replace: ""
    },
    { name: "Answers: link-local IPv4 is unusable", find: "NetAddress.isIpv6Address(address) && ", replace: "" },
    { name: "Answers: the unspecified address is usable", find: "!NetAddress.isUnspecified(address) &&", replace: "" },
    { name: "Answers: groups are usable", find: "!NetAddress.isMulticast(address) &&", replace: "" },
    {
      name: "Answers: the broadcast address is usable",
      find: "NetAddress.isIpv4Address(address) && NetAddress.isBroadcast(address)",
      replace: "false"
    },
    { name: "Answers: IPv4 comes first", find: "[\"AAAA\", \"A\"] as const", replace: "[\"A\", \"AAAA\"] as const" },
    {
      name: "Answers: a failed answer has addresses",
      find: "answer._tag !== \"Addresses\" || answer.type !== type",
      replace: "answer.type !== type"
    },
    {
      name: "Answers: addresses come in order of arrival",
      find: " || answer.type !== type) continue",
      replace: ") continue"
    },
    {
      name: "Answers: an address comes twice",
      find: "[...MutableHashSet.fromIterable(given)]",
      replace: "given"
    },
    {
      name: "Answers: one address is looked for twice",
      find: "given.length < 2 ? given : ",
      replace: "",
      survives: "One address comes once: the short way saves its cost."
    },
    { name: "Answers: unusable addresses are given", find: "if (isUsable(address)) given", replace: "given" },
    { name: "Answers: begins without an address", find: "if (!hasUsable(self)) return false", replace: "" },
    { name: "Answers: waits after the last answer", find: "self.ended || options.waited", replace: "options.waited" },
    { name: "Answers: waits after the resolution delay", find: "self.ended || options.waited", replace: "self.ended" },
    {
      name: "Answers: prefers IPv6 always",
      find: "options.prefer === \"IPv6\" ? \"AAAA\" : \"A\"",
      replace: "\"AAAA\""
    },
    { name: "Answers: waits for both families", find: "type === preferred || type === \"HTTPS\"", replace: "true" },
    { name: "Answers: does not wait for HTTPS records", find: " || type === \"HTTPS\"", replace: "" },
    {
      name: "Answers: does not wait for the preferred family",
      find: "type === preferred || type === \"HTTPS\"",
      replace: "type === \"HTTPS\""
    },
    {
      name: "Answers: any answer ends the wait",
      find: "self.answers.some((answer) => answer.type === type)",
      replace: "self.answers.length > 0"
    },
    {
      name: "Answers: a failed answer is an address",
      find: "answer._tag === \"Addresses\" && answer.addresses.some(isUsable)",
      replace: "answer.addresses.some(isUsable)"
    },
    {
      name: "Answers: an unusable address is one",
      find: "answer.addresses.some(isUsable)",
      replace: "answer.addresses.length > 0"
    },
    {
      name: "Answers: an empty answer counts for where addresses are from",
      find: " && answer.addresses.length > 0)",
      replace: ")"
    },
    { name: "Answers: no address is all from a cache", find: "positive.length > 0 && ", replace: "" },
    { name: "Answers: one address from a cache is all", find: "positive.every(", replace: "positive.some(" }
  ]
}
