import { assert, describe } from "@effect/vitest"
import { SourceAddress } from "@happy-eyeballs/core"
import { SimulatedNetwork } from "@happy-eyeballs/core/testing"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import { inSimulatedTime } from "./runners.ts"

const ip = NetAddress.ipFromStringUnsafe

const look = Effect.map(Effect.service(SourceAddress.SourceAddress), ({ network, peek, route }) => ({
  network: network(),
  routes: [route("IPv6"), route("IPv4")],
  peeked: ["2001:db8:1::1", "2001:db8:2::1", "192.0.2.1", "192.0.2.2"].map((text) => peek(ip(text)))
}))

describe("the source addresses of a simulated host", () => {
  inSimulatedTime("are unknown where the world says nothing", () =>
    Effect.gen(function*() {
      const { network, peeked, routes } = yield* look
      assert.strictEqual(network, "")
      assert.deepStrictEqual([...routes, ...peeked], Array.from({ length: 6 }, () => SourceAddress.unknown))
    }).pipe(Effect.provide(SimulatedNetwork.layer({}))))

  inSimulatedTime(
    "are those of the destination, or else of its family, and change with the world",
    () =>
      Effect.gen(function*() {
        const ours = SourceAddress.known(ip("2001:db8:1::5"), 48)
        const legacy = SourceAddress.known(ip("192.0.2.100"))
        const { noRoute } = SourceAddress
        assert.deepStrictEqual(yield* look, {
          network: "192.0.2.100/32 2001:db8:1::/48",
          routes: [ours, legacy],
          peeked: [ours, noRoute, legacy, SourceAddress.known(ip("10.0.0.1"), 8)]
        })
        const network = yield* SimulatedNetwork.SimulatedNetwork
        yield* network.update({ sources: { IPv6: null } })
        assert.deepStrictEqual(yield* look, {
          network: "192.0.2.100/32",
          routes: [noRoute, legacy],
          peeked: [noRoute, noRoute, legacy, SourceAddress.known(ip("10.0.0.1"), 8)]
        })
      }).pipe(Effect.provide(SimulatedNetwork.layer({
        sources: {
          IPv6: "2001:db8:1::5/48",
          IPv4: "192.0.2.100",
          // Not the canonical spelling.
          "2001:DB8:2:0::1": null,
          "192.0.2.2": "10.0.0.1/8"
        }
      })))
  )
})
