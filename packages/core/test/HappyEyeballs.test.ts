import { assert, describe, it } from "@effect/vitest"
import { connect, names } from "./simulate.ts"

const accept = (afterMs: number) => ({ outcome: "accept", afterMs } as const)
const refuse = (afterMs: number) => ({ outcome: "refuse", afterMs } as const)
const drop = { outcome: "drop" } as const

describe("HappyEyeballs.connect to a name", () => {
  it("starts with IPv6 at once when AAAA answers first, without waiting for A", () => {
    const { atMs, starts, won } = connect({
      world: {
        names: names(["AAAA", 10, "2001:db8::1"], ["A", 90, "192.0.2.1"]),
        network: { "2001:db8::1": accept(30), "192.0.2.1": accept(1) }
      }
    })
    assert.deepStrictEqual([won, atMs, starts], ["2001:db8::1", 40, { "2001:db8::1": 10 }])
  })

  it("waits for AAAA when A answers first, and starts with IPv6 when it comes in time", () => {
    const { starts } = connect({
      world: {
        names: names(["A", 10, "192.0.2.1"], ["AAAA", 40, "2001:db8::1"]),
        network: { "2001:db8::1": accept(30), "192.0.2.1": accept(30) }
      }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 40 })
  })

  it("starts with IPv4 when the resolution delay has passed", () => {
    const { starts } = connect({
      world: {
        names: names(["A", 10, "192.0.2.1"], ["AAAA", 400, "2001:db8::1"]),
        network: { "192.0.2.1": accept(30) }
      }
    })
    assert.deepStrictEqual(starts, { "192.0.2.1": 60 })
  })

  it("takes the resolution delay from the options, and none with 0", () => {
    const world = {
      names: names(["A", 10, "192.0.2.1"], ["AAAA", 400, "2001:db8::1"]),
      network: { "192.0.2.1": accept(30) }
    }
    assert.deepStrictEqual(connect({ world, options: { resolutionDelay: 0 } }).starts, { "192.0.2.1": 10 })
    assert.deepStrictEqual(connect({ world, options: { resolutionDelay: 200 } }).starts, { "192.0.2.1": 210 })
  })

  it("stops waiting when AAAA answers with nothing, or fails", () => {
    const empty = connect({
      world: { names: names(["A", 10, "192.0.2.1"], ["AAAA", 30]), network: { "192.0.2.1": accept(5) } }
    })
    const failed = connect({
      world: {
        names: {
          "dual.example": [
            { type: "A", afterMs: 10, addresses: ["192.0.2.1"] },
            { type: "AAAA", afterMs: 30, reason: "ServerFailure" }
          ]
        },
        network: { "192.0.2.1": accept(5) }
      }
    })
    assert.deepStrictEqual([empty.starts, failed.starts], [{ "192.0.2.1": 30 }, { "192.0.2.1": 30 }])
  })

  it("lets a late answer take the place it would have had", () => {
    const { starts, won } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1", "2001:db8::2"], ["A", 100, "192.0.2.1"]),
        network: { "2001:db8::1": drop, "2001:db8::2": drop, "192.0.2.1": accept(20) }
      }
    })
    assert.deepStrictEqual([won, starts], ["192.0.2.1", { "2001:db8::1": 0, "192.0.2.1": 250 }])
  })

  it("starts a late answer at once where the delay has passed already", () => {
    const { starts } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1"], ["A", 700, "192.0.2.1"]),
        network: { "2001:db8::1": drop, "192.0.2.1": accept(20) }
      }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 0, "192.0.2.1": 700 })
  })

  it("waits for an answer when every address so far has failed", () => {
    const { starts, won } = connect({
      world: {
        names: names(["AAAA", 5, "2001:db8::1"], ["A", 200, "192.0.2.1"]),
        network: { "2001:db8::1": refuse(10), "192.0.2.1": accept(20) }
      }
    })
    assert.deepStrictEqual([won, starts], ["192.0.2.1", { "2001:db8::1": 5, "192.0.2.1": 200 }])
  })

  it("alternates the families, and keeps earlier attempts running", () => {
    const { timeline } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1", "2001:db8::2"], ["A", 0, "192.0.2.1", "192.0.2.2"]),
        network: { "2001:db8::1": accept(900), "2001:db8::2": drop, "192.0.2.1": drop, "192.0.2.2": drop }
      }
    })
    assert.deepStrictEqual(timeline, [
      "0 open 2001:db8::1",
      "250 open 192.0.2.1",
      "500 open 2001:db8::2",
      "750 open 192.0.2.2",
      "900 connected 2001:db8::1",
      "900 closed 192.0.2.1",
      "900 closed 2001:db8::2",
      "900 closed 192.0.2.2",
      "900 closed 2001:db8::1"
    ])
  })

  it("starts with as many of the first family as asked", () => {
    const { starts } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1", "2001:db8::2"], ["A", 0, "192.0.2.1"]),
        network: { "192.0.2.1": accept(1) }
      },
      options: { firstAddressFamilyCount: 2 }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 0, "2001:db8::2": 250, "192.0.2.1": 500 })
  })

  it("starts the next at once when the latest fails, without the floor of the timer", () => {
    const { starts } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1"]),
        network: { "2001:db8::1": refuse(0), "192.0.2.1": accept(1) }
      }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 0, "192.0.2.1": 0 })
  })

  it("takes the connection attempt delay from the options", () => {
    const { starts } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1"]),
        network: { "192.0.2.1": accept(1) }
      },
      options: { connectionAttemptDelay: "100 millis" }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 0, "192.0.2.1": 100 })
  })

  it("never tries an address twice, however often it is answered", () => {
    const { starts, timeline } = connect({
      world: {
        names: {
          "dual.example": [
            { type: "AAAA", afterMs: 0, addresses: ["2001:db8::1", "2001:db8::1"] },
            { type: "AAAA", afterMs: 300, addresses: ["2001:db8::1"] },
            { type: "A", afterMs: 600, addresses: ["192.0.2.1"] }
          ]
        },
        network: { "2001:db8::1": refuse(10), "192.0.2.1": accept(10) }
      }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 0, "192.0.2.1": 600 })
    assert.strictEqual(timeline.filter((line) => line.includes("open")).length, 2)
  })

  it("drops what is no longer answered, and leaves alone what is being tried", () => {
    const { starts, won } = connect({
      world: {
        names: {
          "dual.example": [
            { type: "AAAA", afterMs: 0, addresses: ["2001:db8::1", "2001:db8::2"] },
            { type: "AAAA", afterMs: 100, addresses: ["2001:db8::3"] },
            { type: "A", afterMs: 900, reason: "NotFound" }
          ]
        },
        network: { "2001:db8::1": accept(600), "2001:db8::2": accept(1), "2001:db8::3": drop }
      }
    })
    assert.deepStrictEqual([won, starts], ["2001:db8::1", { "2001:db8::1": 0, "2001:db8::3": 250 }])
  })

  it("asks for one family only where only one is wanted", () => {
    const { events, starts } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1"], ["A", 20, "192.0.2.1"]),
        network: { "192.0.2.1": accept(1) }
      },
      options: { family: "IPv4" }
    })
    assert.deepStrictEqual(starts, { "192.0.2.1": 20 })
    assert.deepStrictEqual(events.flatMap((event) => event._tag === "Answered" ? [event.answer.type] : []), ["A"])
  })
})

