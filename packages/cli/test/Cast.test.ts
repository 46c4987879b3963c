import { assert, describe, it } from "@effect/vitest"
import * as Cast from "../src/demo/Cast.ts"

const roles = (members: Cast.Cast["second"]) => members?.map(({ address, role }) => `${address} ${role}`)

describe("Cast.without", () => {
  it("plays every role where no address is missing", () => {
    const { first, second } = Cast.without([])
    assert.deepStrictEqual(roles(first), ["::1 silent", "127.0.0.2 late", "127.0.0.3 refusing", "127.0.0.1 good"])
    assert.deepStrictEqual(roles(second), ["::1 silent", "127.0.0.2 late", "127.0.0.3 refusing", "127.0.0.1 refusing"])
  })

  it("lets ::1 be the late one where loopback has one address", () => {
    const { first, second } = Cast.without(["127.0.0.2", "127.0.0.3"])
    assert.deepStrictEqual(roles(first), ["::1 silent", "127.0.0.1 good"])
    assert.deepStrictEqual(roles(second), ["::1 late", "127.0.0.1 refusing"])
  })

  it("goes without IPv6", () => {
    const { first, second } = Cast.without(["::1"])
    assert.deepStrictEqual(roles(first), ["127.0.0.2 late", "127.0.0.3 refusing", "127.0.0.1 good"])
    assert.deepStrictEqual(roles(second), ["127.0.0.2 late", "127.0.0.3 refusing", "127.0.0.1 refusing"])
  })

  it("leaves the second scene out where nothing can be late", () => {
    const { first, second } = Cast.without(Cast.wanted)
    assert.deepStrictEqual(roles(first), ["127.0.0.1 good"])
    assert.isUndefined(second)
  })
})
