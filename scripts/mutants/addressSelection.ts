import type { Mutated } from "./mutant.ts"

export const addressSelection: Mutated = {
  file: "packages/core/src/AddressSelection.ts",
  tests: ["packages/core/test/AddressSelection.test.ts", "packages/core/test/Guards.test.ts"],
  mutants: [
    {
      name: "AddressSelection: IPv4 is not looked at as IPv6",
      find: "NetAddress.isIpv4Address(address) ? NetAddress.toIpv4Mapped(address) : address",
      replace: "NetAddress.isIpv4Address(address) ? NetAddress.ipv6Unspecified : address"
    },
    { name: "AddressSelection: an IPv4 prefix is 96 bits too short", find: "? 96 : 0", replace: "? 0 : 0" },
    {
      name: "AddressSelection: the first prefix decides",
      find: ".toSorted((a, b) => b.length - a.length)",
      replace: ""
    },
    {
      name: "AddressSelection: RFC 6724's IPv4 precedence",
      find: "[\"::ffff:0:0/96\", 35, 4]",
      replace: "[\"::ffff:0:0/96\", 45, 4]"
    },
    {
      name: "AddressSelection: RFC 6724's 6to4 precedence",
      find: "[\"2002::/16\", 30, 2]",
      replace: "[\"2002::/16\", 36, 2]"
    },
    {
      name: "AddressSelection: RFC 6724's unique local precedence",
      find: "[\"fc00::/7\", 3, 13]",
      replace: "[\"fc00::/7\", 36, 13]"
    },
    {
      name: "AddressSelection: the draft's unique local precedence",
      find: "[\"fc00::/7\", 30, 13]",
      replace: "[\"fc00::/7\", 3, 13]"
    },
    {
      name: "AddressSelection: the draft's IPv4 precedence",
      find: "[\"::ffff:0:0/96\", 20, 4]",
      replace: "[\"::ffff:0:0/96\", 35, 4]"
    },
    {
      name: "AddressSelection: the draft's 6to4 precedence",
      find: "[\"2002::/16\", 5, 2]",
      replace: "[\"2002::/16\", 30, 2]"
    },
    {
      name: "AddressSelection: what no prefix covers has a precedence",
      find: "precedence: -Infinity",
      replace: "precedence: 0"
    },
    {
      name: "AddressSelection: what no prefix covers has the label of a policy",
      find: "label: -1",
      replace: "label: 1"
    },
    { name: "AddressSelection: what no prefix covers has no label", find: "label: -1", replace: "label: NaN" },
    { name: "AddressSelection: a prefix covers one bit too few", find: ">= row.length", replace: "> row.length" },
    { name: "AddressSelection: IPv4 loopback is global", find: "high >> 8 === 127 || ", replace: "" },
    { name: "AddressSelection: IPv4 link-local is global", find: " || high === 0xa9fe", replace: "" },
    {
      name: "AddressSelection: a group's scope is not its own",
      find: "if (first >> 8 === 0xff) return first & 0xf",
      replace: ""
    },
    {
      name: "AddressSelection: IPv6 link-local is global",
      find: "if (first >> 6 === 0xfe80 >> 6) return 2",
      replace: ""
    },
    {
      name: "AddressSelection: IPv6 link-local has 16 bits",
      find: "if (first >> 6 === 0xfe80 >> 6) return 2",
      replace: "if (first === 0xfe80) return 2"
    },
    { name: "AddressSelection: site-local is global", find: "if (first >> 6 === 0xfec0 >> 6) return 5", replace: "" },
    {
      name: "AddressSelection: IPv6 loopback is global",
      find: "low === 1 && commonPrefixLength(bits, loopback) === 128 ? 2 : 14",
      replace: "14"
    },
    {
      name: "AddressSelection: every address that ends in 1 is loopback",
      find: "low === 1 && commonPrefixLength(bits, loopback) === 128 ? 2 : 14",
      replace: "low === 1 ? 2 : 14"
    },
    {
      name: "AddressSelection: loopback is compared whole at once",
      find: "low === 1 && commonPrefixLength(bits, loopback) === 128 ? 2 : 14",
      replace: "commonPrefixLength(bits, loopback) === 128 ? 2 : 14",
      survives: "The last segment is a part of the whole address: looking at it first saves cost."
    },
    {
      name: "AddressSelection: a route from a link-local source is one",
      find: "scopeOf(source.address) === 2 ? \"IPv4\" : \"IPv6\"",
      replace: "\"IPv6\""
    },
    {
      name: "AddressSelection: no route for IPv6 prefers it",
      find: "source._tag === \"NoRoute\" ? \"IPv4\" : \"IPv6\"",
      replace: "\"IPv6\""
    },
    {
      name: "AddressSelection: an unknown route is none",
      find: "source._tag === \"NoRoute\" ? \"IPv4\" : \"IPv6\"",
      replace: "\"IPv4\""
    },
    {
      name: "AddressSelection: a list of one is looked at",
      find: "if (destinations.length < 2) return destinations",
      replace: ""
    },
    {
      name: "AddressSelection: one unknown source does not count",
      find: "candidates.every(({ source })",
      replace: "candidates.some(({ source })"
    },
    { name: "AddressSelection: without rule 1", find: "Number(a.unusable) - Number(b.unusable) ||", replace: "" },
    {
      name: "AddressSelection: rule 2 before rule 1",
      find: "Number(a.unusable) - Number(b.unusable) ||",
      replace:
        "(sourcesKnown ? Number(b.scopeMatches) - Number(a.scopeMatches) : 0) || Number(a.unusable) - Number(b.unusable) ||",
      survives:
        "Without a route there is no source, so that no scope matches: rule 2 alone never puts such a destination first."
    },
    {
      name: "AddressSelection: without rule 2",
      find: "(sourcesKnown ? Number(b.scopeMatches) - Number(a.scopeMatches) : 0) ||",
      replace: ""
    },
    {
      name: "AddressSelection: rule 2 with unknown sources",
      find: "(sourcesKnown ? Number(b.scopeMatches) - Number(a.scopeMatches) : 0) ||",
      replace: "Number(b.scopeMatches) - Number(a.scopeMatches) ||"
    },
    {
      name: "AddressSelection: rule 5 before rule 2",
      find: "(sourcesKnown ? Number(b.scopeMatches)",
      replace:
        "(sourcesKnown ? Number(b.labelMatches) - Number(a.labelMatches) : 0) || (sourcesKnown ? Number(b.scopeMatches)"
    },
    {
      name: "AddressSelection: without rule 5",
      find: "(sourcesKnown ? Number(b.labelMatches) - Number(a.labelMatches) : 0) ||",
      replace: ""
    },
    {
      name: "AddressSelection: rule 5 with unknown sources",
      find: "(sourcesKnown ? Number(b.labelMatches) - Number(a.labelMatches) : 0) ||",
      replace: "Number(b.labelMatches) - Number(a.labelMatches) ||"
    },
    {
      name: "AddressSelection: rule 6 before rule 5",
      find: "(sourcesKnown ? Number(b.labelMatches)",
      replace: "b.precedence - a.precedence || (sourcesKnown ? Number(b.labelMatches)"
    },
    { name: "AddressSelection: without rule 6", find: "b.precedence - a.precedence ||", replace: "" },
    {
      name: "AddressSelection: rule 8 before rule 6",
      find: "b.precedence - a.precedence ||",
      replace: "a.scope - b.scope || b.precedence - a.precedence ||"
    },
    { name: "AddressSelection: without rule 8", find: "a.scope - b.scope ||", replace: "" },
    {
      name: "AddressSelection: ranks before rule 8",
      find: "a.scope - b.scope ||",
      replace: "compareRanks(a.ranks, b.ranks) || a.scope - b.scope ||"
    },
    { name: "AddressSelection: without ranks", find: "compareRanks(a.ranks, b.ranks)\n", replace: "0\n" },
    {
      name: "AddressSelection: without rule 9",
      find: "if (to - from > 1) sortTies(candidates, from, to)",
      replace: ""
    },
    {
      name: "AddressSelection: rule 9 sorts one destination",
      find: "if (to - from > 1) sortTies",
      replace: "sortTies",
      survives: "One destination sorts to itself: the short way saves its cost."
    },
    {
      name: "AddressSelection: rule 9 across ties",
      find: "compare(candidates[from]!, candidates[to]!) === 0",
      replace: "true"
    },
    { name: "AddressSelection: the policy table is ignored", find: "options.policy ?? rfc6724", replace: "rfc6724" },
    {
      name: "AddressSelection: IPv4-mapped is IPv6",
      find: "isIpv6: !isIpv4(bits)",
      replace: "isIpv6: NetAddress.isIpv6Address(options.address(destination))"
    },
    {
      name: "AddressSelection: an unknown source is unusable",
      find: "unusable: source._tag === \"NoRoute\"",
      replace: "unusable: source._tag !== \"Known\""
    },
    {
      name: "AddressSelection: the source's prefix length is ignored",
      find: "Math.min(commonPrefixLength(sourceBits, bits), source.prefixLength)",
      replace: "commonPrefixLength(sourceBits, bits)"
    },
    {
      name: "AddressSelection: the first rank alone decides",
      find: "index < a.length",
      replace: "index < 1 && index < a.length"
    },
    {
      name: "AddressSelection: a lower rank does not go before",
      find: "if (a[index]! < b[index]!) return -1",
      replace: ""
    },
    {
      name: "AddressSelection: a higher rank does not go behind",
      find: "if (a[index]! > b[index]!) return 1",
      replace: ""
    },
    { name: "AddressSelection: rule 9 on IPv4", find: ".filter(({ isIpv6 }) => isIpv6)", replace: "" },
    {
      name: "AddressSelection: rule 9 with unknown sources",
      find: "if (ipv6.some(({ source }) => source._tag === \"Unknown\")) return",
      replace: ""
    },
    {
      name: "AddressSelection: rule 9 prefers the shortest prefix",
      find: "b.common - a.common",
      replace: "a.common - b.common"
    },
    {
      name: "AddressSelection: rule 9 moves IPv4",
      find: "if (candidates[place]!.isIpv6) candidates[place]",
      replace: "candidates[place]"
    },
    {
      name: "AddressSelection: every address is IPv4",
      find: "commonPrefixLength(bits, mappedPrefix) >= 96",
      replace: "bits[5] === 0xffff"
    }
  ]
}
