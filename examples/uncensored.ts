// The founding article's program: names from a resolver of one's own choice, over
// TLS and pinned to its key, then the fastest of all addresses and ports.
//
//   node examples/uncensored.ts 'tls:IP!key-fp:SHA256:BASE64' ygg.re 443 80
import { NodeDialer, NodeHappyEyeballs, NodeStubResolver } from "@happy-eyeballs/node"
import { Console, Effect, Layer } from "effect"

const [, , resolver = "", host = "", ...ports] = process.argv

const program = Effect.flatMap(
  NodeHappyEyeballs.connect({ host, ports }),
  ({ report: { winner } }) => Console.log(`Connected to ${winner?.address}:${winner?.port}`)
)

const live = NodeHappyEyeballs.layerNoDeps.pipe(
  Layer.provide([NodeDialer.layer, NodeStubResolver.layer([resolver])])
)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(live)))
