import { assert, describe, it } from "@effect/vitest"
import type { World } from "@happy-eyeballs/core/testing"
import { connect, names, type Plan } from "./simulate.ts"

const accept = (afterMs: number) => ({ outcome: "accept", afterMs } as const)
const refuse = (afterMs: number) => ({ outcome: "refuse", afterMs } as const)
const drop = { outcome: "drop" } as const

describe("RFC 8305 with a host's routes", () => {
  const world = (sources: World.World["sources"]): World.World => ({
    names: names(["A", 10, "192.0.2.1"], ["AAAA", 40, "2001:db8::1"]),
    network: { "192.0.2.1": accept(200), "2001:db8::1": accept(10) },
    ...sources === undefined ? {} : { sources }
  })

  it("neither waits for AAAA nor tries IPv6 first on a host without IPv6", () => {
    const { starts, won } = connect({ world: world({ IPv6: null, IPv4: "198.51.100.7" }) })
    assert.deepStrictEqual([won, starts], ["192.0.2.1", { "192.0.2.1": 10 }])
  })

  it("waits for AAAA on a host with IPv6", () => {
    const { starts } = connect({ world: world({ IPv6: "2001:db8:f::7", IPv4: "198.51.100.7" }) })
    assert.deepStrictEqual(starts, { "2001:db8::1": 40 })
  })

  it("does not wait for A on a host without IPv4", () => {
    const { starts } = connect({
      world: {
        names: names(["AAAA", 10, "2001:db8::1"], ["A", 40, "192.0.2.1"]),
        network: { "2001:db8::1": accept(5) },
        sources: { IPv6: "2001:db8:f::7", IPv4: null }
      }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 10 })
  })

  it("tries an unreachable address last, and does not drop it", () => {
    const { error, starts } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1"]),
        network: { "192.0.2.1": refuse(5) },
        sources: { IPv6: null, IPv4: "198.51.100.7" }
      }
    })
    assert.deepStrictEqual(starts, { "192.0.2.1": 0, "2001:db8::1": 5 })
    assert.include(error?.message, "[2001:db8::1]:443 is unreachable (ENETUNREACH)")
  })

  it("sorts by RFC 6724 before it interleaves", () => {
    const { starts } = connect({
      world: {
        names: names(["AAAA", 0, "fd00::1", "2001:db8::1"], ["A", 0, "192.0.2.1"]),
        network: { "fd00::1": accept(1) },
        sources: { "fd00::1": "2001:db8:f::7", IPv6: "2001:db8:f::7", IPv4: "198.51.100.7" }
      }
    })
    // The unique local address has another label than its source, and IPv4 a
    // higher precedence than it: it is the last of its family.
    assert.deepStrictEqual(starts, { "2001:db8::1": 0, "192.0.2.1": 250, "fd00::1": 500 })
  })
})

describe("RFC 8305's timelines", () => {
  const four = ["192.0.2.1", "192.0.2.2"] as const
  const six = ["2001:db8::1", "2001:db8::2"] as const
  const silent: Plan["options"] = { timeout: "2 seconds" }

  it("section 3: AAAA first, and the first attempt with it", () => {
    assert.deepStrictEqual(
      connect({ world: { names: names(["AAAA", 20, six[0]], ["A", 30, four[0]]) }, options: silent }).starts,
      { [six[0]]: 20, [four[0]]: 270 }
    )
  })

  it("section 3: A first, and AAAA within the resolution delay", () => {
    assert.deepStrictEqual(
      connect({ world: { names: names(["A", 20, four[0]], ["AAAA", 69, six[0]]) }, options: silent }).starts,
      { [six[0]]: 69, [four[0]]: 319 }
    )
  })

  it("section 3: A first, and AAAA after the resolution delay joins the race", () => {
    assert.deepStrictEqual(
      connect({ world: { names: names(["A", 20, four[0]], ["AAAA", 71, six[0]]) }, options: silent }).starts,
      { [four[0]]: 70, [six[0]]: 320 }
    )
  })

  it("section 4: the families take turns after the first family's count", () => {
    assert.deepStrictEqual(
      Object.keys(
        connect({ world: { names: names(["AAAA", 0, ...six], ["A", 0, ...four]) }, options: silent }).starts
      ),
      [six[0], four[0], six[1], four[1]]
    )
  })

  it("section 5: one attempt each 250 ms, until one connects", () => {
    assert.deepStrictEqual(
      connect({
        world: {
          names: names(["AAAA", 0, ...six], ["A", 0, ...four]),
          network: { [six[1]]: accept(249), [four[1]]: accept(1) }
        }
      }).timeline,
      [
        `0 open ${six[0]}`,
        `250 open ${four[0]}`,
        `500 open ${six[1]}`,
        `749 connected ${six[1]}`,
        `749 closed ${six[0]}`,
        `749 closed ${four[0]}`,
        `749 closed ${six[1]}`
      ]
    )
  })

  it("section 6: an address that comes late takes its place among those that wait", () => {
    assert.deepStrictEqual(
      Object.keys(
        connect({
          world: { names: names(["AAAA", 0, ...six, "2001:db8::3"], ["A", 300, ...four]) },
          options: silent
        }).starts
      ),
      [six[0], six[1], four[0], four[1], "2001:db8::3"]
    )
  })
})

