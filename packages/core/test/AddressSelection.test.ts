import { assert, describe, it } from "@effect/vitest"
import { AddressSelection, SourceAddress } from "@happy-eyeballs/core"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"

/** A destination with its source: an address with or without a prefix length, `null` for no route, absent for unknown. */
interface Destination {
  readonly to: string
  readonly from?: string | null
}

const sourceOf = ({ from }: Destination): SourceAddress.Source => {
  if (from === undefined) return SourceAddress.unknown
  if (from === null) return SourceAddress.noRoute
  const [address = "", length] = from.split("/")
  return SourceAddress.known(
    NetAddress.ipFromStringUnsafe(address),
    length === undefined ? undefined : Number(length)
  )
}

const addressOf = ({ to }: Destination) => NetAddress.ipFromStringUnsafe(to)

type Settings = Partial<AddressSelection.Options<Destination>>

const sort = <D extends Destination>(destinations: ReadonlyArray<D>, settings?: Settings): ReadonlyArray<D> =>
  AddressSelection.sort(destinations, { address: addressOf, source: sourceOf, ...settings })

/** Asserts that the destinations come out in the order given, from that order and from the reverse. */
const prefers = (ordered: ReadonlyArray<Destination>, settings?: Settings): void => {
  assert.deepStrictEqual(sort(ordered, settings), ordered)
  assert.deepStrictEqual(sort(ordered.toReversed(), settings), ordered)
}

/** Asserts that the destinations come out as they came in, from both orders. */
const ties = (destinations: ReadonlyArray<Destination>, settings?: Settings): void => {
  assert.deepStrictEqual(sort(destinations, settings), destinations)
  assert.deepStrictEqual(sort(destinations.toReversed(), settings), destinations.toReversed())
}

const table = (...rows: ReadonlyArray<readonly [string, number, number]>): AddressSelection.PolicyTable =>
  AddressSelection.policyTable(
    rows.map(([prefix, precedence, label]) => ({ prefix: IpNetwork.fromStringUnsafe(prefix), precedence, label }))
  )

describe("AddressSelection.sort, the examples of RFC 6724 §10.2", () => {
  const examples: ReadonlyArray<
    { readonly name: string; readonly ordered: readonly [Destination, Destination]; readonly settings?: Settings }
  > = [
    {
      name: "example 1: prefers matching scope, IPv6 over IPv4 from a link-local source",
      ordered: [
        { to: "2001:db8:1::1", from: "2001:db8:1::2" },
        { to: "198.51.100.121", from: "169.254.13.78" }
      ]
    },
    {
      name: "example 2: prefers matching scope, IPv4 over IPv6 from a link-local source",
      ordered: [
        { to: "198.51.100.121", from: "198.51.100.117" },
        { to: "2001:db8:1::1", from: "fe80::1" }
      ]
    },
    {
      name: "example 3: prefers higher precedence, IPv6 over IPv4",
      ordered: [
        { to: "2001:db8:1::1", from: "2001:db8:1::2" },
        { to: "10.1.2.3", from: "10.1.2.4" }
      ]
    },
    {
      name: "example 4: prefers smaller scope",
      ordered: [
        { to: "fe80::1", from: "fe80::2" },
        { to: "2001:db8:1::1", from: "2001:db8:1::2" }
      ]
    },
    {
      name: "example 5: without knowing which source is a home address, rule 8 decides instead of rule 4",
      ordered: [
        { to: "fe80::1", from: "fe80::2" },
        { to: "2001:db8:1::1", from: "2001:db8:3::1" }
      ]
    },
    {
      name: "example 6: without knowing which source is deprecated, rule 8 decides instead of rule 3",
      ordered: [
        { to: "fe80::1", from: "fe80::2" },
        { to: "2001:db8:1::1", from: "2001:db8:1::2" }
      ]
    },
    {
      name: "example 7: prefers the longest matching prefix",
      ordered: [
        { to: "2001:db8:1::1", from: "2001:db8:1::2" },
        { to: "2001:db8:3ffe::1", from: "2001:db8:3f44::2" }
      ]
    },
    {
      name: "example 8: prefers a matching label, 6to4 from a 6to4 source",
      ordered: [
        { to: "2002:c633:6401::1", from: "2002:c633:6401::2" },
        { to: "2001:db8:1::1", from: "2002:c633:6401::2" }
      ]
    },
    {
      name: "example 9: prefers higher precedence, native IPv6 over 6to4",
      ordered: [
        { to: "2001:db8:1::1", from: "2001:db8:1::2" },
        { to: "2002:c633:6401::1", from: "2002:c633:6401::2" }
      ]
    }
  ]

  for (const { name, ordered, settings } of examples) it(name, () => prefers(ordered, settings))
})

