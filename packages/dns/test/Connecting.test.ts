import { assert, describe, it } from "@effect/vitest"
import { Dialer, HappyEyeballs } from "@happy-eyeballs/core"
import * as Endpoint from "@happy-eyeballs/core/Endpoint"
import { StubResolver } from "@happy-eyeballs/dns"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describeQuery } from "./support/network.ts"
import { run, server, zoneServer } from "./support/resolver.ts"

const place = "192.0.2.53:53"
const config: StubResolver.Config = { servers: [server(place)] }

/** The racer over a stub resolver; every dial is the test's own. */
const racerOver = (stub: StubResolver.StubResolver["Service"]) =>
  Layer.build(HappyEyeballs.HappyEyeballs.layer.pipe(
    Layer.provide([
      StubResolver.StubResolver.layerResolver,
      Layer.succeed(Dialer.Dialer, { dial: () => Effect.die("each connect brings its own dial") })
    ]),
    Layer.provide(Layer.succeed(StubResolver.StubResolver, stub))
  ))

const connecting = <A, E>(
  stub: StubResolver.StubResolver["Service"],
  use: (connect: (dead: ReadonlySet<string>) => Effect.Effect<string, unknown>) => Effect.Effect<A, E>
) =>
  Effect.scoped(Effect.gen(function*() {
    const racer = yield* racerOver(stub)
    return yield* use((dead) =>
      Effect.scoped(Effect.flatMap(HappyEyeballs.HappyEyeballs, ({ connectWith }) =>
        connectWith("www.example:443", (endpoint) => {
          const address = Endpoint.formatAddress(endpoint)
          return Effect.andThen(
            Effect.sleep(10),
            dead.has(address)
              ? Effect.fail(new Dialer.DialFailed({ endpoint, kind: "Refused", code: "ECONNREFUSED" }))
              : Effect.succeed(address)
          )
        }))).pipe(Effect.provide(racer))
    )
  }))

describe("connecting over a stub resolver", () => {
  it("shares three thousand connects out over three equal replicas, though the cache answers", () => {
    const zone = [1, 2, 3].map((last) => `www.example. 3600 IN A 192.0.2.${last}`)
    const { asked, value } = run(
      { [place]: zoneServer(zone) },
      config,
      (stub) => connecting(stub, (connect) => Effect.forEach(Array.from({ length: 3_000 }), () => connect(new Set()))),
      {}
    )
    for (const last of [1, 2, 3]) {
      const share = value.filter((address) => address === `192.0.2.${last}`).length / value.length
      assert.isTrue(share >= 0.25 && share <= 0.42, `192.0.2.${last} got ${share}`)
    }
    assert.isAtMost(asked.filter((line) => line.includes(" A ")).length, 2)
  })

  it("finds where a service has moved to when all that the cache has is dead", () => {
    let address = "192.0.2.1"
    const moving = {
      udp: (query: Uint8Array) => zoneServer([`www.example. 3600 IN A ${address}`]).udp?.(query, 0) ?? []
    }
    const { value } = run({ [place]: moving }, config, (stub) =>
      connecting(stub, (connect) =>
        Effect.gen(function*() {
          const before = yield* connect(new Set())
          address = "192.0.2.2"
          const begun = yield* Clock.currentTimeMillis
          const after = yield* connect(new Set(["192.0.2.1"]))
          return [before, after, (yield* Clock.currentTimeMillis) - begun < 1_000]
        })))
    assert.deepStrictEqual(value, ["192.0.2.1", "192.0.2.2", true])
  })

  it("connects over the family that answers while the other is never heard of", () => {
    const half = {
      udp: (query: Uint8Array) =>
        describeQuery(query).startsWith("AAAA")
          ? []
          : zoneServer(["www.example. 60 IN A 192.0.2.1"]).udp?.(query, 0) ?? []
    }
    const { value } = run(
      { [place]: half },
      config,
      (stub) => connecting(stub, (connect) => Effect.andThen(connect(new Set()), Clock.currentTimeMillis))
    )
    // The answer, the resolution delay, the dial.
    assert.strictEqual(value, 10 + 50 + 10)
  })
})