describe("HappyEyeballs.connect to addresses", () => {
  it("asks no resolver for a literal", () => {
    const { events, won } = connect({ world: { network: { "192.0.2.1": accept(5) } }, target: "192.0.2.1:443" })
    assert.strictEqual(won, "192.0.2.1")
    assert.isFalse(events.some(({ _tag }) => _tag === "Answered"))
  })

  it("tries a list in its order, never sorted and never interleaved", () => {
    const { starts } = connect({
      world: { network: { "192.0.2.9": drop, "192.0.2.1": drop, "2001:db8::1": accept(1) } },
      target: { addresses: ["192.0.2.9", "192.0.2.1", "192.0.2.9", "2001:db8::1"], port: 443 }
    })
    assert.deepStrictEqual(starts, { "192.0.2.9": 0, "192.0.2.1": 250, "2001:db8::1": 500 })
  })

  it("tries complete addresses each on its own port", () => {
    const { starts } = connect({
      world: { network: { "192.0.2.1": refuse(0), "192.0.2.2": accept(1) } },
      target: ["192.0.2.1:853", "192.0.2.2:53"]
    })
    assert.deepStrictEqual(starts, { "192.0.2.1 853": 0, "192.0.2.2 53": 0 })
  })

  it("connects to a Unix path", () => {
    const { won } = connect({ world: { network: { "/run/a.sock": accept(0) } }, target: "unix:/run/a.sock" })
    assert.strictEqual(won, "/run/a.sock")
  })
})