describe("AddressSelection.sort, rule by rule", () => {
  it("rule 1: puts a destination without a route last, and keeps it", () => {
    prefers([{ to: "192.0.2.1", from: "192.0.2.9" }, { to: "2001:db8::1", from: null }])
  })

  it("rule 1: goes before all other rules", () => {
    prefers([{ to: "fd00::1", from: "fe80::2" }, { to: "2001:db8::1", from: null }])
  })

  it("rule 1: orders destinations without a route by the rules that need no source", () => {
    prefers([{ to: "fe80::1", from: null }, { to: "2001:db8::1", from: null }, { to: "192.0.2.1", from: null }])
    ties([{ to: "2001:db8::1", from: null }, { to: "2001:db8:ffff::1", from: null }])
  })

  it("rule 2: prefers a destination whose scope is that of its source", () => {
    prefers([{ to: "2001:db8::1", from: "2001:db8::2" }, { to: "2001:db8::9", from: "fe80::2" }])
  })

  it("rule 2: goes before rule 5", () => {
    prefers([{ to: "2001:db8::1", from: "fd00::2" }, { to: "2001:db8::9", from: "fe80::2" }])
  })

  it("rule 5: prefers a destination whose label is that of its source", () => {
    prefers([{ to: "2001:db8::1", from: "2001:db8::2" }, { to: "2001:db8::9", from: "fd00::2" }])
  })

  it("rule 5: goes before rule 6, so that IPv4 wins over IPv6 from a unique local source", () => {
    prefers([{ to: "192.0.2.1", from: "192.0.2.9" }, { to: "2001:db8::1", from: "fd00::2" }])
  })

  it("rule 6: prefers the higher precedence", () => {
    prefers([
      { to: "::1", from: "::1" },
      { to: "2001:db8::1", from: "2001:db8::2" },
      { to: "192.0.2.1", from: "192.0.2.9" },
      { to: "2002:c633:6401::1", from: "2002:c633:6401::2" },
      { to: "2001:0:53aa::1", from: "2001:0:53aa::2" },
      { to: "fd00::1", from: "fd00::2" }
    ])
  })

  it("rule 6: goes before rule 8", () => {
    prefers([{ to: "2001:db8::1", from: "2001:db8::2" }, { to: "169.254.1.1", from: "169.254.1.2" }])
  })

  it("rule 8: prefers the smaller scope", () => {
    prefers([{ to: "fe80::1", from: "fe80::2" }, { to: "2001:db8::1", from: "2001:db8::2" }])
    prefers([{ to: "127.0.0.1", from: "127.0.0.1" }, { to: "192.0.2.1", from: "192.0.2.9" }])
  })

  it("rule 8: goes before rule 9", () => {
    prefers([{ to: "fe80::1", from: "fe80:0:0:8000::1" }, { to: "2001:db8::1", from: "2001:db8::2" }])
  })

  it("rule 9: prefers the longest prefix in common with the source", () => {
    prefers([{ to: "2001:db8:1::1", from: "2001:db8:1::2" }, { to: "2001:db8:8000::1", from: "2001:db8:1::2" }])
  })

  it("rule 9: counts no more bits than the source's prefix has", () => {
    const one = { to: "2001:db8::2:0:0:1", from: "2001:db8::2:0:0:2/64" }
    const other = { to: "2001:db8::4:0:0:1", from: "2001:db8::2:0:0:2/64" }
    ties([one, other])
    prefers([one, other].map(({ to }) => ({ to, from: "2001:db8::2:0:0:2/128" })))
    ties([
      { to: "2001:db8:1::1", from: "2001:db8:1::2/32" },
      { to: "2001:db8:8000::1", from: "2001:db8:1::2/32" }
    ])
  })

  it("rule 9: takes 64 bits for the prefix of a source that does not say", () => {
    ties([{ to: "2001:db8::2:0:0:1", from: "2001:db8::2:0:0:2" }, {
      to: "2001:db8::4:0:0:1",
      from: "2001:db8::2:0:0:2"
    }])
    prefers([{ to: "2001:db8:0:1::1", from: "2001:db8:0:1::2" }, { to: "2001:db8:0:2::1", from: "2001:db8:0:1::2" }])
  })

  it("rule 9: leaves IPv4 alone, also in IPv4-mapped form, so that DNS round robin survives", () => {
    ties([{ to: "203.0.113.1", from: "192.0.2.9/24" }, { to: "192.0.2.1", from: "192.0.2.9/24" }])
    ties([{ to: "::ffff:203.0.113.1", from: "::ffff:192.0.2.9" }, { to: "::ffff:192.0.2.1", from: "::ffff:192.0.2.9" }])
  })

  it("rule 9: compares within one family only, where a policy table ties the families", () => {
    const near = { to: "2001:db8:1::1", from: "2001:db8:1::2" }
    const far = { to: "2001:db8:8000::1", from: "2001:db8:1::2" }
    const ipv4 = { to: "192.0.2.1", from: "192.0.2.9" }
    const policy = table(["::/0", 1, 1])
    assert.deepStrictEqual(sort([far, ipv4, near], { policy }), [near, ipv4, far])
    assert.deepStrictEqual(sort([ipv4, far, near], { policy }), [ipv4, near, far])
    ties([near, ipv4], { policy })
  })

  it("rule 10: keeps the order of what ties", () => {
    ties([
      { to: "192.0.2.3", from: "192.0.2.9" },
      { to: "192.0.2.1", from: "192.0.2.9" },
      { to: "192.0.2.2", from: "192.0.2.9" }
    ])
    ties([{ to: "2001:db8::2", from: "2001:db8::9" }, { to: "2001:db8::1", from: "2001:db8::9" }])
  })
})

