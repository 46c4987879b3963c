import { assert, describe } from "@effect/vitest"
import { Resolver } from "@happy-eyeballs/core"
import { SimulatedNetwork, type World } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { inSimulatedTime } from "./runners.ts"

const say = (answer: Resolver.Answer): string => {
  const ttl = answer.ttl === undefined ? "" : ` for ${Duration.toSeconds(answer.ttl)} s`
  switch (answer._tag) {
    case "Addresses":
      return `${answer.type} ${answer.addresses.map(NetAddress.formatIp).join(" ") || "none"}${ttl}`
    case "Services":
      return `${answer.type} ${answer.records.length} records${ttl}`
    case "Failed":
      return `${answer.type} ${answer.error.reason}${ttl}`
  }
}

/** What was answered, when, and when the stream ended or that it had not after a minute. */
const ask = (name: string, ...types: [Resolver.AnswerType, ...Array<Resolver.AnswerType>]) =>
  Effect.gen(function*() {
    const resolver = yield* Resolver.Resolver
    const lines: Array<string> = []
    const note = (what: string) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        lines.push(`${now} ${what}`)
      })
    yield* resolver.resolve({ name: Host.domainNameFromStringUnsafe(name), types }).pipe(
      Stream.runForEach((answer) => note(say(answer))),
      Effect.andThen(note("end")),
      Effect.timeoutOrElse({ duration: "1 minute", orElse: () => note("silence") })
    )
    return lines
  })

const inWorld = (names: World.World["names"]) => Effect.provide(SimulatedNetwork.layer({ names }))

describe("the resolver of a simulated network", () => {
  inSimulatedTime(
    "gives each answer at its time, in array order where times tie, and then ends",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* ask("dual.example", "AAAA", "A", "HTTPS"), [
          "10 AAAA 2001:db8::1 for 60 s",
          "20 A 192.0.2.1 192.0.2.2",
          "20 HTTPS 1 records",
          "35 AAAA 2001:db8::2 for 0 s",
          "35 end"
        ])
      }).pipe(inWorld({
        "dual.example": [
          { type: "AAAA", afterMs: 35, addresses: ["2001:db8::2"], ttlSeconds: 0 },
          { type: "A", afterMs: 20, addresses: ["192.0.2.1", "192.0.2.2"] },
          { type: "HTTPS", afterMs: 20, records: [{ priority: 1, target: "." }] },
          { type: "AAAA", afterMs: 10, addresses: ["2001:db8::1"], ttlSeconds: 60 }
        ]
      }))
  )

  inSimulatedTime(
    "answers with failures and with nothing, at once where no time is given",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* ask("dual.example", "AAAA", "A"), [
          "0 AAAA none",
          "7 A NotFound for 30 s",
          "7 end"
        ])
      }).pipe(inWorld({
        "dual.example": [{ type: "A", afterMs: 7, reason: "NotFound", ttlSeconds: 30 }, { type: "AAAA", addresses: [] }]
      }))
  )

  inSimulatedTime("never answers a type or a name that is not listed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ask("v4.example", "AAAA", "A"), ["5 A 192.0.2.1", "60000 silence"])
      assert.deepStrictEqual(yield* ask("v4.example", "A"), ["60005 A 192.0.2.1", "60005 end"])
      assert.deepStrictEqual(yield* ask("other.example", "A"), ["120005 silence"])
    }).pipe(inWorld({ "v4.example": [{ type: "A", afterMs: 5, addresses: ["192.0.2.1"] }] })))

  inSimulatedTime("counts from each query anew", () =>
    Effect.gen(function*() {
      yield* Effect.sleep(100)
      assert.deepStrictEqual(yield* ask("a.example", "A"), ["105 A 192.0.2.1", "105 end"])
      assert.deepStrictEqual(yield* ask("a.example", "A"), ["110 A 192.0.2.1", "110 end"])
    }).pipe(inWorld({ "a.example": [{ type: "A", afterMs: 5, addresses: ["192.0.2.1"] }] })))

  inSimulatedTime(
    "takes names as they are written: any case, with or without the last dot, international",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* ask("DUAL.example.", "A"), ["0 A 192.0.2.1", "0 end"])
        assert.deepStrictEqual(yield* ask("b.example", "A"), ["0 A 192.0.2.2", "0 end"])
        assert.deepStrictEqual(yield* ask("xn--bcher-kva.example", "A"), ["0 A 192.0.2.3", "0 end"])
      }).pipe(inWorld({
        "dual.EXAMPLE": [{ type: "A", addresses: ["192.0.2.1"] }],
        "b.example.": [{ type: "A", addresses: ["192.0.2.2"] }],
        "bücher.example": [{ type: "A", addresses: ["192.0.2.3"] }]
      }))
  )

  inSimulatedTime("gives HTTPS records whole, with RFC 9460's defaults", () =>
    Effect.gen(function*() {
      const resolver = yield* Resolver.Resolver
      const name = Host.domainNameFromStringUnsafe("svc.example")
      const answers = yield* Stream.runCollect(resolver.resolve({ name, types: ["HTTPS"] }))
      assert.deepStrictEqual(answers, [{
        _tag: "Services",
        owner: name,
        type: "HTTPS",
        source: "network",
        ttl: undefined,
        records: [
          {
            priority: 0,
            target: Host.domainNameFromStringUnsafe("other.example"),
            alpn: [],
            noDefaultAlpn: false,
            port: undefined,
            ipv4hint: [],
            ipv6hint: [],
            mandatory: [],
            ech: undefined
          },
          {
            priority: 2,
            target: Host.domainNameFromStringUnsafe("."),
            alpn: ["h2"],
            noDefaultAlpn: true,
            port: 8443,
            ipv4hint: [Result.getOrThrow(NetAddress.ipv4FromString("192.0.2.1"))],
            ipv6hint: [Result.getOrThrow(NetAddress.ipv6FromString("2001:db8::2"))],
            mandatory: [1, 4, 667],
            ech: undefined
          }
        ]
      }])
    }).pipe(inWorld({
      "svc.example": [{
        type: "HTTPS",
        records: [
          { priority: 0, target: "other.example" },
          {
            priority: 2,
            target: ".",
            alpn: ["h2"],
            noDefaultAlpn: true,
            port: 8443,
            ipv4hint: ["192.0.2.1"],
            ipv6hint: ["2001:db8::2"],
            mandatory: [1, "ipv4hint", "key667"]
          }
        ]
      }]
    })))

  inSimulatedTime("answers a query by the world in which it was asked", () =>
    Effect.gen(function*() {
      const network = yield* SimulatedNetwork.SimulatedNetwork
      const underway = yield* Effect.forkChild(ask("a.example", "A"), { startImmediately: true })
      yield* Effect.sleep(1)
      yield* network.update({ names: { "a.example": [{ type: "A", reason: "ServerFailure" }] } })
      assert.deepStrictEqual(yield* ask("a.example", "A"), ["1 A ServerFailure", "1 end"])
      assert.deepStrictEqual(yield* Fiber.join(underway), ["5 A 192.0.2.1", "5 end"])
    }).pipe(inWorld({ "a.example": [{ type: "A", afterMs: 5, addresses: ["192.0.2.1"] }] })))
})
