import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Endpoint from "../../Endpoint.ts"
import type { Connection } from "./connection.ts"
import type { LiveWorld } from "./world.ts"

/**
 * One step in the life of a socket.
 *
 * @internal
 */
export type Step = "open" | "connected" | "failed" | "closed"

/**
 * The state of one simulated network.
 *
 * @internal
 */
export class Network {
  readonly sockets = new Set<DialledSocket>()
  readonly steps: Array<{ readonly atMs: number; readonly event: Step; readonly endpoint: Endpoint.Endpoint }> = []
  readonly world: LiveWorld
  /** Owns the servers and what is underway. */
  readonly scope: Scope.Scope
  private readonly startMs: number

  constructor(world: LiveWorld, scope: Scope.Scope, clock: Clock.Clock) {
    this.world = world
    this.scope = scope
    this.startMs = clock.currentTimeMillisUnsafe()
  }

  /** Milliseconds since the network began. */
  elapsedMs(clock: Clock.Clock): number {
    return clock.currentTimeMillisUnsafe() - this.startMs
  }
}

/**
 * A client's socket: open from the dial's start until it failed or was closed.
 *
 * @internal
 */
export class DialledSocket {
  readonly endpoint: Endpoint.Endpoint
  openedAtMs = 0
  connection: Connection | undefined
  private listeners: Array<() => void> = []
  private readonly network: Network
  private readonly clock: Clock.Clock

  constructor(network: Network, endpoint: Endpoint.Endpoint, clock: Clock.Clock) {
    this.network = network
    this.endpoint = endpoint
    this.clock = clock
  }

  open(): void {
    this.openedAtMs = this.network.elapsedMs(this.clock)
    this.network.sockets.add(this)
    this.record("open")
  }

  connected(connection: Connection): void {
    this.connection = connection
    this.record("connected")
  }

  /** Says how the socket ended, the first time that it does. */
  ended(event: "failed" | "closed"): void {
    if (!this.network.sockets.delete(this)) return
    this.record(event)
    const listeners = this.listeners
    this.listeners = []
    for (const listener of listeners) listener()
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.ended("closed")
    return this.connection === undefined ? Effect.void : this.connection.close
  })

  readonly onClose = (listener: () => void): void => {
    if (this.network.sockets.has(this)) this.listeners.push(listener)
    else listener()
  }

  private record(event: Step): void {
    this.network.steps.push({ atMs: this.network.elapsedMs(this.clock), event, endpoint: this.endpoint })
  }
}