describe("AddressSelection.sort, unknown sources", () => {
  it("counts a destination whose source is unknown as reachable", () => {
    prefers([{ to: "192.0.2.1" }, { to: "2001:db8::1", from: null }])
  })

  it("applies the rules that need no source", () => {
    prefers([{ to: "::1" }, { to: "fe80::1" }, { to: "2001:db8::1" }, { to: "192.0.2.1" }, { to: "fd00::1" }])
    ties([{ to: "2001:db8:1::1" }, { to: "2001:db8:2::1" }])
  })

  it("leaves out rules 2 and 5 where one source is unknown", () => {
    prefers([{ to: "2001:db8::1", from: "fe80::2" }, { to: "192.0.2.1" }])
    prefers([{ to: "2001:db8::1", from: "fd00::2" }, { to: "192.0.2.1" }])
  })

  it("leaves out rule 9 where one of the sources of the tied destinations is unknown", () => {
    const far = { to: "2001:db8:8000::1", from: "2001:db8:1::2" }
    const near = { to: "2001:db8:1::1", from: "2001:db8:1::2" }
    ties([far, near, { to: "2001:db8:4::1" }])
    prefers([near, far, { to: "192.0.2.1" }])
  })
})

describe("AddressSelection.sort, between rules 8 and 9", () => {
  const near = { to: "2001:db8:1::1", from: "2001:db8:1::2" }
  const far = { to: "2001:db8:8000::1", from: "2001:db8:1::2" }
  const rank = (ranks: Record<string, number>) => ({ to }: Destination) => ranks[to] ?? Infinity

  it("prefers the lower rank over the longer prefix", () => {
    prefers([far, near], { between: [rank({ [far.to]: 20, [near.to]: 80 })] })
  })

  it("lets rule 8 decide first", () => {
    const local = { to: "fe80::1", from: "fe80::2" }
    prefers([local, near], { between: [rank({ [near.to]: 1 })] })
  })

  it("asks the second rank where the first one ties, and rule 9 where all tie", () => {
    const first = rank({ [near.to]: 1, [far.to]: 1 })
    prefers([far, near], { between: [first, rank({ [far.to]: 0, [near.to]: 1 })] })
    prefers([near, far], { between: [first, first] })
  })

  it("ties destinations that have no rank", () => {
    prefers([near, far], { between: [rank({})] })
    prefers([far, near], { between: [rank({}), rank({ [far.to]: 1 })] })
  })
})

