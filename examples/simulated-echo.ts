/**
 * Testing a service of your own on a simulated network.
 *
 * `EchoClient` is ordinary code over `Socket.Socket`: it does not know that
 * this network is made of data. The set-up is the ten lines of `network`.
 *
 * Run it with: npx node --conditions=@happy-eyeballs/source examples/simulated-echo.ts
 */
import { HappyEyeballs } from "@happy-eyeballs/core"
import { SimulatedNetwork, SimulatedServer, VirtualTime } from "@happy-eyeballs/core/testing"
import { Context, Effect, Layer } from "effect"
import * as Socket from "effect/socket/Socket"
import * as assert from "node:assert/strict"

class EchoClient extends Context.Service<EchoClient, {
  readonly echo: (text: string) => Effect.Effect<{ readonly answer: string; readonly from: string | undefined }, Error>
}>()("examples/EchoClient") {
  static readonly layer = Layer.effect(
    EchoClient,
    Effect.gen(function*() {
      const happyEyeballs = yield* HappyEyeballs.HappyEyeballs
      return {
        echo: Effect.fnUntraced(
          function*(text) {
            const { report, socket } = yield* happyEyeballs.connect("echo.example:7")
            const pull = yield* Socket.readerString(socket)
            const writer = yield* socket.writer
            yield* writer.write(text)
            let answer = ""
            while (answer.length < text.length) answer += (yield* pull).join("")
            return { answer, from: report.winner?.address }
          },
          Effect.scoped
        )
      }
    })
  )
}

const network = SimulatedNetwork.layer({
  names: {
    "echo.example": [
      { type: "AAAA", afterMs: 20, addresses: ["2001:db8::7"] },
      { type: "A", afterMs: 25, addresses: ["192.0.2.7"] }
    ]
  },
  // The IPv6 address is not listed: it drops every packet.
  network: { "192.0.2.7": { outcome: "accept", afterMs: 30, latencyMs: 15, serve: SimulatedServer.echo } }
})

const test = Effect.gen(function*() {
  const client = yield* EchoClient
  const { answer, from } = yield* client.echo("hello, happy eyeballs")
  assert.deepStrictEqual([answer, from], ["hello, happy eyeballs", "192.0.2.7"])

  const { assertNothingOpen, timeline } = yield* SimulatedNetwork.SimulatedNetwork
  yield* assertNothingOpen
  return yield* timeline
})

const layer = EchoClient.layer.pipe(
  Layer.provide(HappyEyeballs.HappyEyeballs.layer),
  Layer.provideMerge(network)
)

for (const { address, atMs, event } of VirtualTime.runUnsafe(Effect.provide(test, layer))) {
  console.log(`${String(atMs).padStart(4)} ms  ${event.padEnd(9)}  ${address}`)
}
