import { assert, describe, it } from "@effect/vitest"
import { Order } from "@happy-eyeballs/core"
import * as Schema from "effect/Schema"

const familyOf = (address: string) => address.startsWith("6") ? "IPv6" as const : "IPv4" as const

const interleave = (addresses: ReadonlyArray<string>, firstAddressFamilyCount = 1) =>
  Order.interleave(addresses, { familyOf, firstAddressFamilyCount })

describe("Order.interleave", () => {
  it("lets the families take turns", () => {
    assert.deepStrictEqual(interleave(["6a", "6b", "6c", "4a", "4b"]), ["6a", "4a", "6b", "4b", "6c"])
  })

  it("begins with the family of the first address", () => {
    assert.deepStrictEqual(interleave(["4a", "6a", "6b", "4b"]), ["4a", "6a", "4b", "6b"])
  })

  it("puts the First Address Family Count of the first family in front", () => {
    assert.deepStrictEqual(interleave(["6a", "6b", "6c", "4a", "4b"], 2), ["6a", "6b", "4a", "6c", "4b"])
  })

  it("uses what there is where the count is larger than the family", () => {
    assert.deepStrictEqual(interleave(["6a", "4a", "4b"], 3), ["6a", "4a", "4b"])
  })

  it("appends what is left of the longer family", () => {
    assert.deepStrictEqual(interleave(["6a", "4a", "4b", "4c"]), ["6a", "4a", "4b", "4c"])
  })

  it("leaves one family alone, and nothing as nothing", () => {
    assert.deepStrictEqual(interleave(["6b", "6a"]), ["6b", "6a"])
    assert.deepStrictEqual(interleave([]), [])
  })

  it.prop(
    "keeps every address once, and each family in its own order",
    [Schema.Array(Schema.Literals(["6a", "6b", "6c", "4a", "4b", "4c"])), Schema.Literals([1, 2, 3])],
    ([drawn, count]) => {
      const addresses = [...new Set(drawn)]
      const out = interleave(addresses, count)
      const of = (list: ReadonlyArray<string>, family: string) => list.filter((address) => familyOf(address) === family)
      assert.strictEqual(out.length, addresses.length)
      for (const family of ["IPv4", "IPv6"]) assert.deepStrictEqual(of(out, family), of(addresses, family))
    }
  )
})

describe("Order.withPorts", () => {
  const combine = (address: string, port: number) => `${address}:${port}`

  it("tries every address on the first port before any on the second", () => {
    assert.deepStrictEqual(
      Order.withPorts(["6a", "4a"], [443, 80], "portMajor", combine),
      ["6a:443", "4a:443", "6a:80", "4a:80"]
    )
  })

  it("tries every port of an address before the next address in the article's order", () => {
    assert.deepStrictEqual(
      Order.withPorts(["6a", "4a"], [443, 80], "addressMajor", combine),
      ["6a:443", "6a:80", "4a:443", "4a:80"]
    )
  })

  it("orders as portMajor where the first port is preferred", () => {
    assert.deepStrictEqual(
      Order.withPorts(["6a", "4a"], [443, 80], "preferFirst", combine),
      Order.withPorts(["6a", "4a"], [443, 80], "portMajor", combine)
    )
  })
})
