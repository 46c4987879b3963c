import { type ConnectReport, Dialer, HappyEyeballs, Resolver, SourceAddress } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime } from "@happy-eyeballs/core/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { endpointOf, optionsOf, type Outcome, targetOf, type Trial, worldOf } from "./worlds.ts"

/** What a trial came to, and what it left behind. */
export interface Performed {
  readonly outcome: Outcome
  /** `"0 open [2001:db8::1]:443"`, as the network saw it. */
  readonly timeline: ReadonlyArray<string>
  /** Sockets, and what attempts had acquired in their scopes. */
  readonly openAtReturn: readonly [sockets: number, acquired: number]
  readonly openAfterwards: readonly [sockets: number, acquired: number]
  /** The most attempts that held something at once. */
  readonly mostAcquired: number
  /** How long after the end the last timer of all fired. */
  readonly lingeredMs: number
  /** Lookups that still run when nothing can happen any more. */
  readonly lookups: number
}

// One service for all trials, over whichever network is simulated at the time: a
// program has one, too, and what a connect does not give back the next ones miss.
let simulated: Context.Context<SimulatedNetwork.SimulatedNetwork | Resolver.Resolver | Dialer.Dialer>
let acquired = 0
let mostAcquired = 0
let lookups = 0

// A simulated socket closes itself when its dial fails or is interrupted; this
// is closed by nothing but the attempt's scope. An attempt that dials again,
// because descriptors ran short, acquires it once.
const scopes = new WeakSet<Scope.Scope>()
const acquire = Effect.uninterruptible(Effect.flatMap(Effect.scope, (scope) => {
  if (scopes.has(scope)) return Effect.void
  scopes.add(scope)
  mostAcquired = Math.max(mostAcquired, ++acquired)
  return Scope.addFinalizer(scope, Effect.sync(() => void acquired--))
}))

export const open = Effect.suspend(() =>
  Effect.map(
    Context.get(simulated, SimulatedNetwork.SimulatedNetwork).openSockets,
    (sockets): Performed["openAtReturn"] => [sockets, acquired]
  )
)

const service = Effect.runSync(
  Layer.buildWithScope(HappyEyeballs.HappyEyeballs.layer, Scope.makeUnsafe()).pipe(
    Effect.map(Context.get(HappyEyeballs.HappyEyeballs)),
    Effect.provideService(Resolver.Resolver, {
      resolve: (query) =>
        Stream.suspend(() => {
          lookups++
          return Context.get(simulated, Resolver.Resolver).resolve(query)
        }).pipe(Stream.ensuring(Effect.sync(() => void lookups--)))
    }),
    Effect.provideService(Dialer.Dialer, {
      dial: (endpoint) =>
        Effect.andThen(acquire, Effect.suspend(() => Context.get(simulated, Dialer.Dialer).dial(endpoint)))
    }),
    Effect.provideService(SourceAddress.SourceAddress, {
      peek: (destination) => Context.get(simulated, SourceAddress.SourceAddress).peek(destination),
      fill: () => Effect.void,
      route: (family) => Context.get(simulated, SourceAddress.SourceAddress).route(family),
      network: () => ""
    })
  )
)

export const connect = (trial: Trial) =>
  Effect.provideService(
    service.connect(targetOf(trial), optionsOf(trial)),
    Scheduler.MaxOpsBeforeYield,
    trial.stepsBeforeYield
  )

/** Runs without the stack traces of errors, which nobody reads and a quarter of the time would go to. */
const runInVirtualTime = <A, E>(effect: Effect.Effect<A, E>, seed: number) => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  // A connect that never ends is found sooner than by the default.
  const exit = VirtualTime.run(effect, { seed, maxSteps: 100_000 })
  Error.stackTraceLimit = stackTraceLimit
  return exit
}

/**
 * Runs on a network of its own until nothing can happen any more, and says how
 * long after the effect's own end that was and how many lookups still run.
 */
export const runOut = <A>(trial: Trial, seed: number, effect: Effect.Effect<A, never, Scope.Scope>) => {
  let done: { readonly value: A; readonly atMs: number } | undefined
  const exit = runInVirtualTime(
    Effect.gen(function*() {
      simulated = yield* Layer.build(SimulatedNetwork.layer(worldOf(trial)))
      acquired = 0
      mostAcquired = 0
      lookups = 0
      const value = yield* effect
      done = { value, atMs: yield* Clock.currentTimeMillis }
      return yield* Effect.never
    }).pipe(Effect.scoped),
    seed
  )
  const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  if (!(failure instanceof VirtualTime.Deadlock)) throw failure
  return done === undefined ? undefined : { ...done, lingeredMs: failure.atMs - done.atMs, lookups }
}

export const perform = (trial: Trial, seed = 0): Performed => {
  const ran = runOut(
    trial,
    seed,
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(
        Effect.flatMap(connect(trial), ({ report }) => Effect.map(open, (open) => ({ report, open })))
      ))
      const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason) : undefined
      if (Exit.isFailure(exit) && failure === undefined) return yield* Effect.die(Cause.squash(exit.cause))
      const timeline = yield* Context.get(simulated, SimulatedNetwork.SimulatedNetwork).timeline
      return {
        outcome: outcomeOf(Exit.isSuccess(exit) ? exit.value.report : failure!.error.report),
        openAtReturn: Exit.isSuccess(exit) ? exit.value.open : yield* open,
        openAfterwards: yield* open,
        mostAcquired,
        timeline: timeline.map(({ address, atMs, event, port }) => `${atMs} ${event} ${endpointOf(address, port!)}`)
      }
    })
  )
  return ran === undefined ? waitsForEver : { ...ran.value, lingeredMs: ran.lingeredMs, lookups: ran.lookups }
}

const waitsForEver: Performed = {
  outcome: { end: "WaitsForEver", elapsedMs: 0, winner: null, attempts: [], resolution: [] },
  timeline: [],
  openAtReturn: [0, 0],
  openAfterwards: [0, 0],
  mostAcquired: 0,
  lingeredMs: 0,
  lookups: 0
}

const outcomeOf = (report: ConnectReport.ConnectReport): Outcome => ({
  end: (report.error?.tag ?? "Connected") as Outcome["end"],
  elapsedMs: report.elapsedMs,
  winner: report.winner === null ? null : endpointOf(report.winner.address, report.winner.port!),
  attempts: report.attempts.map(({ address, code, endedAtMs, outcome, port, startedAtMs }) => ({
    endpoint: endpointOf(address, port!),
    startedAtMs,
    endedAtMs,
    outcome,
    code
  })),
  resolution: report.resolution.map(({ atMs, type }) => `${atMs} ${type}`)
})

/** Everything a trial says of itself, on a service of its own: its events, its report and its timeline. */
export const tell = (trial: Trial, seed: number): string => {
  const events: Array<unknown> = []
  const exit = runInVirtualTime(
    Effect.gen(function*() {
      const service = yield* HappyEyeballs.HappyEyeballs
      const { timeline } = yield* SimulatedNetwork.SimulatedNetwork
      const listening = Stream.runForEach(service.events, (event) => Effect.sync(() => events.push(event)))
      yield* Effect.forkScoped(listening, { startImmediately: true })
      yield* Effect.ignore(Effect.scoped(service.connect(targetOf(trial), optionsOf(trial))))
      yield* Effect.sleep(0)
      return yield* timeline
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.provideMerge(HappyEyeballs.HappyEyeballs.layer, SimulatedNetwork.layer(worldOf(trial)))
      )
    ),
    seed
  )
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  return JSON.stringify([events, exit.value])
}
