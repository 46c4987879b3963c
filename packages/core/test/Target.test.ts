import { assert, describe, it } from "@effect/vitest"
import { Target } from "@happy-eyeballs/core"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

const lookup: Target.Lookup = {
  serviceNames: (name) => ({ https: 443, submissions: 465 })[name],
  scopeIds: () => new Map([["eth0", 7]])
}

const parse = (input: Target.TargetInput) => Result.getOrThrow(Target.fromInput(input, lookup))

const refusal = (input: unknown): string =>
  Result.match(Target.fromInput(input as Target.TargetInput, lookup), {
    onFailure: (error) => error.message,
    onSuccess: () => "accepted"
  })

const addresses = (target: Target.Target) =>
  target.at._tag === "Addresses"
    ? target.at.addresses.map(({ address, port, scopeId }) => [NetAddress.formatIp(address), port, scopeId])
    : target.at

describe("Target.fromInput", () => {
  it("takes a name with a port", () => {
    const target = parse("Dual.Example:443")
    assert.deepStrictEqual(target.at, { _tag: "Name", name: Host.domainNameFromStringUnsafe("dual.example") })
    assert.deepStrictEqual([target.given, target.host], ["Dual.Example:443", "Dual.Example"])
    assert.deepStrictEqual(target.ports.map(({ number }) => number), [443])
  })

  it("takes a service name as port", () => {
    assert.deepStrictEqual(parse("a.example:https").ports[0]?.number, 443)
    assert.deepStrictEqual(parse({ host: "a.example", port: "submissions" }).ports[0]?.number, 465)
  })

  it("takes a literal address of either family, bracketed and with a zone", () => {
    assert.deepStrictEqual(addresses(parse("192.0.2.1:80")), [["192.0.2.1", undefined, 0]])
    assert.deepStrictEqual(addresses(parse("[2001:db8::1]:80")), [["2001:db8::1", undefined, 0]])
    assert.deepStrictEqual(addresses(parse("[fe80::1%eth0]:80")), [["fe80::1", undefined, 7]])
    assert.deepStrictEqual(addresses(parse({ host: "fe80::1%3", port: 80 })), [["fe80::1", undefined, 3]])
  })

  it("takes what effect/net has parsed", () => {
    assert.deepStrictEqual(parse(Host.hostPortFromStringUnsafe("a.example:80")).given, "a.example:80")
    assert.deepStrictEqual(addresses(parse(NetAddress.inetAddressFromStringUnsafe("192.0.2.1:80"))), [[
      "192.0.2.1",
      80,
      0
    ]])
    assert.deepStrictEqual(parse(NetAddress.unixPathAddress("/run/a.sock")).at, {
      _tag: "UnixPath",
      path: "/run/a.sock"
    })
  })

  it("takes several ports, each once, with TLS and payload", () => {
    const { ports } = parse({
      host: "a.example",
      ports: [443, "80", { port: "submissions", tls: true, payload: "smtps" }, 443, "993/tls"]
    })
    assert.deepStrictEqual(ports, [
      { number: 443, tls: undefined, secure: false, payload: undefined },
      { number: 80, tls: undefined, secure: false, payload: undefined },
      { number: 465, tls: {}, secure: false, payload: "smtps" },
      { number: 993, tls: {}, secure: false, payload: undefined }
    ])
  })

  it("keeps a list of addresses in its order", () => {
    assert.deepStrictEqual(addresses(parse({ addresses: ["192.0.2.2", "2001:db8::1"], port: 80 })), [
      ["192.0.2.2", undefined, 0],
      ["2001:db8::1", undefined, 0]
    ])
    assert.deepStrictEqual(addresses(parse(["192.0.2.2:853", "[2001:db8::1]:53"])), [
      ["192.0.2.2", 853, 0],
      ["2001:db8::1", 53, 0]
    ])
  })

  it("takes a Unix path", () => {
    for (const input of ["unix:/run/a.sock", "unix:///run/a.sock", { path: "/run/a.sock" }] as const) {
      assert.deepStrictEqual(parse(input).at, { _tag: "UnixPath", path: "/run/a.sock" })
    }
  })

  it.each([
    ["", "the target is empty: give a host and a port, such as example.com:443"],
    ["host:99999", "99999 is not a port: give a number from 1 to 65535"],
    ["host:0", "0 is not a port: give a number from 1 to 65535"],
    ["host", "\"host\" has no port: write \"host:443\", or give the ports apart"],
    ["host:", "\"\" is not a port: give a number from 1 to 65535 or the name of a service, such as \"https\""],
    [
      "host:gopherhole",
      "\"gopherhole\" is not a port: give a number from 1 to 65535 or the name of a service, such as \"https\""
    ],
    ["host:443/quic", "\"443/quic\" is not a port: after the slash stands \"tls\" or \"tcp\""],
    [":443", "the host is empty: give a name or an address, such as example.com:443"],
    [
      "2001:db8::1:443",
      "\"2001:db8::1:443\" is not a target: an IPv6 address with a port stands in brackets, such as [2001:db8::1]:443"
    ],
    ["[192.0.2.1]:443", "\"[192.0.2.1]:443\" is not a target: only IPv6 addresses stand in brackets"],
    ["[fe80::1%nowhere]:80", "\"fe80::1%nowhere\" cannot be reached: unknown IPv6 interface: nowhere"],
    [".:443", "the root name has no addresses: give a name such as example.com"],
    ["unix:", "the path of the Unix socket is empty or holds a zero byte"],
    [{ host: "a.example", ports: [] }, "no ports: give at least one, such as 443"],
    [{ host: "a.example" }, "no ports: give port or ports, such as 443"],
    [{ host: "", port: 443 }, "the host is empty: give a name or an address, such as example.com:443"],
    [{ host: "a.example", port: 1.5 }, "1.5 is not a port: give a number from 1 to 65535"],
    [{ host: "a.example", port: NaN }, "NaN is not a port: give a number from 1 to 65535"],
    [{ host: "a.example", port: {} }, "a port is a number, the name of a service, or an object with a port"],
    [{ addresses: [], port: 443 }, "the list of addresses is empty: give at least one"],
    [{ addresses: ["a.example"], port: 443 }, "\"a.example\" is not an IP address"],
    [["192.0.2.1"], "\"192.0.2.1\" is not an address with a port, such as 192.0.2.1:443"],
    [[], "the list of addresses is empty: give at least one"],
    [{}, "a target has a host, a list of addresses or a path"],
    [null, "a target is a string such as example.com:443, or an object"],
    [443, "a target is a string such as example.com:443, or an object"]
  ])("refuses %j and says what to do", (input, message) => {
    assert.strictEqual(refusal(input), message)
  })

  it("refuses a host that is none, with the reason", () => {
    assert.match(refusal("exa mple:443"), /^"exa mple" is not a host: /)
    assert.match(refusal(`${"a".repeat(300)}.example:443`), /is not a host: /)
  })

  it("refuses a zero byte in a path", () => {
    assert.match(refusal({ path: "/run/\0" }), /zero byte/)
  })
})

describe("Target.formatInput", () => {
  it.each([
    ["a.example:443", "a.example:443"],
    [{ host: "a.example", port: 443 }, "a.example:443"],
    [{ host: "2001:db8::1", ports: [443, 80] }, "[2001:db8::1]:443"],
    [{ host: "a.example", ports: [] }, "a.example"],
    [{ path: "/run/a.sock" }, "/run/a.sock"],
    [{ addresses: ["192.0.2.1"], port: { port: 1 } }, "192.0.2.1:1"]
  ])("prints %j", (input, text) => {
    assert.strictEqual(Target.formatInput(input), text)
  })
})

describe("Target.ServiceNames", () => {
  it("knows the services of web, mail and names without a platform", () => {
    const serviceNames = Target.ServiceNames.defaultValue()
    assert.deepStrictEqual(["https", "submissions", "domain-s", "nonsense"].map(serviceNames), [
      443,
      465,
      853,
      undefined
    ])
  })
})
