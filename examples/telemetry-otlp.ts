// Spans, metrics and logs of connects, sent to an OpenTelemetry collector.
//
//   node examples/telemetry-otlp.ts http://127.0.0.1:4318 192.0.2.1:443 192.0.2.2:443
import { ConnectLog, ConnectMetrics, ConnectSpans } from "@happy-eyeballs/core"
import { HappyEyeballsLive, NodeHappyEyeballs } from "@happy-eyeballs/node"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"

const [, , collector = "http://127.0.0.1:4318", ...addresses] = process.argv

const telemetry = Layer.mergeAll(ConnectSpans.layer, ConnectMetrics.layer(), ConnectLog.layer()).pipe(
  Layer.provideMerge(HappyEyeballsLive),
  Layer.provideMerge(Otlp.layerJson({ baseUrl: collector, resource: { serviceName: "example" } })),
  Layer.provide(FetchHttpClient.layer)
)

const program = Effect.scoped(NodeHappyEyeballs.connect(addresses)).pipe(Effect.withSpan("request"))

await Effect.runPromise(Effect.provide(program, telemetry))
