import { assert, describe, it } from "@effect/vitest"
import type { Dialer } from "@happy-eyeballs/core/Dialer"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type { Resolver } from "@happy-eyeballs/core/Resolver"
import * as SimulatedNetwork from "@happy-eyeballs/core/testing/SimulatedNetwork"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import {
  NodeDialer,
  NodeHappyEyeballs,
  NodeNameServer,
  NodeResolver,
  NodeStubResolver,
  NodeSystemResolver
} from "@happy-eyeballs/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Servers from "../fixtures/Servers.ts"

const ca = new URL("../fixtures/certificates/ca.pem", import.meta.url).pathname

/** The program: it knows of no resolver and of no network. */
const program = (target: string) =>
  Effect.scoped(Effect.gen(function*() {
    const happyEyeballs = yield* HappyEyeballs
    const { report } = yield* happyEyeballs.connect(target, { family: "IPv4" })
    return report.winner?.address
  }))

const zone = Zone.fromLinesUnsafe(["localhost.test. 60 IN A 127.0.0.1"])

describe("layers", () => {
  it.live("let one program run over UDP, TCP, TLS and a simulated network with one line changed", () =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      const names = yield* NodeNameServer.run({ tls: Certificates.server, answer: (query) => Zone.answer(zone, query) })
      const over = (server: string) => Layer.mergeAll(NodeStubResolver.layer([server]), NodeDialer.layer)
      const networks: Record<string, Layer.Layer<Resolver | Dialer, unknown>> = {
        udp: over(`udp://127.0.0.1:${names.port}`),
        tcp: over(`tcp://127.0.0.1:${names.port}`),
        tls: over(`tls://127.0.0.1:${names.tlsPort}?ca=${ca}`),
        simulated: SimulatedNetwork.layer({
          names: { "localhost.test": [{ type: "A", addresses: ["127.0.0.1"] }] },
          network: { "127.0.0.1": { outcome: "accept" } }
        })
      }
      for (const [name, network] of Object.entries(networks)) {
        const winner = yield* Effect.provide(
          program(`localhost.test:${port}`),
          NodeHappyEyeballs.layerNoDeps.pipe(Layer.provide(network))
        )
        assert.strictEqual(winner, "127.0.0.1", name)
      }
    })))

  it.live("let it run on the system's resolver and on the system's settings, for a name that needs no network", () =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = yield* Servers.tcp(Servers.echo)
      for (const resolver of [NodeResolver.layer, NodeSystemResolver.layer()]) {
        const winner = yield* Effect.provide(
          program(`localhost:${port}`),
          NodeHappyEyeballs.layerNoDeps.pipe(Layer.provide([resolver, NodeDialer.layer]))
        )
        assert.strictEqual(winner, "127.0.0.1")
      }
    })))
})