describe("HappyEyeballs.connect with several ports", () => {
  const world = {
    names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1"]),
    network: { "192.0.2.1:80": accept(1) }
  }
  const target = { host: "dual.example", ports: [443, 80] }

  it("tries every address on the first port before any on the second", () => {
    assert.deepStrictEqual(connect({ world, target }).starts, {
      "2001:db8::1 443": 0,
      "192.0.2.1 443": 250,
      "2001:db8::1 80": 500,
      "192.0.2.1 80": 750
    })
  })

  it("tries every port of an address first in the article's order", () => {
    assert.deepStrictEqual(connect({ world, target, options: { portOrder: "addressMajor" } }).starts, {
      "2001:db8::1 443": 0,
      "2001:db8::1 80": 250,
      "192.0.2.1 443": 500,
      "192.0.2.1 80": 750
    })
  })

  it("holds a later port back until the earlier ones have all failed", () => {
    const { starts } = connect({
      world: {
        ...world,
        network: { "192.0.2.1:443": refuse(10), "[2001:db8::1]:443": refuse(400), ...world.network }
      },
      target,
      options: { portOrder: "preferFirst", headStart: "10 seconds", timeout: "1 minute" }
    })
    assert.deepStrictEqual(starts, {
      "2001:db8::1 443": 0,
      "192.0.2.1 443": 250,
      "2001:db8::1 80": 400,
      "192.0.2.1 80": 650
    })
  })

  it("lets a later port go when its head start has passed", () => {
    const { starts } = connect({
      world: { ...world, network: { "192.0.2.1:443": refuse(10), ...world.network } },
      target,
      options: { portOrder: "preferFirst", headStart: "600 millis" }
    })
    assert.deepStrictEqual(starts, {
      "2001:db8::1 443": 0,
      "192.0.2.1 443": 250,
      "2001:db8::1 80": 850,
      "192.0.2.1 80": 1100
    })
  })

  it("gives a later port a head start of one attempt delay where none is said", () => {
    const { starts } = connect({
      world: { ...world, network: { "192.0.2.1:443": refuse(10), ...world.network } },
      target,
      options: { portOrder: "preferFirst" }
    })
    assert.deepStrictEqual(starts["2001:db8::1 80"], 500)
  })
})

describe("HappyEyeballs.connect with TLS", () => {
  it("counts a finished handshake as success, and races on where it fails or stalls", () => {
    const tls = (outcome: "ok" | "fail" | "stall", afterMs: number) => ({ ...accept(10), tls: { outcome, afterMs } })
    const { starts, won } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1", "2001:db8::2"], ["A", 0, "192.0.2.1"]),
        network: { "2001:db8::1": tls("stall", 0), "192.0.2.1": tls("fail", 20), "2001:db8::2": tls("ok", 30) }
      },
      options: { tls: true }
    })
    assert.deepStrictEqual([won, starts], ["2001:db8::2", {
      "2001:db8::1": 0,
      "192.0.2.1": 250,
      "2001:db8::2": 280
    }])
  })

  it("refuses a list that mixes TLS and clear text, and allows it where it is safe or said", () => {
    const world = { names: names(["A", 0, "192.0.2.1"], ["AAAA", 0]), network: { "192.0.2.1": accept(1) } }
    const mixed = { host: "dual.example", ports: [{ port: 443, tls: true }, 80] }
    assert.strictEqual(connect({ world, target: mixed }).error?.reason._tag, "InvalidOptions")
    assert.match(
      connect({ world, target: mixed }).error?.message ?? "",
      /port 443 speaks TLS and port 80 does not: .* set allowInsecure$/
    )
    assert.strictEqual(connect({ world, target: mixed, options: { allowInsecure: true } }).won, "192.0.2.1")
    const upgrading = { host: "dual.example", ports: [{ port: 465, tls: true }, { port: 587, secure: true }] }
    assert.strictEqual(connect({ world, target: upgrading }).won, "192.0.2.1")
    const plain = { host: "dual.example", ports: [443, { port: 80, tls: false }] }
    assert.strictEqual(connect({ world, target: plain, options: { tls: true } }).error?.reason._tag, "InvalidOptions")
  })
})

