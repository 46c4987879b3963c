import { assert, describe, it } from "@effect/vitest"
import { AddressPolicy, HappyEyeballs } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

const inet = (address: string) => NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe(address), 443)

const publicDenies = (address: string) => AddressPolicy.publicOnly.denies(inet(address))

const rules = (input: AddressPolicy.Rules) => Result.getOrThrow(AddressPolicy.make(input))

describe("AddressPolicy.publicOnly", () => {
  it.each(AddressPolicy.specialPurpose)("denies both ends of %s", (text) => {
    const network = IpNetwork.fromStringUnsafe(text)
    for (const address of [IpNetwork.firstAddress(network), IpNetwork.lastAddress(network)]) {
      const ip = address as NetAddress.IpAddress
      assert.isString(AddressPolicy.publicOnly.denies(NetAddress.inetAddressUnsafe(ip, 443)), NetAddress.formatIp(ip))
    }
  })

  it.each([
    "8.8.4.4",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700::1",
    "2a00::1",
    "::ffff:8.8.4.4",
    "64:ff9b::8.8.4.4"
  ])("allows %s", (address) => {
    assert.isUndefined(publicDenies(address))
  })

  it.each([
    ["::ffff:127.0.0.1", "127.0.0.1 is in 127.0.0.0/8"],
    ["::ffff:169.254.169.254", "169.254.169.254 is in 169.254.0.0/16"],
    ["64:ff9b::10.0.0.1", "10.0.0.1 is in 10.0.0.0/8"],
    ["64:ff9b:1::8.8.4.4", "64:ff9b:1::808:404 is in 64:ff9b:1::/48"],
    ["::127.0.0.1", "::7f00:1 is in ::/96"],
    ["2002:7f00:1::", "2002:7f00:1:: is in 2002::/16"],
    ["2001:0:808:404::1", "2001:0:808:404::1 is in 2001::/23"],
    ["169.254.169.254", "169.254.169.254 is in 169.254.0.0/16"]
  ])("sees through %s", (address, reason) => {
    assert.strictEqual(publicDenies(address), reason)
  })

  it("denies Unix sockets", () => {
    assert.isString(AddressPolicy.publicOnly.denies(NetAddress.unixPathAddress("/run/a.sock")))
  })
})

describe("AddressPolicy.make", () => {
  it("sees an IPv4 address in every form that carries it", () => {
    const { denies } = rules({ deny: ["10.0.0.0/8"] })
    for (
      const address of [
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "::10.1.2.3",
        "64:ff9b::10.1.2.3",
        "2002:a01:203::1",
        // Teredo: server 10.1.2.3, and client 10.1.2.3 with its bits inverted.
        "2001:0:a01:203::1",
        "2001:0:808:404:0:0:f5fe:fdfc"
      ]
    ) assert.isString(denies(inet(address)), address)
    for (const address of ["11.1.2.3", "2002:b01:203::1", "2001:0:808:404:0:0:f4fe:fdfc", "2001:db8::a01:203"]) {
      assert.isUndefined(denies(inet(address)), address)
    }
  })

  it("lets an allowed network stand against a denied one", () => {
    const { denies } = rules({ allow: ["10.9.0.0/16"], deny: ["10.0.0.0/8"] })
    assert.deepStrictEqual([denies(inet("10.9.1.1")), denies(inet("192.0.2.1"))], [undefined, undefined])
    assert.strictEqual(denies(inet("10.8.1.1")), "10.8.1.1 is in 10.0.0.0/8")
  })

  it("denies what is not allowed where only allowed networks are given", () => {
    const { denies } = rules({ allow: ["192.0.2.0/24"] })
    assert.isUndefined(denies(inet("192.0.2.1")))
    assert.strictEqual(denies(inet("2001:db8::1")), "2001:db8::1 is not in an allowed network")
  })

  it("takes the word for everything else from the rules", () => {
    assert.isString(rules({ deny: ["10.0.0.0/8"], otherwise: "deny" }).denies(inet("192.0.2.1")))
    assert.isUndefined(rules({ unixPaths: true }).denies(NetAddress.unixPathAddress("/run/a.sock")))
  })

  it("refuses a network that is none, and names it", () => {
    assert.strictEqual(
      Result.match(AddressPolicy.make({ deny: ["10.0.0.0/99"] }), {
        onFailure: ({ message, option }) => `${option} | ${message.slice(0, 56)}`,
        onSuccess: () => "accepted"
      }),
      "deny | deny: \"10.0.0.0/99\" is not a network, such as 10.0.0.0/8"
    )
    assert.isTrue(Exit.isFailure(VirtualTime.run(Effect.provide(Effect.void, AddressPolicy.layer({ allow: ["x"] })))))
  })
})

