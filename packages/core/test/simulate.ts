import {
  type ConnectError,
  type ConnectEvent,
  type ConnectOptions,
  HappyEyeballs,
  type Target
} from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** A target, its world, and how to connect. */
export interface Plan {
  readonly world: World.World
  readonly target?: Target.TargetInput
  readonly options?: ConnectOptions.ConnectOptions
  readonly layerOptions?: ConnectOptions.ConnectOptions
  /** What happens to the world while the connect runs. */
  readonly changes?: ReadonlyArray<readonly [atMs: number, change: World.World]>
  /** When the caller is interrupted. */
  readonly interruptAtMs?: number
}

/** What happened, in the words of the tests. */
export interface Outcome {
  readonly won: string | undefined
  readonly atMs: number
  readonly error: ConnectError.ConnectError | undefined
  readonly interrupted: boolean
  /** `"0 open 2001:db8::1"`, in order, until everything is closed. */
  readonly timeline: ReadonlyArray<string>
  /** When each attempt started, by address, or by address and port with several ports. */
  readonly starts: Readonly<Record<string, number>>
  readonly events: ReadonlyArray<ConnectEvent.ConnectEvent>
}

export const dual = "dual.example:443"

/** Answers of `dual.example`, with times in milliseconds. */
export const names = (
  ...answers: ReadonlyArray<
    readonly [type: "A" | "AAAA", atMs: number, ...addresses: ReadonlyArray<string>]
  >
): World.World["names"] => ({
  "dual.example": answers.map(([type, afterMs, ...addresses]) => ({ type, afterMs, addresses, ttlSeconds: 60 }))
})

/** Connects in virtual time and tells everything that happened; dies when a socket is left open. */
export const connect = (plan: Plan): Outcome =>
  VirtualTime.runUnsafe(
    Effect.gen(function*() {
      const service = yield* HappyEyeballs.HappyEyeballs
      const network = yield* SimulatedNetwork.SimulatedNetwork
      const events: Array<ConnectEvent.ConnectEvent> = []
      yield* Effect.forkScoped(
        Stream.runForEach(service.events, (event) => Effect.sync(() => void events.push(event))),
        { startImmediately: true }
      )
      for (const [atMs, change] of plan.changes ?? []) {
        yield* Effect.forkScoped(Effect.andThen(Effect.sleep(atMs), network.update(change)), { startImmediately: true })
      }
      const fiber = yield* Effect.forkChild(Effect.scoped(
        service.connect(plan.target ?? dual, plan.options).pipe(
          Effect.tap(() => Effect.map(network.openSockets, (open) => assertOnly(open)))
        )
      ))
      if (plan.interruptAtMs !== undefined) {
        yield* Effect.sleep(plan.interruptAtMs)
        yield* Fiber.interrupt(fiber)
      }
      const exit = yield* Fiber.await(fiber)
      const atMs = yield* Clock.currentTimeMillis
      yield* network.assertNothingOpen
      // A turn for the reader of the events.
      yield* Effect.sleep(0)
      const timeline = yield* network.timeline
      const ports = new Set(timeline.map(({ port }) => port)).size > 1
      const text = ({ address, port }: { readonly address: string; readonly port: number | null }) =>
        ports ? `${address} ${port}` : address
      const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
      if (Exit.isFailure(exit) && Exit.hasDies(exit)) return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      return {
        won: Exit.isSuccess(exit) ? exit.value.report.winner?.address : undefined,
        atMs: Exit.isSuccess(exit) ? exit.value.report.elapsedMs : atMs,
        error: failure,
        interrupted: Exit.isFailure(exit) && failure === undefined,
        timeline: timeline.map((entry) => `${entry.atMs} ${entry.event} ${text(entry)}`),
        starts: Object.fromEntries(
          timeline.filter(({ event }) => event === "open").map((entry) => [text(entry), entry.atMs])
        ),
        events
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(
        (plan.layerOptions === undefined
          ? HappyEyeballs.HappyEyeballs.layer
          : HappyEyeballs.HappyEyeballs.layerOptions(plan.layerOptions)).pipe(
            Layer.provideMerge(SimulatedNetwork.layer(plan.world))
          )
      )
    )
  )

const assertOnly = (open: number) => {
  if (open !== 1) throw new Error(`${open} sockets are open beside the winner when connect returns`)
}
