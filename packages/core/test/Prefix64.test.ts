import { assert, describe, it } from "@effect/vitest"
import { Prefix64 } from "@happy-eyeballs/core"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

const v4 = (text: string) => Result.getOrThrow(NetAddress.ipv4FromString(text))
const v6 = (text: string) => Result.getOrThrow(NetAddress.ipv6FromString(text))
const prefix = (text: string) => Result.getOrThrow(Prefix64.fromString(text))

// RFC 6052, section 2.4: 192.0.2.33 under a prefix of each length.
const vectors: ReadonlyArray<readonly [prefix: string, address: string]> = [
  ["2001:db8::/32", "2001:db8:c000:221::"],
  ["2001:db8:100::/40", "2001:db8:1c0:2:21::"],
  ["2001:db8:122::/48", "2001:db8:122:c000:2:2100::"],
  ["2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"],
  ["2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"],
  ["2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"],
  ["64:ff9b::/96", "64:ff9b::192.0.2.33"]
]

describe("Prefix64.embed and extract", () => {
  it.each(vectors)("gives the vector of RFC 6052 for %s", (network, address) => {
    assert.deepStrictEqual(Prefix64.embed(prefix(network), v4("192.0.2.33")), v6(address))
    assert.deepStrictEqual(Prefix64.extract(prefix(network), v6(address)), v4("192.0.2.33"))
  })

  it.each(vectors)("gives every address back under %s", (network) => {
    for (const text of ["0.0.0.1", "1.2.3.4", "192.0.0.170", "255.254.253.252"]) {
      assert.deepStrictEqual(Prefix64.extract(prefix(network), Prefix64.embed(prefix(network), v4(text))), v4(text))
    }
  })

  it("finds nothing in an address that is not under the prefix", () => {
    assert.isUndefined(Prefix64.extract(Prefix64.wellKnown, v6("2001:db8::c000:221")))
  })

  it("finds nothing where bits 64 to 71 are not zero", () => {
    assert.isUndefined(Prefix64.extract(prefix("2001:db8:122:344::/64"), v6("2001:db8:122:344:1c0:2:2100::")))
  })

  it("reads the address whatever follows it", () => {
    assert.deepStrictEqual(
      Prefix64.extract(prefix("2001:db8::/32"), v6("2001:db8:c000:221:0:1:2:3")),
      v4("192.0.2.33")
    )
  })
})

describe("Prefix64.fromString", () => {
  it.each(["64:ff9b::/95", "2001:db8::/0", "2001:db8::/128", "2001:db8:0:0:100::/96", "192.0.2.0/24", "x"])(
    "refuses %s",
    (text) => assert.isTrue(Result.isFailure(Prefix64.fromString(text)))
  )
})

describe("Prefix64.mayCarry", () => {
  const other = prefix("2001:db8:64::/96")

  it.each(["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.0.1", "169.254.169.254", "255.255.255.255"])(
    "has no prefix carry %s, which is this host's or this link's",
    (text) => {
      assert.isFalse(Prefix64.mayCarry(Prefix64.wellKnown, v4(text)))
      assert.isFalse(Prefix64.mayCarry(other, v4(text)))
    }
  )

  it.each(["10.0.0.1", "172.16.0.1", "192.168.1.1"])(
    "has the prefix of a network carry %s, and the well-known one not",
    (text) => {
      assert.isFalse(Prefix64.mayCarry(Prefix64.wellKnown, v4(text)))
      assert.isTrue(Prefix64.mayCarry(other, v4(text)))
    }
  )

  it.each(["1.1.1.1", "126.255.255.255", "128.0.0.1", "169.253.1.1", "192.0.2.33", "255.255.255.254"])(
    "has every prefix carry %s",
    (text) => {
      assert.isTrue(Prefix64.mayCarry(Prefix64.wellKnown, v4(text)))
      assert.isTrue(Prefix64.mayCarry(other, v4(text)))
    }
  )
})

describe("Prefix64.fromAnswer", () => {
  const found = (...addresses: ReadonlyArray<string>) => Prefix64.fromAnswer(addresses.map(v6)).map(String)

  it.each(vectors)("finds %s by either well-known address", (network) => {
    for (const text of ["192.0.0.170", "192.0.0.171"]) {
      assert.deepStrictEqual(Prefix64.fromAnswer([Prefix64.embed(prefix(network), v4(text))]).map(String), [network])
    }
  })

  it("finds one prefix in the two addresses that a resolver makes with it", () => {
    assert.deepStrictEqual(found("64:ff9b::c000:aa", "64:ff9b::c000:ab"), ["64:ff9b::/96"])
  })

  it("finds every prefix, in the answer's order", () => {
    assert.deepStrictEqual(
      found("2001:db8:64::c000:aa", "64:ff9b::c000:aa", "2001:db8:64::c000:ab", "64:ff9b::c000:ab"),
      ["2001:db8:64::/96", "64:ff9b::/96"]
    )
  })

  it("reads an address that can be read twice where both well-known addresses stand", () => {
    // The prefix of 96 bits itself contains 192.0.0.170 where one of 32 bits would have it.
    assert.deepStrictEqual(found("2001:db8:c000:aa::c000:aa", "2001:db8:c000:aa::c000:ab"), [
      "2001:db8:c000:aa::/96"
    ])
  })

  it("guesses no prefix where one address can be read twice", () => {
    assert.deepStrictEqual(found("2001:db8:c000:aa::c000:aa"), [])
  })

  it.each(["2001:db8::1", "64:ff9b::c000:ac", "2001:db8:0:0:1c0:0:aa00::", "2001:db8:0:0:100:0:c000:aa"])(
    "finds nothing in %s",
    (address) => assert.deepStrictEqual(found(address), [])
  )

  it.each(["::ffff:192.0.0.170", "::192.0.0.170", "fe80::c000:aa", "ff02::c000:aa"])(
    "takes no prefix from %s, which leads to no translator",
    (address) => assert.deepStrictEqual(found(address), [])
  )

  it("looks at the first addresses of a hostile answer, and takes a few prefixes", () => {
    const many = Array.from({ length: 5000 }, (_, index) => `2001:db8:${(index + 1).toString(16)}::c000:aa`)
    assert.lengthOf(found(...many), 8)
  })
})
