/**
 * A network that fits in a test.
 *
 * A `World` says how names and addresses behave; this module brings it to
 * life as the `Resolver` and the `Dialer` that connecting needs. Connections
 * carry bytes, so code above `Socket.Socket` runs on it too. Time is the
 * fiber's own `Clock`: run it with `run`, where time advances by itself, or
 * under `TestClock`. Nothing leaves the process.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { Dialer } from "../Dialer.ts"
import * as Endpoint from "../Endpoint.ts"
import { Resolver } from "../Resolver.ts"
import { SourceAddress } from "../SourceAddress.ts"
import { makeDialer } from "./internal/dialer.ts"
import { Network } from "./internal/network.ts"
import { makeResolver } from "./internal/resolver.ts"
import { LiveWorld, makeSourceAddresses } from "./internal/world.ts"
import * as VirtualTime from "./VirtualTime.ts"
import type { World } from "./World.ts"

/**
 * One step in the life of a socket, in milliseconds since the network began.
 *
 * **Details**
 *
 * `open`: a dial began. `connected`: it succeeded, TLS included. `failed`: it
 * did not, and the socket is closed. `closed`: the socket was closed, by the
 * client, by the server, or because the dial was interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimelineEntry {
  readonly atMs: number
  readonly event: "open" | "connected" | "failed" | "closed"
  /** The address, or the path of a Unix socket. */
  readonly address: string
  readonly port: number | null
}

/**
 * Sockets were left open.
 *
 * @category errors
 * @since 0.1.0
 */
export class SocketsLeftOpen extends Data.TaggedError("SocketsLeftOpen")<{
  readonly sockets: ReadonlyArray<{
    readonly endpoint: Endpoint.Endpoint
    readonly connected: boolean
    readonly openedAtMs: number
  }>
}> {
  override get message(): string {
    const list = this.sockets.map(({ connected, endpoint, openedAtMs }) =>
      `${Endpoint.format(endpoint)} (${connected ? "connected" : "connecting"}, opened at ${openedAtMs} ms)`
    )
    return `left open: ${list.join(", ")}`
  }
}

/**
 * Service that watches and changes a simulated network.
 *
 * **Example** (Falling back to IPv4)
 *
 * ```ts
 * import { HappyEyeballs } from "@happy-eyeballs/core"
 * import { SimulatedNetwork } from "@happy-eyeballs/core/testing"
 * import { Effect, Layer } from "effect"
 *
 * const network = SimulatedNetwork.layer({
 *   names: {
 *     "dual.example": [
 *       { type: "AAAA", afterMs: 20, addresses: ["2001:db8::1"] },
 *       { type: "A", afterMs: 22, addresses: ["192.0.2.1"] }
 *     ]
 *   },
 *   network: { "192.0.2.1": { outcome: "accept", afterMs: 30 } }
 * })
 *
 * const program = Effect.gen(function*() {
 *   const eyeballs = yield* HappyEyeballs.HappyEyeballs
 *   const { report } = yield* eyeballs.connect("dual.example:443")
 *   return [report.winner?.address, report.elapsedMs]
 * })
 *
 * const layer = Layer.provideMerge(HappyEyeballs.HappyEyeballs.layer, network)
 *
 * SimulatedNetwork.run(Effect.provide(Effect.scoped(program), layer)) // Exit.succeed(["192.0.2.1", 300])
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class SimulatedNetwork extends Context.Service<SimulatedNetwork, {
  /** How many sockets are open now, those that are still connecting included. */
  readonly openSockets: Effect.Effect<number>
  /** Everything that has happened to sockets, in order. */
  readonly timeline: Effect.Effect<ReadonlyArray<TimelineEntry>>
  /** Dies with `SocketsLeftOpen` when a socket is open. */
  readonly assertNothingOpen: Effect.Effect<void>
  /**
   * Changes the world: what is given replaces what was there under the same
   * key. Queries and packets that are already underway do not change; a SYN
   * that is sent again later meets the new world. Dies with `InvalidWorld`.
   */
  readonly update: (change: World) => Effect.Effect<void>
}>()("@happy-eyeballs/core/testing/SimulatedNetwork") {
  /**
   * Layer that brings a world to life, the host's source addresses included.
   * Dies with `InvalidWorld`.
   *
   * @since 0.1.0
   */
  static readonly layer = (world: World): Layer.Layer<SimulatedNetwork | Resolver | Dialer> =>
    Layer.effectContext(Effect.gen(function*() {
      const live = new LiveWorld()
      yield* update(live, world)
      const network = new Network(live, yield* Effect.scope, yield* Clock.Clock)
      return Context.make(SimulatedNetwork, watch(network)).pipe(
        Context.add(Resolver, makeResolver(({ name }) => live.answersOf(name))),
        Context.add(Dialer, makeDialer(network)),
        Context.add(SourceAddress, makeSourceAddresses(live))
      )
    }))
}

/**
 * Layer that brings a world to life: `SimulatedNetwork.layer`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: (world: World) => Layer.Layer<SimulatedNetwork | Resolver | Dialer> = SimulatedNetwork.layer

/**
 * Runs an effect in virtual time: `VirtualTime.run`.
 *
 * @category running
 * @since 0.1.0
 */
export const run: <A, E>(
  effect: Effect.Effect<A, E>,
  options?: VirtualTime.Options
) => Exit.Exit<A, E | VirtualTime.Deadlock | VirtualTime.StepLimitReached> = VirtualTime.run

const update = (live: LiveWorld, change: World): Effect.Effect<void> => Effect.sync(() => live.updateUnsafe(change))

const watch = (network: Network): SimulatedNetwork["Service"] => ({
  openSockets: Effect.sync(() => network.sockets.size),
  timeline: Effect.sync(() =>
    network.steps.map(({ atMs, endpoint, event }) => ({
      atMs,
      event,
      address: Endpoint.formatAddress(endpoint),
      port: Endpoint.port(endpoint) ?? null
    }))
  ),
  assertNothingOpen: Effect.suspend(() => {
    if (network.sockets.size === 0) return Effect.void
    const sockets = Array.from(network.sockets, ({ connection, endpoint, openedAtMs }) => ({
      endpoint,
      connected: connection !== undefined,
      openedAtMs
    }))
    return Effect.die(new SocketsLeftOpen({ sockets }))
  }),
  update: (change) => update(network.world, change)
})