describe("HappyEyeballs.connect within its limits", () => {
  const silent = { names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1"]) }

  it("gives each attempt its time", () => {
    const { error, timeline } = connect({ world: silent, options: { attemptTimeout: "1 second" } })
    assert.deepStrictEqual(timeline.slice(-2), ["1000 closed 2001:db8::1", "1250 closed 192.0.2.1"])
    assert.strictEqual(
      error?.message,
      "could not connect to dual.example:443: [2001:db8::1]:443 timed out (ETIMEDOUT) after 1 s; " +
        "192.0.2.1:443 timed out (ETIMEDOUT) after 1 s"
    )
  })

  it("gives the whole its time while attempts run", () => {
    const { atMs, error } = connect({ world: silent, options: { timeout: "600 millis" } })
    assert.strictEqual(atMs, 600)
    assert.strictEqual(
      error?.message,
      "could not connect to dual.example:443: timed out after 600 ms: [2001:db8::1]:443 did not answer in 600 ms; " +
        "192.0.2.1:443 did not answer in 350 ms"
    )
  })

  it("gives the whole its time while nothing is answered", () => {
    const { atMs, error } = connect({ world: { names: {} } })
    assert.strictEqual(atMs, 10_000)
    assert.strictEqual(
      error?.message,
      "could not connect to dual.example:443: timed out after 10 s: the resolver did not answer"
    )
  })

  it("gives the whole its time while it waits for the preferred family", () => {
    const { atMs, error } = connect({
      world: { names: names(["A", 10, "192.0.2.1"]) },
      options: { resolutionDelay: "1 minute", timeout: "1 second" }
    })
    assert.deepStrictEqual([atMs, error?.reason._tag], [1000, "TimedOut"])
  })

  it("runs no more attempts at once than allowed, and sacrifices none", () => {
    const { starts } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1", "2001:db8::2"], ["A", 0, "192.0.2.1"]),
        network: { "2001:db8::1": refuse(700), "192.0.2.1": drop, "2001:db8::2": accept(1) }
      },
      options: { maxAttemptsInFlight: 2 }
    })
    assert.deepStrictEqual(starts, { "2001:db8::1": 0, "192.0.2.1": 250, "2001:db8::2": 700 })
  })

  it("tries no more candidates than allowed, and says how many it left out", () => {
    const many = Array.from({ length: 1000 }, (_, n) => `192.0.${n >> 8}.${n & 255}`)
      .filter((address) => address !== "0.0.0.0")
    const { error, events, starts } = connect({
      world: {
        names: names(["A", 0, ...many], ["AAAA", 0]),
        network: Object.fromEntries(many.map((address) => [address, refuse(1)]))
      }
    })
    assert.strictEqual(Object.keys(starts).length, 64)
    assert.deepStrictEqual(events.flatMap((event) => event._tag === "LeftOut" ? [[event.count, event.limit]] : []), [[
      936,
      64
    ]])
    assert.match(error?.message ?? "", /and 56 more$/)
  })

  it("waits out a shortage of descriptors, and takes it for no fault of the address", () => {
    const { error, events, won } = connect({
      world: { names: names(["A", 0, "192.0.2.1"], ["AAAA", 0]), network: { "192.0.2.1": { outcome: "congested" } } },
      changes: [[6000, { network: { "192.0.2.1": accept(5) } }]]
    })
    assert.deepStrictEqual([won, error], ["192.0.2.1", undefined])
    assert.isTrue(events.some(({ _tag }) => _tag === "Congested"))
  })

  it("says that it waited for descriptors where the whole ran out of time", () => {
    const { error } = connect({
      world: { names: names(["A", 0, "192.0.2.1"], ["AAAA", 0]), network: { "192.0.2.1": { outcome: "congested" } } }
    })
    assert.include(error?.message, "192.0.2.1:443 waited for a free file descriptor for 10 s")
  })
})

