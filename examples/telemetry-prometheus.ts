// Metrics of connects, for Prometheus to collect.
//
//   node examples/telemetry-prometheus.ts 9464 192.0.2.1:443 192.0.2.2:443
import { ConnectMetrics } from "@happy-eyeballs/core"
import { HappyEyeballsLive, NodeHappyEyeballs } from "@happy-eyeballs/node"
import { Console, Effect, Layer } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const [, , port = "9464", ...addresses] = process.argv

const program = Effect.gen(function*() {
  yield* Effect.scoped(NodeHappyEyeballs.connect(addresses))
  const metrics = Effect.runPromiseWith(yield* Effect.context())
  const server = createServer(async (_, response) => {
    response.setHeader("content-type", "text/plain; version=0.0.4").end(await metrics(PrometheusMetrics.format()))
  })
  yield* Effect.callback<void>((resume) => {
    server.listen(Number(port), "127.0.0.1", () => resume(Effect.void))
  })
  const { port: open } = server.address() as AddressInfo
  yield* Console.log(`http://127.0.0.1:${open}/metrics, until interrupted`)
  return yield* Effect.never
})

const measured = Layer.provideMerge(ConnectMetrics.layer(), HappyEyeballsLive)

await Effect.runPromise(Effect.provide(program, measured))