describe("AddressSelection.sort, cost", () => {
  it("looks at every destination once", () => {
    const looked: Array<string> = []
    const note = (what: string) => ({ to }: Destination) => {
      looked.push(`${what} ${to}`)
      return 0
    }
    const destinations = [{ to: "192.0.2.1" }, { to: "2001:db8::1" }, { to: "192.0.2.2" }, { to: "2001:db8::2" }]
    sort(destinations, {
      between: [note("rank")],
      source: (destination) => (note("source")(destination), SourceAddress.unknown),
      address: (destination) => (note("address")(destination), addressOf(destination))
    })
    assert.strictEqual(looked.length, 3 * destinations.length)
    assert.strictEqual(new Set(looked).size, looked.length)
  })

  it("gives back a list of one or none without looking at it", () => {
    const one = [{ to: "192.0.2.1" }]
    const source = () => assert.fail("looked at the source")
    assert.strictEqual(sort(one, { source }), one)
    assert.deepStrictEqual(sort([], { source }), [])
  })
})

describe("AddressSelection.lookup", () => {
  const { lookup, rfc6724, rfc6724Update } = AddressSelection
  const of = (table: AddressSelection.PolicyTable, address: string) => {
    const { label, precedence } = lookup(table, NetAddress.ipFromStringUnsafe(address))
    return [precedence, label]
  }
  const addresses = {
    "::1": { rfc6724: [50, 0], update: [50, 0] },
    "2001:db8::1": { rfc6724: [40, 1], update: [40, 1] },
    "fe80::1": { rfc6724: [40, 1], update: [40, 1] },
    "192.0.2.1": { rfc6724: [35, 4], update: [20, 4] },
    "::ffff:192.0.2.1": { rfc6724: [35, 4], update: [20, 4] },
    "2002:c000:201::1": { rfc6724: [30, 2], update: [5, 2] },
    "2001::1": { rfc6724: [5, 5], update: [5, 5] },
    "2001:1::1": { rfc6724: [40, 1], update: [40, 1] },
    "fc00::1": { rfc6724: [3, 13], update: [30, 13] },
    "fdff::1": { rfc6724: [3, 13], update: [30, 13] },
    "::192.0.2.1": { rfc6724: [1, 3], update: [1, 3] },
    "fec0::1": { rfc6724: [1, 11], update: [1, 11] },
    "feff::1": { rfc6724: [1, 11], update: [1, 11] },
    "3ffe::1": { rfc6724: [1, 12], update: [1, 12] }
  }

  it("has the default policy table of RFC 6724 §2.1", () => {
    for (const [address, expected] of Object.entries(addresses)) {
      assert.deepStrictEqual(of(rfc6724, address), expected.rfc6724, address)
    }
  })

  it("has the policy table of the update draft", () => {
    for (const [address, expected] of Object.entries(addresses)) {
      assert.deepStrictEqual(of(rfc6724Update, address), expected.update, address)
    }
  })

  it("lets the longest prefix decide, in whatever order the policies are given", () => {
    const rows = [["fd00::/8", 2, 2], ["::/0", 1, 1], ["fd00:1::/32", 3, 3]] as const
    for (const policy of [table(...rows), table(...rows.toReversed())]) {
      assert.deepStrictEqual(of(policy, "fd00:1::1"), [3, 3])
      assert.deepStrictEqual(of(policy, "fd00:2::1"), [2, 2])
      assert.deepStrictEqual(of(policy, "fe00::1"), [1, 1])
    }
  })

  it("takes an IPv4 prefix for the same prefix in IPv4-mapped form", () => {
    const policy = table(["::ffff:0:0/96", 35, 4], ["10.0.0.0/8", 60, 6])
    assert.deepStrictEqual(of(policy, "10.1.2.3"), [60, 6])
    assert.deepStrictEqual(of(policy, "::ffff:10.1.2.3"), [60, 6])
    assert.deepStrictEqual(of(policy, "11.1.2.3"), [35, 4])
  })

  it("prefers IPv4 to IPv6 by a table that says so, as in RFC 6724 §10.3", () => {
    const policy = AddressSelection.policyTable([
      ...rfc6724.policies.filter(({ label }) => label !== 4),
      { prefix: IpNetwork.fromStringUnsafe("::ffff:0:0/96"), precedence: 100, label: 4 }
    ])
    const ipv6 = { to: "2001:db8:1::1", from: "2001:db8:1::2" }
    const ipv4 = { to: "198.51.100.121", from: "198.51.100.117" }
    prefers([ipv6, ipv4])
    prefers([ipv4, ipv6], { policy })
  })

  it("gives the lowest precedence and one label to all addresses that no prefix covers", () => {
    const policy = table(["2001:db8::/32", -1, 1])
    prefers([{ to: "2001:db8::1", from: "2001:db8::2" }, { to: "192.0.2.1", from: "192.0.2.9" }], { policy })
    ties([{ to: "192.0.2.1", from: "192.0.2.9" }, { to: "2001:1::1", from: "2001:1::2" }], { policy })
    prefers([{ to: "192.0.2.1", from: "192.0.2.9" }, { to: "2001:1::1", from: "2001:db8::2" }], { policy })
  })

  it("puts unique local addresses behind IPv4 by RFC 6724, and before it by the update draft", () => {
    const ula = { to: "fd00::1", from: "fd00::2" }
    const ipv4 = { to: "192.0.2.1", from: "192.0.2.9" }
    prefers([ipv4, ula])
    prefers([ula, ipv4], { policy: rfc6724Update })
  })

  it("puts 6to4 before unique local addresses by RFC 6724, and behind IPv4 by the update draft", () => {
    const sixToFour = { to: "2002:c633:6401::1", from: "2002:c633:6401::2" }
    const ula = { to: "fd00::1", from: "fd00::2" }
    const ipv4 = { to: "192.0.2.1", from: "192.0.2.9" }
    prefers([ipv4, sixToFour, ula])
    prefers([ula, ipv4, sixToFour], { policy: rfc6724Update })
  })

  it("puts a known local prefix that is added to the update draft's table before everything global", () => {
    const policy = AddressSelection.policyTable([
      ...rfc6724Update.policies,
      { prefix: IpNetwork.fromStringUnsafe("fd12:3456:789a::/48"), precedence: 45, label: 14 }
    ])
    prefers([
      { to: "fd12:3456:789a::1", from: "fd12:3456:789a::2" },
      { to: "2001:db8::1", from: "2001:db8::2" },
      { to: "fd99::1", from: "fd99::2" },
      { to: "192.0.2.1", from: "192.0.2.9" }
    ], { policy })
  })
})

