import { assert, describe, it } from "@effect/vitest"
import { SourceAddress } from "@happy-eyeballs/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as TestClock from "effect/testing/TestClock"

const ip = NetAddress.ipFromStringUnsafe
const ipv4 = SourceAddress.known(ip("192.0.2.9"), 24)
const ipv6 = SourceAddress.known(ip("2001:db8:1::2"), 64)
const byFamily = (destination: NetAddress.IpAddress) => NetAddress.isIpv4Address(destination) ? ipv4 : ipv6

const internet = { IPv4: ip("203.0.113.1"), IPv6: ip("2001:db8:ffff::1") }

const fill = ({ fill }: SourceAddress.SourceAddresses, ...destinations: ReadonlyArray<string | NetAddress.IpAddress>) =>
  fill(destinations.map((destination) => typeof destination === "string" ? ip(destination) : destination))

/** Source addresses over a platform that answers by family, and the list of what it was asked. */
const recorded = (
  options?: SourceAddress.Options & { readonly probe?: (destination: NetAddress.IpAddress) => SourceAddress.Source }
) => {
  const asked: Array<string> = []
  const { probe = byFamily, ...rest } = options ?? {}
  const make = SourceAddress.make({
    internet,
    ...rest,
    probe: (destination) =>
      Effect.sync(() => {
        asked.push(NetAddress.formatIp(destination))
        return probe(destination)
      })
  })
  return { asked, make }
}

const routes = ["2001:db8:ffff::1", "203.0.113.1"]

describe("SourceAddress.SourceAddress", () => {
  it.effect("knows nothing by default, and learns nothing", () =>
    Effect.gen(function*() {
      const sources = yield* SourceAddress.SourceAddress
      yield* fill(sources, "192.0.2.1")
      assert.deepStrictEqual(sources.peek(ip("192.0.2.1")), SourceAddress.unknown)
      assert.deepStrictEqual(sources.route("IPv4"), SourceAddress.unknown)
      assert.deepStrictEqual(sources.route("IPv6"), SourceAddress.unknown)
      assert.strictEqual(sources.network(), "")
    }))
})

describe("SourceAddress.known", () => {
  it("takes the prefix of an ordinary subnet where none is given", () => {
    assert.deepInclude(SourceAddress.known(ip("2001:db8::1")), { prefixLength: 64 })
    assert.deepInclude(SourceAddress.known(ip("192.0.2.1")), { prefixLength: 32 })
    assert.deepInclude(SourceAddress.known(ip("2001:db8::1"), 0), { prefixLength: 0 })
  })
})