describe("faults of the reference system, which ours does not have", () => {
  it("B1: waits for a resolver that needs more than a second", () => {
    const { atMs, won } = connect({
      world: { names: names(["AAAA", 3000, "2001:db8::1"], ["A", 3000]), network: { "2001:db8::1": accept(5) } }
    })
    assert.deepStrictEqual([won, atMs], ["2001:db8::1", 3005])
  })

  it("B2: tries no address and port twice", () => {
    const { timeline } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        network: { "2001:db8::1": refuse(1), "192.0.2.1": refuse(1), "192.0.2.2": refuse(1), "192.0.2.3": refuse(1) }
      },
      target: { host: "dual.example", ports: [443, 80] }
    })
    const opened = timeline.filter((line) => line.includes("open")).map((line) => line.replace(/^\d+ /, ""))
    assert.deepStrictEqual([opened.length, new Set(opened).size], [8, 8])
  })

  it("B3: orders by the answers, not by which packet came first", () => {
    const six = ["AAAA", 10, "2001:db8::9", "2001:db8::1"] as const
    const four = ["A", 10, "192.0.2.9", "192.0.2.1"] as const
    const order = (...answers: ReadonlyArray<typeof six | typeof four>) =>
      Object.keys(connect({ world: { names: names(...answers) }, options: { timeout: "2 seconds" } }).starts)
    assert.deepStrictEqual(order(six, four), order(four, six))
    assert.deepStrictEqual(order(four, six), ["2001:db8::9", "192.0.2.9", "2001:db8::1", "192.0.2.1"])
  })

  it("B4: does not let several ports put off the other family", () => {
    const { starts } = connect({
      world: { names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1"]) },
      target: { host: "dual.example", ports: [443, 80] },
      options: { timeout: "2 seconds" }
    })
    assert.deepStrictEqual(starts["192.0.2.1 443"], 250)
  })

  it("B5: takes an answer without addresses for an answer", () => {
    const { error } = connect({ world: { names: names(["AAAA", 5], ["A", 5]) } })
    assert.strictEqual(error?.reason._tag, "NoAddresses")
    assert.include(error?.message, "no addresses")
  })

  it("B6: leaves nothing open when the caller is interrupted, at whatever millisecond", () => {
    for (let interruptAtMs = 0; interruptAtMs <= 620; interruptAtMs++) {
      const { interrupted, won } = connect({
        world: {
          names: names(["A", 20, "192.0.2.1", "192.0.2.2"], ["AAAA", 90, "2001:db8::1"]),
          network: { "192.0.2.1": drop, "2001:db8::1": refuse(130), "192.0.2.2": accept(100) }
        },
        interruptAtMs
      })
      assert.isTrue(interrupted || won !== undefined)
    }
  })

  it("B7: reports every attempt and every failed answer, not the last one", () => {
    const { error } = connect({
      world: {
        names: {
          "dual.example": [
            { type: "AAAA", afterMs: 0, reason: "ServerFailure" },
            { type: "A", afterMs: 0, addresses: ["192.0.2.1", "192.0.2.2", "192.0.2.3"] }
          ]
        },
        network: { "192.0.2.1": refuse(1), "192.0.2.2": { outcome: "reset", afterMs: 1 }, "192.0.2.3": refuse(1) }
      }
    })
    for (const part of ["192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443", "SERVFAIL"]) {
      assert.include(error?.message, part)
    }
  })

  it("B8: keeps its times to the millisecond", () => {
    assert.deepStrictEqual(
      connect({
        world: { names: names(["A", 10, "192.0.2.1", "192.0.2.2"]), network: { "192.0.2.2": accept(1) } }
      }).starts,
      { "192.0.2.1": 60, "192.0.2.2": 310 }
    )
  })

  it("B9: holds the limit on the whole in every state", () => {
    const resolving = connect({ world: {}, options: { timeout: 700 } })
    const waiting = connect({
      world: { names: names(["A", 100, "192.0.2.1"]) },
      options: { resolutionDelay: "1 minute", timeout: 700 }
    })
    const racing = connect({ world: { names: names(["AAAA", 0, "2001:db8::1"]) }, options: { timeout: 700 } })
    assert.deepStrictEqual([resolving.atMs, waiting.atMs, racing.atMs], [700, 700, 700])
  })

  it("B10: gives up a silent address long before the whole", () => {
    const { timeline } = connect({ world: { names: names(["AAAA", 0, "2001:db8::1"], ["A", 0]) } })
    assert.deepStrictEqual(timeline, ["0 open 2001:db8::1", "5000 closed 2001:db8::1"])
  })

  it("B11: limits what one answer can open", () => {
    const addresses = Array.from({ length: 200 }, (_, n) => `192.0.2.${n + 1}`)
    const { starts } = connect({
      world: {
        names: names(["A", 0, ...addresses], ["AAAA", 0]),
        network: Object.fromEntries(addresses.map((address) => [address, refuse(0)]))
      }
    })
    assert.strictEqual(Object.keys(starts).length, 64)
  })
})