describe("AddressPolicy.make and what is no rule", () => {
  it.each<readonly [unknown, string]>([
    [null, "rules: give an object (got null)"],
    [{ deny: null }, "deny: give a list of networks"],
    [{ deny: "10.0.0.0/8" }, "deny: give a list of networks"],
    [{ allow: [Object.create(null)] }, "allow: \"an object without a text\" is not a network"],
    [{ onDenied: "rejekt" }, "onDenied: give one of skip, reject (got \"rejekt\")"],
    [{ otherwise: true }, "otherwise: give one of allow, deny (got true)"],
    [{ unixPaths: "no" }, "unixPaths: give one of true, false (got \"no\")"]
  ])("refuses %o and says what to give", (rules, message) => {
    const made = AddressPolicy.make(rules as AddressPolicy.Rules)
    assert.include(Result.isFailure(made) ? made.failure.message : "accepted", message)
  })
})

describe("HappyEyeballs with a policy", () => {
  const world: World.World = {
    names: {
      "mixed.example": [
        { type: "AAAA", afterMs: 0, addresses: ["::ffff:127.0.0.1", "2a00::1"] },
        { type: "A", afterMs: 100, addresses: ["10.0.0.1"] }
      ]
    },
    network: { "2a00::1": { outcome: "accept", afterMs: 300 }, "10.0.0.1": { outcome: "accept", afterMs: 1 } }
  }

  const run = (policy: Layer.Layer<AddressPolicy.AddressPolicy, unknown>, network = world) =>
    VirtualTime.runUnsafe(
      Effect.gen(function*() {
        const { connect } = yield* HappyEyeballs.HappyEyeballs
        const { assertNothingOpen, timeline } = yield* SimulatedNetwork.SimulatedNetwork
        const exit = yield* Effect.exit(Effect.scoped(Effect.map(connect("mixed.example:443"), ({ report }) => report)))
        yield* assertNothingOpen
        const dialled = (yield* timeline).filter(({ event }) => event === "open").map(({ address }) => address)
        return { exit, dialled }
      }).pipe(Effect.provide(
        HappyEyeballs.HappyEyeballs.layer.pipe(
          Layer.provide(policy),
          Layer.provideMerge(SimulatedNetwork.layer(network))
        )
      ))
    )

  it("dials no denied address, tells it, and races the rest", () => {
    const { dialled, exit } = run(AddressPolicy.layerPublicOnly)
    assert.deepStrictEqual(dialled, ["2a00::1"])
    assert.isTrue(Exit.isSuccess(exit))
    if (Exit.isFailure(exit)) return
    assert.deepStrictEqual(
      exit.value.attempts.map(({ address, endedAtMs, kind, startedAtMs }) => [address, startedAtMs, endedAtMs, kind]),
      [["2a00::1", 0, 300, null], ["10.0.0.1", 250, 250, "Denied"], ["::ffff:127.0.0.1", 250, 250, "Denied"]]
    )
  })

  it("ends the connect at the first denied address where that is wanted", () => {
    const { dialled, exit } = run(AddressPolicy.layer({ deny: ["127.0.0.0/8"], onDenied: "reject" }))
    assert.deepStrictEqual(dialled, [])
    assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "127.0.0.1 is in 127.0.0.0/8")
  })

  it("closes what is being dialled when a later answer is denied", () => {
    const { dialled, exit } = run(AddressPolicy.layer({ deny: ["10.0.0.0/8"], onDenied: "reject" }))
    assert.deepStrictEqual(dialled, ["2a00::1"])
    assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "10.0.0.1 is in 10.0.0.0/8")
  })

  it("rejects a connection that was won before anybody looked at a denied answer", () => {
    // The answer comes 100 ms after the only start, and the win before the next.
    const early: World.World = { ...world, network: { "2a00::1": { outcome: "accept", afterMs: 150 } } }
    const policy = AddressPolicy.layer({ deny: ["10.0.0.0/8"], onDenied: "reject" })
    const { dialled, exit } = run(policy, early)
    assert.deepStrictEqual(dialled, ["2a00::1"])
    assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "10.0.0.1 is in 10.0.0.0/8")
  })

  it("does not wait for an answer that is denied after the win", () => {
    const policy = AddressPolicy.layer({ deny: ["10.0.0.0/8"], onDenied: "reject" })
    const { exit } = run(policy, { ...world, network: { "2a00::1": { outcome: "accept", afterMs: 50 } } })
    assert.isTrue(Exit.isSuccess(exit))
  })
})