describe("SourceAddress.make", () => {
  it.effect("learns the sources of the destinations and of both routes", () =>
    Effect.gen(function*() {
      const { asked, make } = recorded()
      const sources = yield* make
      assert.strictEqual(sources.peek(ip("192.0.2.1")), SourceAddress.unknown)
      yield* fill(sources, "192.0.2.1", "2001:db8::1")
      assert.deepStrictEqual(asked, [...routes, "192.0.2.1", "2001:db8::1"])
      assert.strictEqual(sources.peek(ip("192.0.2.1")), ipv4)
      assert.strictEqual(sources.peek(ip("2001:db8::1")), ipv6)
      assert.strictEqual(sources.route("IPv4"), ipv4)
      assert.strictEqual(sources.route("IPv6"), ipv6)
      assert.strictEqual(sources.peek(ip("192.0.2.2")), SourceAddress.unknown)
    }))

  it.effect("asks about the root name servers to learn the routes", () =>
    Effect.gen(function*() {
      const { asked, make } = recorded({ internet: undefined })
      yield* fill(yield* make)
      assert.deepStrictEqual(asked, ["2001:503:ba3e::2:30", "198.41.0.4"])
    }))

  it.effect("asks nothing while the answers are fresh, and only for what is missing", () =>
    Effect.gen(function*() {
      const { asked, make } = recorded()
      const sources = yield* make
      yield* fill(sources, "192.0.2.1")
      asked.length = 0
      yield* TestClock.adjust("4999 millis")
      yield* fill(sources, "192.0.2.1")
      assert.deepStrictEqual(asked, [])
      yield* fill(sources, "192.0.2.2", "192.0.2.1")
      assert.deepStrictEqual(asked, ["192.0.2.2"])
    }))

  it("is done at once when everything is fresh, also while another caller waits", async () => {
    const hanging = ip("192.0.2.2")
    const sources = Effect.runSync(SourceAddress.make({
      internet,
      probe: (destination) => destination === hanging ? Effect.never : Effect.succeed(byFamily(destination))
    }))
    await Effect.runPromise(fill(sources, "192.0.2.1", "2001:db8::1"))
    const other = Effect.runFork(fill(sources, hanging))
    // Fails where the effect needs more than this moment.
    Effect.runSync(fill(sources, "192.0.2.1", "2001:db8::1"))
    await Effect.runPromise(Fiber.interrupt(other))
  })

  it.effect("asks again after 5 s, and gives the old answer until then", () =>
    Effect.gen(function*() {
      let answer = ipv4
      const { asked, make } = recorded({ probe: () => answer })
      const sources = yield* make
      yield* fill(sources, "192.0.2.1")
      answer = SourceAddress.noRoute
      asked.length = 0
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(sources.peek(ip("192.0.2.1")), ipv4)
      yield* fill(sources, "192.0.2.1")
      assert.deepStrictEqual(asked, [...routes, "192.0.2.1"])
      assert.strictEqual(sources.peek(ip("192.0.2.1")), SourceAddress.noRoute)
    }))

  it.effect("asks again after the time to live it is given", () =>
    Effect.gen(function*() {
      const { asked, make } = recorded({ timeToLive: "1 minute" })
      const sources = yield* make
      yield* fill(sources)
      yield* TestClock.adjust("59 seconds")
      yield* fill(sources)
      assert.deepStrictEqual(asked, routes)
      yield* TestClock.adjust("1 second")
      yield* fill(sources)
      assert.deepStrictEqual(asked, [...routes, ...routes])
    }))

  it.effect("asks again when the clock was set back", () =>
    Effect.gen(function*() {
      const { asked, make } = recorded()
      const sources = yield* make
      yield* TestClock.setTime(1_000_000)
      yield* fill(sources)
      yield* TestClock.setTime(999_000)
      yield* fill(sources)
      assert.deepStrictEqual(asked, [...routes, ...routes])
    }))

  it.effect("asks once for a destination that is named twice, and for an equal one", () =>
    Effect.gen(function*() {
      const { asked, make } = recorded()
      const sources = yield* make
      const destination = ip("192.0.2.1")
      yield* fill(sources, destination, destination, "192.0.2.1")
      assert.deepStrictEqual(asked, [...routes, "192.0.2.1"])
    }))

  it.effect("asks once for what several callers miss at the same time", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const sources = yield* SourceAddress.make({
        internet,
        probe: (destination) => {
          asked.push(NetAddress.formatIp(destination))
          return Effect.as(Deferred.await(gate), byFamily(destination))
        }
      })
      const one = yield* Effect.forkChild(fill(sources, "192.0.2.1"), { startImmediately: true })
      const other = yield* Effect.forkChild(fill(sources, "192.0.2.1", "192.0.2.2"), {
        startImmediately: true
      })
      yield* TestClock.adjust("20 millis")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(one)
      yield* Fiber.join(other)
      assert.deepStrictEqual(asked, [...routes, "192.0.2.1", "192.0.2.2"])
      assert.strictEqual(sources.peek(ip("192.0.2.2")), ipv4)
    }))

  it.effect("asks about 64 destinations at most, and 16 at a time", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      let asked = 0
      const sources = yield* SourceAddress.make({
        internet,
        probe: (destination) =>
          Effect.gen(function*() {
            asked++
            most = Math.max(most, ++running)
            yield* Effect.yieldNow
            running--
            return byFamily(destination)
          })
      })
      const destinations = Array.from({ length: 100 }, (_, index) => ip(`192.0.2.${index}`))
      yield* fill(sources, ...destinations)
      assert.strictEqual(asked, 64 + routes.length)
      assert.strictEqual(most, 16)
      assert.strictEqual(sources.peek(ip("192.0.2.63")), ipv4)
      assert.strictEqual(sources.peek(ip("192.0.2.64")), SourceAddress.unknown)
      yield* fill(sources, ...destinations)
      assert.strictEqual(asked, 100 + routes.length)
    }))

  it.effect("goes on after 100 ms, with what was answered, and does not wait again until it is due", () =>
    Effect.gen(function*() {
      let asked = 0
      const sources = yield* SourceAddress.make({
        internet,
        probe: (destination) => {
          asked++
          return NetAddress.isIpv4Address(destination) ? Effect.succeed(ipv4) : Effect.never
        }
      })
      const destinations = [ip("2001:db8::1"), ip("192.0.2.1")]
      const fiber = yield* Effect.forkChild(fill(sources, ...destinations), { startImmediately: true })
      yield* TestClock.adjust("99 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual(asked, 4)
      assert.strictEqual(sources.peek(ip("192.0.2.1")), ipv4)
      assert.strictEqual(sources.peek(ip("2001:db8::1")), SourceAddress.unknown)
      yield* fill(sources, ...destinations)
      assert.strictEqual(asked, 4)
    }))

  it.effect("forgets an old answer that it could not renew", () =>
    Effect.gen(function*() {
      let hangs = false
      const sources = yield* SourceAddress.make({
        internet,
        probe: (destination) => hangs ? Effect.never : Effect.succeed(byFamily(destination))
      })
      yield* fill(sources, "192.0.2.1")
      hangs = true
      yield* TestClock.adjust("5 seconds")
      const fiber = yield* Effect.forkChild(fill(sources, "192.0.2.1"), { startImmediately: true })
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual(sources.peek(ip("192.0.2.1")), SourceAddress.unknown)
    }))

  it.effect("remembers as many destinations as it may, forgets the oldest, and keeps the routes", () =>
    Effect.gen(function*() {
      const { make } = recorded({ capacity: 130 })
      const sources = yield* make
      const destinations = Array.from({ length: 129 }, (_, index) => ip(`192.0.2.${index}`))
      for (const destination of destinations) yield* fill(sources, destination)
      const known = destinations.filter((destination) => sources.peek(destination) === ipv4)
      assert.deepStrictEqual(known, destinations.slice(1))
      assert.strictEqual(sources.route("IPv6"), ipv6)
    }))

  it.effect("counts a destination that is asked about again as the latest", () =>
    Effect.gen(function*() {
      const { make } = recorded({ capacity: 128, timeToLive: "1 second" })
      const sources = yield* make
      yield* fill(sources, "198.51.100.1", "198.51.100.2")
      yield* TestClock.adjust("1 second")
      yield* fill(sources, "198.51.100.1")
      for (let index = 0; index < 125; index++) yield* fill(sources, `192.0.2.${index}`)
      assert.strictEqual(sources.peek(ip("198.51.100.1")), ipv4)
      assert.strictEqual(sources.peek(ip("198.51.100.2")), SourceAddress.unknown)
    }))

  it.effect("remembers what one fill learned, however small its capacity", () =>
    Effect.gen(function*() {
      const { make } = recorded({ capacity: 1 })
      const sources = yield* make
      const destinations = Array.from({ length: 64 }, (_, index) => ip(`192.0.2.${index}`))
      yield* fill(sources, ...destinations)
      assert.isTrue(destinations.every((destination) => sources.peek(destination) === ipv4))
      assert.strictEqual(sources.route("IPv6"), ipv6)
    }))

  it.effect("lets the next caller ask when one is interrupted", () =>
    Effect.gen(function*() {
      let hangs = true
      const sources = yield* SourceAddress.make({
        internet,
        probe: (destination) => hangs ? Effect.never : Effect.succeed(byFamily(destination))
      })
      const fiber = yield* Effect.forkChild(fill(sources, "192.0.2.1"), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      hangs = false
      yield* fill(sources, "192.0.2.1")
      assert.strictEqual(sources.peek(ip("192.0.2.1")), ipv4)
    }))
})

