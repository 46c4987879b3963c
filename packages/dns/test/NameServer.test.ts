import { assert, describe, it } from "@effect/vitest"
import { Authentication, NameServer } from "@happy-eyeballs/dns"
import * as Result from "effect/Result"

const pin = "INSZEZpDoWKiavosV2/xVT8O83vk/RRwS+LTiL+IpHs="
const parse = (input: string) => Result.getOrThrow(NameServer.fromString(input, { scopeIds: new Map([["eth0", 2]]) }))
const printed = (input: string) => NameServer.format(parse(input))
const problem = (input: string) =>
  Result.match(NameServer.fromString(input), { onFailure: ({ message }) => message, onSuccess: () => "none" })
const authentication = (input: string) => {
  const server = parse(input)
  if (!("authentication" in server)) throw new Error("not encrypted")
  return server.authentication
}

describe("NameServer.fromString", () => {
  it.each([
    ["192.0.2.53", "udp://192.0.2.53:53"],
    ["192.0.2.53:5353", "udp://192.0.2.53:5353"],
    ["2001:db8::53", "udp://[2001:db8::53]:53"],
    ["[2001:db8::53]:5353", "udp://[2001:db8::53]:5353"],
    ["[2001:db8::53]", "udp://[2001:db8::53]:53"],
    ["fe80::1%eth0", "udp://[fe80::1%2]:53"],
    ["udp://192.0.2.53", "udp://192.0.2.53:53"],
    ["UDP://192.0.2.53", "udp://192.0.2.53:53"],
    ["tcp://192.0.2.53:54", "tcp://192.0.2.53:54"],
    ["udp://[fe80::1%eth0]:53", "udp://[fe80::1%2]:53"],
    ["udp://[fe80::1%7]", "udp://[fe80::1%7]:53"],
    ["tls://192.0.2.53", "tls://192.0.2.53:853"],
    [`tls://[2001:db8::53]:8853?pin=sha256/${pin}&name=dns.example`, "tls://[2001:db8::53]:8853"],
    ["https://192.0.2.53/dns-query", "https://192.0.2.53:443/dns-query"],
    ["https://[2001:db8::53]:8443/", "https://[2001:db8::53]:8443/"],
    ["https://dns.example/dns-query?bootstrap=192.0.2.53&bootstrap=2001:db8::53", "https://dns.example:443/dns-query"],
    ["udp:192.0.2.53", "udp://192.0.2.53:53"],
    ["tcp:[2001:db8::53]:54", "tcp://[2001:db8::53]:54"],
    ["tls:2001:db8::53", "tls://[2001:db8::53]:853"],
    [`tls:192.0.2.53:8853!dns.example!key-fp:SHA256:${pin}`, "tls://192.0.2.53:8853"]
  ])("reads %s and prints %s", (input, output) => {
    assert.strictEqual(printed(input), output)
  })

  it("checks the system's CAs and the address where nothing is said", () => {
    assert.deepStrictEqual(authentication("tls://192.0.2.53"), Authentication.system)
    assert.deepStrictEqual(authentication("tls:192.0.2.53"), Authentication.system)
  })

  it("reads pins with their plus signs, several of them, beside a name and a file of CAs", () => {
    const found = authentication(
      `tls://192.0.2.53?pin=sha256/${pin}&pin=sha256/${encodeURIComponent(pin)}&name=dns.example&ca=/etc/ca%20s.pem`
    )
    assert.deepStrictEqual(found.keys.map(Authentication.formatFingerprint), [`sha256/${pin}`, `sha256/${pin}`])
    assert.strictEqual(found.name, "dns.example")
    assert.deepStrictEqual(found.anchors, { _tag: "File", path: "/etc/ca s.pem" })
  })

  it("reads the article's authenticators", () => {
    const keys = (input: string) => authentication(input).keys.map(Authentication.formatFingerprint)
    assert.deepStrictEqual(keys(`tls:192.0.2.53!key-fp:SHA256:${pin}`), [`sha256/${pin}`])
    assert.deepStrictEqual(keys(`tls:192.0.2.53!key-fp:${pin.replace("=", "")}`), [`sha256/${pin}`])
    assert.deepStrictEqual(
      authentication(`tls:192.0.2.53!cert-fp:sha256:${pin}`).certificates.map(Authentication.formatFingerprint),
      [`sha256/${pin}`]
    )
    assert.deepStrictEqual(authentication("tls:192.0.2.53!trust-anchor:AQI=:Aw==").anchors, {
      _tag: "Certificates",
      der: [Uint8Array.of(1, 2), Uint8Array.of(3)]
    })
    assert.isTrue(authentication("tls:192.0.2.53!none").none)
    assert.isTrue(authentication("tls://192.0.2.53?auth=none").none)
    assert.strictEqual(authentication("tls:192.0.2.53!dns.example").name, "dns.example")
    assert.deepStrictEqual(authentication(`tls:192.0.2.53!dns.example!key-fp:${pin}`).name, "dns.example")
  })

  it("wants the host's name in the certificate of an https server, or its address", () => {
    assert.strictEqual(authentication("https://dns.example/q?bootstrap=192.0.2.53").name, "dns.example")
    assert.isUndefined(authentication("https://192.0.2.53/q").name)
  })

  it.each([
    ["https://dns.example/q?bootstrap=192.0.2.53", "dns.example"],
    ["https://DNS.Example:8443/q?bootstrap=192.0.2.53", "dns.example:8443"],
    ["https://b\u00fccher.example/q?bootstrap=192.0.2.53", "xn--bcher-kva.example"],
    ["https://192.0.2.53:443/q", "192.0.2.53"],
    ["https://[2001:db8::53]:8443/q", "[2001:db8::53]:8443"],
    ["https://[fe80::1%2]/q", "[fe80::1]"]
  ])("names the host of %s to its server as %s", (input, expected) => {
    const server = parse(input)
    assert.strictEqual(server.protocol === "https" ? NameServer.authority(server) : "", expected)
  })

  it("is strict unless opportunistic is asked for by name", () => {
    const profile = (input: string) => {
      const server = parse(input)
      return "profile" in server ? server.profile : "none"
    }
    assert.strictEqual(profile("tls://192.0.2.53"), "strict")
    assert.strictEqual(profile(`tls:192.0.2.53!key-fp:${pin}`), "strict")
    assert.strictEqual(profile("tls://192.0.2.53?profile=opportunistic"), "opportunistic")
  })

  it.each([
    ["", "the address is missing"],
    ["dns.example", "\"dns.example\" is a name, and a name server is given by its IP address"],
    ["tls://dns.example", "\"dns.example\" is a name, and a name server is given by its IP address"],
    ["192.0.2.53:0", "IPv6 stands in brackets"],
    ["192.0.2.53:70000", "IPv6 stands in brackets"],
    ["tls://2001:db8::53", "IPv6 stands in brackets"],
    ["192.0.2.300", "is not an IP address"],
    ["udp://[192.0.2.53]:53", "IPv6 stands in brackets"],
    ["fe80::1%eth7", "is not an IP address (unknown IPv6 interface: eth7)"],
    ["quic://192.0.2.53", "\"quic\" is not one of udp, tcp, tls and https"],
    ["udp://192.0.2.53/path", "after the port nothing stands but parameters"],
    ["https://192.0.2.53", "it needs a host and a path"],
    ["https://192.0.2.53/q\u00fc", "\"/q\u00fc\" is not a path"],
    ["https://192.0.2.53/a b", "\"/a b\" is not a path"],
    ["https://192.0.2.53/a#b", "\"/a#b\" is not a path"],
    ["https://dns.example/q", "say where it is with bootstrap=IP"],
    ["https://dns.example/q?bootstrap=dns.example", "bootstrap=dns.example is not an IP address"],
    [`udp://192.0.2.53?pin=sha256/${pin}`, "pin= needs tls:// or https://"],
    ["tls://192.0.2.53?pins=x", "\"pins\" is not a parameter: there are name=, pin=, ca=, auth=, profile=, bootstrap="],
    ["tls://192.0.2.53?name=a.b&name=c.d", "name= is given twice"],
    ["tls://192.0.2.53?pin=", "pin= has no value that can be read"],
    ["tls://192.0.2.53?pin=%zz", "pin= has no value that can be read"],
    ["tls://192.0.2.53?pin=INSZ", "\"INSZ\" is not a pin: write sha256/ and the base64 of the key's digest"],
    ["tls://192.0.2.53?pin=md5/INSZ", "\"md5\" is no hash for a pin"],
    ["tls://192.0.2.53?pin=sha256/INSZ", "the pin \"INSZ\" is 3 bytes long, and a sha256 digest has 32"],
    [`tls://192.0.2.53?pin=sha256/${"ab".repeat(32)}`, "it looks like hex, and base64 is wanted"],
    ["tls://192.0.2.53?pin=sha256/a_b-", "\"a_b-\" is not base64"],
    ["tls://192.0.2.53?auth=maybe", "auth=maybe is unknown"],
    ["tls://192.0.2.53?profile=lax", "profile=lax is unknown"],
    [`tls://192.0.2.53?auth=none&pin=sha256/${pin}`, "auth=none checks nothing"],
    ["tls://192.0.2.53?name=-", "name=- is not a host name"],
    ["tls:192.0.2.53!key-fp:SHA256", "bytes long"],
    ["tls:192.0.2.53!key-fp:SHA256:INSZ", "3 bytes long"],
    ["tls:192.0.2.53!sha256:x", "is no authenticator"],
    ["tls:192.0.2.53!none!none", "too many parts"],
    ["udp:192.0.2.53!none", "over udp nothing can be proved"]
  ])("says what is wrong with \"%s\"", (input, expected) => {
    const message = problem(input)
    assert.include(message, expected)
    assert.isTrue(message.startsWith(`"${input}" is not a name server: `), message)
    assert.notInclude(message, "\n")
  })
})

describe("Authentication.sessionKey", () => {
  it("differs wherever another proof is asked for", () => {
    const keys = [
      "tls://192.0.2.53",
      "tls://192.0.2.53?auth=none",
      "tls://192.0.2.53?name=a.example",
      `tls://192.0.2.53?pin=sha256/${pin}`,
      `tls://192.0.2.53?pin=sha256/${pin}&name=a.example`,
      `tls:192.0.2.53!cert-fp:${pin}`,
      "tls://192.0.2.53?ca=/a",
      "tls:192.0.2.53!trust-anchor:AQI="
    ].map((input) => Authentication.sessionKey(authentication(input)))
    assert.strictEqual(new Set(keys).size, keys.length)
  })
})