describe("AddressSelection.scopeOf", () => {
  it("gives the scopes of RFC 6724 §3.1 to IPv6", () => {
    const scopes = {
      "::1": 2,
      "fe80::1": 2,
      "febf::1": 2,
      "fec0::1": 5,
      "feff::1": 5,
      "2001:db8::1": 14,
      "2001:db8::ffff:7f00:1": 14,
      "fd00::1": 14,
      "::": 14,
      "::2": 14,
      "ff01::1": 1,
      "ff02::1": 2,
      "ff05::1": 5,
      "ff0e::1": 14
    }
    for (const [address, scope] of Object.entries(scopes)) {
      assert.strictEqual(AddressSelection.scopeOf(NetAddress.ipFromStringUnsafe(address)), scope, address)
    }
  })

  it("gives the scopes of RFC 6724 §3.2 to IPv4, private addresses being global", () => {
    const scopes = {
      "127.0.0.1": 2,
      "127.255.255.255": 2,
      "128.0.0.1": 14,
      "169.254.0.1": 2,
      "169.255.0.1": 14,
      "10.0.0.1": 14,
      "192.168.0.1": 14,
      "100.64.0.1": 14,
      "192.0.2.1": 14,
      "::ffff:127.0.0.1": 2,
      "::ffff:192.0.2.1": 14
    }
    for (const [address, scope] of Object.entries(scopes)) {
      assert.strictEqual(AddressSelection.scopeOf(NetAddress.ipFromStringUnsafe(address)), scope, address)
    }
  })
})

describe("AddressSelection.preferredFamily", () => {
  const preferred = (ipv6: SourceAddress.Source, ipv4: SourceAddress.Source = SourceAddress.unknown) =>
    AddressSelection.preferredFamily({ route: (family) => family === "IPv6" ? ipv6 : ipv4 })
  const from = (address: string) => SourceAddress.known(NetAddress.ipFromStringUnsafe(address))

  it("is IPv6 where the host has a route for it", () => {
    assert.strictEqual(preferred(from("2001:db8::1"), from("192.0.2.1")), "IPv6")
    assert.strictEqual(preferred(from("fd00::1"), SourceAddress.noRoute), "IPv6")
  })

  it("is IPv4 where the host has no route for IPv6", () => {
    assert.strictEqual(preferred(SourceAddress.noRoute, from("192.0.2.1")), "IPv4")
    assert.strictEqual(preferred(SourceAddress.noRoute, SourceAddress.noRoute), "IPv4")
  })

  it("is IPv4 where the IPv6 route has a link-local or loopback source", () => {
    assert.strictEqual(preferred(from("fe80::1")), "IPv4")
    assert.strictEqual(preferred(from("::1")), "IPv4")
  })

  it("is IPv6 where nothing is known", () => {
    assert.strictEqual(preferred(SourceAddress.unknown), "IPv6")
  })
})