describe("SourceAddresses.network", () => {
  const networkOf = (ipv4: SourceAddress.Source, ipv6: SourceAddress.Source) =>
    Effect.gen(function*() {
      const { make } = recorded({ probe: (destination) => NetAddress.isIpv4Address(destination) ? ipv4 : ipv6 })
      const sources = yield* make
      yield* fill(sources)
      return sources.network()
    })

  it.effect("names a network by the IPv4 source and the IPv6 prefix", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* networkOf(ipv4, ipv6), "192.0.2.9 2001:db8:1::/64")
      assert.strictEqual(yield* networkOf(ipv4, SourceAddress.noRoute), "192.0.2.9")
      assert.strictEqual(yield* networkOf(SourceAddress.noRoute, ipv6), "2001:db8:1::/64")
    }))

  it.effect("stays the same when a temporary IPv6 address changes", () =>
    Effect.gen(function*() {
      const temporary = SourceAddress.known(ip("2001:db8:1::dead:beef"), 64)
      assert.strictEqual(yield* networkOf(ipv4, temporary), yield* networkOf(ipv4, ipv6))
    }))

  it.effect("is empty before anything is known, and offline", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* recorded().make).network(), "")
      assert.strictEqual(yield* networkOf(SourceAddress.noRoute, SourceAddress.noRoute), "")
    }))

  it.effect("changes with the routes, and stays while one of them is unknown", () =>
    Effect.gen(function*() {
      let answer: SourceAddress.Source = ipv4
      const { make } = recorded({
        probe: (destination) => NetAddress.isIpv4Address(destination) ? answer : SourceAddress.noRoute
      })
      const sources = yield* make
      const seen: Array<string> = []
      for (const next of [ipv4, SourceAddress.unknown, SourceAddress.known(ip("198.51.100.9"), 24)]) {
        answer = next
        yield* TestClock.adjust("5 seconds")
        yield* fill(sources)
        seen.push(sources.network())
      }
      assert.deepStrictEqual(seen, ["192.0.2.9", "192.0.2.9", "198.51.100.9"])
    }))
})
