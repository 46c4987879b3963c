import { assert, describe, it } from "@effect/vitest"
import { Answers, type Resolver } from "@happy-eyeballs/core"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"

const owner = Host.domainNameFromStringUnsafe("dual.example")

const answer = (
  type: "A" | "AAAA",
  addresses: ReadonlyArray<string>,
  source: Resolver.AnswerSource = "network"
): Resolver.Answer => ({
  _tag: "Addresses",
  owner,
  type,
  addresses: addresses.map(NetAddress.ipFromStringUnsafe),
  ttl: undefined,
  source
})

const failed = (type: Resolver.AnswerType): Resolver.Answer => ({
  _tag: "Failed",
  owner,
  type,
  error: new Dns.DnsError({ reason: "ServerFailure", method: "resolve", hostname: owner }),
  ttl: undefined,
  source: "network"
})

const of = (...answers: ReadonlyArray<Resolver.Answer>) => answers.reduce(Answers.add, Answers.empty)

const texts = (self: Answers.Answers) => Answers.addresses(self).map(NetAddress.formatIp)

describe("Answers.addresses", () => {
  it("does not depend on which answer came first", () => {
    const six = answer("AAAA", ["2001:db8::1", "2001:db8::2"])
    const four = answer("A", ["192.0.2.1"])
    assert.deepStrictEqual(texts(of(six, four)), texts(of(four, six)))
    assert.deepStrictEqual(texts(of(four, six)), ["2001:db8::1", "2001:db8::2", "192.0.2.1"])
  })

  it("keeps the order of the answer", () => {
    assert.deepStrictEqual(texts(of(answer("A", ["192.0.2.9", "192.0.2.1"]))), ["192.0.2.9", "192.0.2.1"])
  })

  it("gives each address once", () => {
    assert.deepStrictEqual(texts(of(answer("A", ["192.0.2.1", "192.0.2.1"]))), ["192.0.2.1"])
  })

  it("leaves out what cannot be connected to", () => {
    const six = answer("AAAA", ["fe80::1", "::", "ff02::1", "2001:db8::1"])
    const four = answer("A", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.1.1"])
    assert.deepStrictEqual(texts(of(six, four)), ["2001:db8::1", "169.254.1.1"])
  })

  it("replaces an earlier answer of the same owner and type", () => {
    const replaced = of(answer("A", ["192.0.2.1", "192.0.2.2"]), answer("A", ["192.0.2.2", "192.0.2.3"]))
    assert.deepStrictEqual(texts(replaced), ["192.0.2.2", "192.0.2.3"])
  })

  it("keeps answers of other owners beside it", () => {
    const other = { ...answer("A", ["192.0.2.7"]), owner: Host.domainNameFromStringUnsafe("svc.example") }
    assert.deepStrictEqual(texts(of(answer("A", ["192.0.2.1"]), other)), ["192.0.2.1", "192.0.2.7"])
  })
})

describe("Answers.mayBegin", () => {
  const begins = (self: Answers.Answers, options?: {
    readonly prefer?: NetAddress.IpFamily
    readonly types?: ReadonlyArray<Resolver.AnswerType>
    readonly waited?: boolean
  }) => Answers.mayBegin(self, { prefer: "IPv6", types: ["AAAA", "A"], waited: false, ...options })

  it("begins at once with an address of the preferred family", () => {
    assert.isTrue(begins(of(answer("AAAA", ["2001:db8::1"]))))
  })

  it("waits for the preferred family when the other answers first", () => {
    assert.isFalse(begins(of(answer("A", ["192.0.2.1"]))))
  })

  it("begins when the resolution delay has passed", () => {
    assert.isTrue(begins(of(answer("A", ["192.0.2.1"])), { waited: true }))
  })

  it("begins when the preferred family has answered with nothing", () => {
    assert.isTrue(begins(of(answer("A", ["192.0.2.1"]), answer("AAAA", []))))
  })

  it("begins when the preferred family has failed", () => {
    assert.isTrue(begins(of(answer("A", ["192.0.2.1"]), failed("AAAA"))))
  })

  it("begins when no further answer can come", () => {
    assert.isTrue(begins(Answers.end(of(answer("A", ["192.0.2.1"])))))
  })

  it("never begins without an address", () => {
    assert.isFalse(begins(of(failed("AAAA")), { waited: true }))
    assert.isFalse(begins(Answers.end(of(answer("AAAA", ["fe80::1"])))))
  })

  it("does not wait for the other family where it is not preferred", () => {
    assert.isTrue(begins(of(answer("A", ["192.0.2.1"])), { prefer: "IPv4" }))
  })

  it("does not wait for a family that was not asked for", () => {
    assert.isTrue(begins(of(answer("A", ["192.0.2.1"])), { types: ["A"] }))
  })

  it("waits for HTTPS records that were asked for", () => {
    const six = of(answer("AAAA", ["2001:db8::1"]))
    assert.isFalse(begins(six, { types: ["HTTPS", "AAAA", "A"] }))
    assert.isTrue(begins(Answers.add(six, failed("HTTPS")), { types: ["HTTPS", "AAAA", "A"] }))
  })
})

describe("Answers.allCached", () => {
  it("is true where every address came from a cache", () => {
    assert.isTrue(Answers.allCached(of(answer("A", ["192.0.2.1"], "cache"), failed("AAAA"))))
  })

  it("is false where one came from elsewhere, and where there is none", () => {
    assert.isFalse(Answers.allCached(of(answer("A", ["192.0.2.1"], "cache"), answer("AAAA", ["2001:db8::1"]))))
    assert.isFalse(Answers.allCached(of(answer("A", [], "cache"))))
  })
})

describe("Answers.reopen", () => {
  it("takes back that no answer can come, and keeps the answers", () => {
    const reopened = Answers.reopen(Answers.end(of(answer("A", ["192.0.2.1"]))))
    assert.deepStrictEqual([reopened.ended, texts(reopened)], [false, ["192.0.2.1"]])
  })
})
