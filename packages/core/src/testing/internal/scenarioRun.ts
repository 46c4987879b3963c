import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Host from "effect/net/Host"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ConnectOptions } from "../../ConnectOptions.ts"
import type { ConnectReport } from "../../ConnectReport.ts"
import { Dialer } from "../../Dialer.ts"
import { type HappyEyeballs, make } from "../../HappyEyeballs.ts"
import { Resolver } from "../../Resolver.ts"
import { SourceAddress } from "../../SourceAddress.ts"
import * as Target from "../../Target.ts"
import type { ConnectResult } from "../ConnectResult.ts"
import type { Scenario } from "../Scenario.ts"
import * as VirtualTime from "../VirtualTime.ts"
import { makeDialer } from "./dialer.ts"
import { Network } from "./network.ts"
import { makeResolver } from "./resolver.ts"
import { LiveWorld, makeSourceAddresses, type TimedAnswer, toAnswer } from "./world.ts"

/**
 * Plays a scenario: one result a connect.
 *
 * @internal
 */
export const run = (scenario: Scenario, seed: string): ReadonlyArray<ConnectResult> => {
  const once = () => VirtualTime.run(play(scenario), { seed, maxSteps: 1_000_000 * (scenario.repeat ?? 1) })
  const exit = withoutStacks(once)
  if (Exit.isSuccess(exit)) return exit.value
  // A bug. Played once more, the same to the last step, it has a stack.
  const again = once()
  throw Cause.squash(Exit.isFailure(again) ? again.cause : exit.cause)
}

// Results hold no errors, and taking down the stacks of those that are made on
// the way costs more than the dials.
const withoutStacks = <A>(f: () => A): A => {
  const errors = Error as unknown as { stackTraceLimit?: number }
  const before = errors.stackTraceLimit
  errors.stackTraceLimit = 0
  try {
    return f()
  } finally {
    if (before === undefined) delete errors.stackTraceLimit
    else errors.stackTraceLimit = before
  }
}

const play = (scenario: Scenario): Effect.Effect<ReadonlyArray<ConnectResult>> =>
  Effect.scoped(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const world = new LiveWorld()
    world.updateUnsafe(scenario)
    const network = new Network(world, yield* Effect.scope, clock)
    // Before the first connect, so that a change comes before what happens at the same time.
    for (const change of scenario.changes ?? []) {
      const update = Effect.sync(() => world.updateUnsafe(change))
      yield* change.atMs === 0
        ? update
        : Effect.forkScoped(Effect.andThen(Effect.sleep(change.atMs), update), { startImmediately: true })
    }
    let startedMs = 0
    const resolver = scheduledResolver(scenario, () => startedMs)
    const happyEyeballs = yield* make().pipe(
      Effect.orDie,
      Effect.provideContext(
        (yield* Effect.context<Scope.Scope>()).pipe(
          Context.add(Resolver, resolver),
          Context.add(Dialer, makeDialer(network)),
          Context.add(SourceAddress, makeSourceAddresses(world))
        )
      )
    )
    const connect = connector(
      scenario,
      network,
      happyEyeballs,
      portNumbers(scenario, yield* Target.ServiceNames)
    )
    const results: Array<ConnectResult> = []
    for (let count = 0; count < (scenario.repeat ?? 1); count++) {
      startedMs = clock.currentTimeMillisUnsafe()
      results.push(yield* connect)
    }
    return results
  }))

/**
 * Gives answers at their times after the start of a connect, or at once when
 * they are asked for later than that.
 *
 * @internal
 */
export const scheduledResolver = (scenario: Scenario, startedMs: () => number): Resolver["Service"] => {
  const target = Host.domainNameFromString(scenario.target.host)
  const byOwner = new Map<string, Array<TimedAnswer>>()
  const inOrder = (scenario.resolver ?? []).toSorted((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0))
  for (const given of inOrder) {
    const owner = given.name === undefined ? target : Host.domainNameFromString(given.name)
    // A literal address as target has no name to be answered for.
    if (Result.isFailure(owner)) continue
    const key = Host.toRelative(owner.success)
    const answers = byOwner.get(key) ?? []
    answers.push({ afterMs: given.atMs ?? 0, answer: toAnswer(owner.success, given, "resolver") })
    byOwner.set(key, answers)
  }
  return makeResolver(({ name }, clock) => {
    const sinceMs = clock.currentTimeMillisUnsafe() - startedMs()
    const answers = byOwner.get(Host.toRelative(name)) ?? []
    return sinceMs === 0
      ? answers
      : answers.map(({ afterMs, answer }) => ({ answer, afterMs: afterMs - sinceMs }))
  })
}

/** One connect of a scenario, its connection closed again. */
const connector = (
  scenario: Scenario,
  network: Network,
  happyEyeballs: HappyEyeballs["Service"],
  ports: ReadonlyArray<number>
): Effect.Effect<ConnectResult> => {
  const options = toOptions(scenario)
  const result = (report: ConnectReport): ConnectResult => ({
    name: scenario.name,
    ...report,
    target: { host: scenario.target.host, ports },
    leaked: network.sockets.size - (report.ok ? 1 : 0)
  })
  const connect = Effect.match(happyEyeballs.connect(toTarget(scenario), options), {
    onFailure: ({ report }) => result(report),
    onSuccess: ({ report }) => result(report)
  })
  const interruptAtMs = scenario.interruptAtMs ?? (options.timeout === Infinity ? endlessMs : undefined)
  return Effect.scoped(
    interruptAtMs === undefined ? connect : Effect.gen(function*() {
      const ended = yield* Deferred.make<ConnectReport>()
      yield* Effect.forkScoped(
        Stream.runForEach(
          happyEyeballs.events,
          (event) => event._tag === "Ended" ? Deferred.succeed(ended, event.report) : Effect.void
        ),
        { startImmediately: true }
      )
      return yield* Effect.timeoutOrElse(connect, {
        duration: interruptAtMs,
        orElse: () => Effect.map(Deferred.await(ended), result)
      })
    })
  )
}

// Without any limit a connect may wait for ever, which a simulation must not.
const endlessMs = 3_600_000

const toTarget = ({ addresses, target: { host, ports } }: Scenario): Target.TargetInput =>
  addresses !== undefined ? { addresses, ports } : host.startsWith("unix:") ? host : { host, ports }

/** The ports of the target that can be understood, also where the target as a whole cannot. */
const portNumbers = (
  { target: { ports } }: Scenario,
  serviceNames: Target.Lookup["serviceNames"]
): ReadonlyArray<number> =>
  ports.flatMap((port) => {
    const parsed = Target.portFromString(String(port), { serviceNames })
    return Result.isSuccess(parsed) ? [parsed.success.number] : []
  })

const toOptions = ({ options = {} }: Scenario): ConnectOptions => ({
  resolutionDelay: options.resolutionDelayMs,
  connectionAttemptDelay: options.connectionAttemptDelayMs,
  attemptTimeout: limit(options.attemptTimeoutMs),
  timeout: limit(options.timeoutMs),
  maxAttemptsInFlight: limit(options.maxAttemptsInFlight),
  maxCandidates: limit(options.maxCandidates),
  firstAddressFamilyCount: options.firstAddressFamilyCount,
  portOrder: options.portOrder,
  family: options.family ?? undefined,
  tls: options.tls
})

const limit = (given: number | null | undefined): number | undefined => given === null ? Infinity : given