describe("HappyEyeballs.connect that fails", () => {
  it("says for each address what happened and when", () => {
    const { error } = connect({
      world: {
        names: names(["AAAA", 0, "2001:db8::1"], ["A", 0, "192.0.2.1", "192.0.2.2"]),
        network: {
          "2001:db8::1": refuse(12),
          "192.0.2.1": { outcome: "unreachable", afterMs: 3 },
          "192.0.2.2": { outcome: "reset", afterMs: 1500 }
        }
      }
    })
    assert.strictEqual(
      error?.message,
      "could not connect to dual.example:443: [2001:db8::1]:443 refused the connection (ECONNREFUSED) after 12 ms; " +
        "192.0.2.1:443 is unreachable (EHOSTUNREACH) after 3 ms; 192.0.2.2:443 reset the connection (ECONNRESET) after 1.5 s"
    )
    assert.strictEqual(error?.isTemporary, true)
  })

  it("says what the resolver said where there is no address", () => {
    const { atMs, error } = connect({
      world: {
        names: {
          "dual.example": [
            { type: "AAAA", afterMs: 5, reason: "NotFound" },
            { type: "A", afterMs: 30, reason: "ServerFailure" }
          ]
        }
      }
    })
    assert.deepStrictEqual([atMs, error?.reason._tag, error?.isTemporary], [30, "NoAddresses", true])
    assert.strictEqual(
      error?.message,
      "could not connect to dual.example:443: no addresses (AAAA: not found after 5 ms; " +
        "A: the resolver failed (SERVFAIL) after 30 ms)"
    )
  })

  it("names an answer that cannot be connected to", () => {
    const { error } = connect({ world: { names: names(["A", 0, "0.0.0.0"], ["AAAA", 0]) } })
    assert.strictEqual(
      error?.message,
      "could not connect to dual.example:443: no addresses (the resolver answered 0.0.0.0, which cannot be connected to)"
    )
  })

  it("tells a failed family beside failed attempts", () => {
    const { error } = connect({
      world: {
        names: {
          "dual.example": [
            { type: "AAAA", afterMs: 5, reason: "Timeout" },
            { type: "A", afterMs: 5, addresses: ["192.0.2.1"] }
          ]
        },
        network: { "192.0.2.1": refuse(1) }
      }
    })
    assert.include(error?.message, "AAAA: the resolver did not answer after 5 ms")
  })

  it("refuses a literal of the wrong family with a word why", () => {
    const { error, events } = connect({ world: {}, target: "[2001:db8::1]:443", options: { family: "IPv4" } })
    assert.strictEqual(
      error?.message,
      "could not connect to [2001:db8::1]:443: no addresses (2001:db8::1 is IPv6, and only IPv4 is allowed)"
    )
    assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["Started", "Ended"])
  })

  it("refuses a target that is none, and options that are not allowed", () => {
    assert.deepStrictEqual(connect({ world: {}, target: "" }).error?.reason._tag, "InvalidTarget")
    assert.strictEqual(
      connect({ world: {}, target: "" }).error?.message,
      "could not connect to \"\": the target is empty: give a host and a port, such as example.com:443"
    )
    assert.strictEqual(
      connect({ world: {}, target: "a.example:99999" }).error?.message,
      "could not connect to a.example:99999: 99999 is not a port: give a number from 1 to 65535"
    )
    assert.strictEqual(connect({ world: {}, target: "a.example:99999" }).error?.report.target.host, "a.example")
    const { error } = connect({ world: {}, options: { connectionAttemptDelay: 5 } })
    assert.deepStrictEqual([error?.reason._tag, error?.isTemporary], ["InvalidOptions", false])
  })
})