describe("AddressSelection.sort, properties", () => {
  const sources = {
    IPv6: ["2001:db8:1::2/64", "2001:db8:8000::2/48", "fd00::2", "fe80::2", "2002:c633:6401::2", "::1", null],
    IPv4: ["192.0.2.9/24", "169.254.1.2/16", "127.0.0.1/8", null]
  }
  const destinations = ["IPv6", "IPv4"].flatMap((family) => {
    const to = family === "IPv6"
      ? ["2001:db8:1::1", "2001:db8:1:1::1", "2001:db8:c000::1", "fd00::1", "fe80::1", "2002:c633:6401::1", "::1"]
      : ["192.0.2.1", "192.0.2.2", "10.0.0.1", "169.254.1.1", "127.0.0.1"]
    return to.flatMap((to) => sources[family as "IPv6" | "IPv4"].map((from): Destination => ({ to, from })))
  })
  const drawn = Schema.Literals(destinations.map((_, index) => index))
  const list = Schema.Array(drawn)
  // Copies, so that every drawn destination is itself and no other.
  const from = (indices: ReadonlyArray<number>) => indices.map((index) => ({ ...destinations[index]! }))
  const policies = [AddressSelection.rfc6724, AddressSelection.rfc6724Update]

  /** Below 0: the first is preferred; 0: they tie. */
  const compare = (a: Destination, b: Destination, policy: AddressSelection.PolicyTable): number =>
    (sort([a, b], { policy })[0] === a ? -1 : 0) + (sort([b, a], { policy })[0] === b ? 1 : 0)

  it.prop("gives back every destination once, and leaves the input alone", [list], ([indices]) => {
    const input = from(indices)
    const before = [...input]
    const output = sort(input)
    assert.deepStrictEqual(input, before)
    assert.strictEqual(output.length, input.length)
    assert.isTrue(input.every((destination) => output.includes(destination)))
  })

  it.prop("sorts what is sorted to itself, and the same input to the same output", [list], ([indices]) => {
    const input = from(indices)
    const output = sort(input)
    assert.isTrue(sort(output).every((destination, index) => destination === output[index]))
    assert.isTrue(sort(input).every((destination, index) => destination === output[index]))
  })

  it.prop("does not depend on the order of the input but for ties", [list, Schema.Array(Schema.Finite)], ([
    indices,
    keys
  ]) => {
    const input = from(indices).map((destination, index) => index % 3 === 0 ? destination : { to: destination.to })
    for (const known of [from(indices), input]) {
      const shuffled = known.map((destination, index) => ({ destination, key: keys[index] ?? 0 }))
        .toSorted((a, b) => a.key - b.key).map(({ destination }) => destination)
      const [one, other] = [sort(known), sort(shuffled)]
      for (const a of known) {
        for (const b of known) {
          if (one.indexOf(a) >= one.indexOf(b) || other.indexOf(a) < other.indexOf(b)) continue
          if (a === b) continue
          assert.isBelow(known.indexOf(a), known.indexOf(b))
          assert.isBelow(shuffled.indexOf(b), shuffled.indexOf(a))
        }
      }
    }
  })

  it.prop("is a total order with ties: preferring and tying are transitive", [drawn, drawn, drawn], (indices) => {
    const [a, b, c] = from(indices)
    for (const policy of policies) {
      if (compare(a!, b!, policy) <= 0 && compare(b!, c!, policy) <= 0) {
        assert.strictEqual(compare(a!, c!, policy), Math.min(compare(a!, b!, policy), compare(b!, c!, policy)))
      }
    }
  })

  it.prop("puts no destination before one that is preferred to it", [list], ([indices]) => {
    for (const policy of policies) {
      const output = sort(from(indices), { policy })
      for (const [place, a] of output.entries()) {
        for (const b of output.slice(place + 1)) assert.isAtMost(compare(a, b, policy), 0)
      }
    }
  })
})
