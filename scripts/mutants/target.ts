import type { Mutated } from "./mutant.ts"

export const target: Mutated = {
  file: "packages/core/src/Target.ts",
  tests: [
    "packages/core/test/Target.test.ts",
    "packages/core/test/Guards.test.ts",
    "packages/core/test/Hostile.test.ts"
  ],
  mutants: [
    {
      name: "Target: anything may stand after the slash",
      find: "protocol !== undefined && protocol !== \"tls\" && protocol !== \"tcp\"",
      replace: "false"
    },
    { name: "Target: tcp may not stand after the slash", find: " && protocol !== \"tcp\"", replace: "" },
    { name: "Target: tcp is TLS", find: "protocol === \"tls\" ? {} : false", replace: "{}" },
    { name: "Target: a port is the name of a service", find: "/^\\d+$/.test(text) ? Number(text) : ", replace: "" },
    { name: "Target: an unknown service is a port", find: "if (number === undefined) {", replace: "if (false) {" },
    {
      name: "Target: a port need not be whole",
      find: "Number.isInteger(number) && number >= 1",
      replace: "number >= 1"
    },
    { name: "Target: 0 is a port", find: "number >= 1 && number", replace: "number >= 0 && number" },
    { name: "Target: 65536 is a port", find: "number <= 65535", replace: "number <= 65536" },
    {
      name: "Target: a port may be anything",
      find: "!Predicate.isObject(input) || !Predicate.hasProperty(input, \"port\")",
      replace: "false"
    },
    {
      name: "Target: the object's TLS is ignored",
      find: "tls === undefined ? port.tls : tls === true ? {} : tls",
      replace: "port.tls"
    },
    {
      name: "Target: the text's TLS is ignored in an object",
      find: "tls === undefined ? port.tls :",
      replace: ""
    },
    {
      name: "Target: the TLS of a port may be anything",
      find: "tls !== undefined && typeof tls !== \"boolean\" && !Predicate.isObject(tls)",
      replace: "false",
      tests: ["packages/core/test/Hostile.test.ts"]
    },
    { name: "Target: upgrading is lost", find: "secure: input.secure ?? false", replace: "secure: false" },
    { name: "Target: there may be no ports", find: " || inputs.length === 0", replace: "" },
    { name: "Target: ports may be no list", find: "!Array.isArray(inputs) || ", replace: "" },
    {
      name: "Target: a bad port is left out",
      find: "if (Result.isFailure(port)) return Result.fail(port.failure)",
      replace: "if (Result.isFailure(port)) continue"
    },
    { name: "Target: a port comes twice", find: "if (same === undefined) ports", replace: "if (true) ports" },
    {
      name: "Target: a port speaks TLS and does not",
      find:
        "(same.tls === false || same.tls === undefined) !== (port.success.tls === false || port.success.tls === undefined)",
      replace: "false"
    },
    {
      name: "Target: a zone is not read",
      find: "if (typeof input === \"string\" && input.includes(\"%\")) return scopedFrom(input, lookup)",
      replace: ""
    },
    { name: "Target: an unknown zone is none", find: "lookup.scopeIds())", replace: "new Map())" },
    {
      name: "Target: the host may be empty",
      find: "if (text === \"\") return invalid",
      replace: "if (false) return invalid"
    },
    {
      name: "Target: a bad host is a name",
      find: "if (Result.isFailure(parsed)) return invalid(`\"${text}\" is not a host",
      replace: "if (false) return invalid(`\"${text}\" is not a host"
    },
    { name: "Target: a literal is a name", find: "NetAddress.isIpAddress(parsed.success) || ", replace: "" },
    {
      name: "Target: a scoped literal is a name",
      find: " || NetAddress.isScopedIpv6Literal(parsed.success)",
      replace: ""
    },
    { name: "Target: the root is a name", find: "parsed.success === \".\"\n", replace: "false\n" },
    { name: "Target: a path is a host", find: "if (input.startsWith(\"unix:\"))", replace: "if (false)" },
    { name: "Target: a path keeps its slashes", find: "input.startsWith(\"unix://\") ? 7 : 5", replace: "5" },
    { name: "Target: a URL is a host", find: "if (input.includes(\"://\")) {", replace: "if (false) {" },
    { name: "Target: a path may be anything", find: "typeof path !== \"string\" || ", replace: "" },
    {
      name: "Target: brackets may hold anything",
      find: "if (!host.includes(\":\")) return invalid",
      replace: "if (false) return invalid"
    },
    { name: "Target: there may be no port", find: "if (colon === -1) {", replace: "if (false) {" },
    {
      name: "Target: an address with a port needs no brackets",
      find: "return host.includes(\":\")\n",
      replace: "return false\n"
    },
    { name: "Target: a path may be empty", find: "path === \"\" || ", replace: "" },
    { name: "Target: a path may hold a zero byte", find: " || path.includes(\"\\0\")", replace: "" },
    {
      name: "Target: an address in a list needs no port",
      find: "Result.isFailure(inet) || inet.success.port === 0",
      replace: "Result.isFailure(inet)"
    },
    {
      name: "Target: a bad address in a list is left out",
      find: "if (Result.isFailure(address)) return Result.fail(address.failure)",
      replace: "if (Result.isFailure(address)) continue"
    },
    { name: "Target: a list of addresses may be empty", find: "addresses.length === 0\n", replace: "false\n" },
    {
      name: "Target: a target may be anything",
      find: "if (!Predicate.isObject(input)) return invalid(\"a target",
      replace: "if (false) return invalid(\"a target"
    },
    {
      name: "Target: bad ports of addresses are ignored",
      find: "if (Result.isFailure(ports)) return Result.fail(ports.failure)\n  if (!Array",
      replace: "if (Result.isFailure(ports)) ports = Result.succeed([])\n  if (!Array"
    },
    {
      name: "Target: addresses may be no list",
      find: "if (!Array.isArray(inputs)) return invalid(\"addresses",
      replace: "if (false) return invalid(\"addresses"
    }
  ]
}
