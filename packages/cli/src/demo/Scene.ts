/**
 * One scene of the demo: a network, our race on it and, beside it, Node's.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as NodeStubResolver from "@happy-eyeballs/node/dns/NodeStubResolver"
import * as NodeDialer from "@happy-eyeballs/node/NodeDialer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as DemoNetwork from "./DemoNetwork.ts"
import type { ListenFailed } from "./Loopback.ts"
import * as Names from "./Names.ts"
import * as NodeConnect from "./NodeConnect.ts"

/**
 * What happened in a scene, with the ports of the story.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome {
  readonly ours: ConnectReport.ConnectReport
  readonly nodes: ConnectReport.ConnectReport
  /** The ports that stood for 443 and 80. */
  readonly ports: readonly [number, number]
}

/**
 * The name that the story connects to.
 *
 * @category constants
 * @since 0.1.0
 */
export const host = "ygg.re"

// A SYN that was dropped is sent again after a second: by then there is room.
const releaseAfterMs = 400

/**
 * Plays a scene: both connect to the same addresses at the same time, ours to
 * ports 443 and 80 as in the article, Node's to 443, because it takes one.
 *
 * @category running
 * @since 0.1.0
 */
export const play = (
  members: ReadonlyArray<DemoNetwork.Member>
): Effect.Effect<Outcome, ListenFailed | DemoNetwork.NoFreePort> =>
  Effect.scoped(Effect.gen(function*() {
    const network = yield* DemoNetwork.open(members)
    const addresses = members.map(({ address }) => address)
    const { chosen } = yield* Names.open(host, addresses)
    yield* Effect.forkScoped(Effect.delay(network.release, releaseAfterMs))
    const [ours, nodes] = yield* Effect.all([
      race(chosen, [network.port, network.refusedPort]),
      NodeConnect.connect({
        host,
        port: network.port,
        addresses,
        answeredAfterMs: 30,
        limitMs: 5000
      })
    ], { concurrency: "unbounded" })
    const storyPorts = new Map([[network.port, 443], [network.refusedPort, 80]])
    return {
      ours: withPorts(ours, storyPorts),
      nodes: withPorts(nodes, storyPorts),
      ports: [network.port, network.refusedPort]
    }
  }))

const race = (
  server: string,
  ports: ReadonlyArray<number>
): Effect.Effect<ConnectReport.ConnectReport> =>
  HappyEyeballs.use((happyEyeballs) => happyEyeballs.connect({ host, ports })).pipe(
    Effect.match({ onSuccess: ({ report }) => report, onFailure: ({ report }) => report }),
    Effect.scoped,
    Effect.provide(HappyEyeballs.layer.pipe(
      Layer.provide([Layer.orDie(NodeStubResolver.layer([server])), NodeDialer.layer])
    ))
  )

const withPorts = (
  report: ConnectReport.ConnectReport,
  storyPorts: ReadonlyMap<number, number>
): ConnectReport.ConnectReport => {
  const rename = (port: number) => storyPorts.get(port) ?? port
  const renamed = <A extends { readonly port: number | null }>(one: A): A => ({
    ...one,
    port: one.port === null ? null : rename(one.port)
  })
  return {
    ...report,
    target: { ...report.target, ports: report.target.ports.map(rename) },
    winner: report.winner === null ? null : renamed(report.winner),
    attempts: report.attempts.map(renamed)
  }
}
