/**
 * Connects to a target: resolve, order, race.
 *
 * This is the module that knows the whole story. Each step is a module of its
 * own and can be read alone: `Resolver` gives answers, `Answers` says when to
 * begin, `Order` and `AddressSelection` say in which order, and `Race` runs the
 * attempts. It opens no socket itself; the `dial` it is given does.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import type * as Semaphore from "effect/Semaphore"
import type { AddressPolicy } from "./AddressPolicy.ts"
import * as AddressSelection from "./AddressSelection.ts"
import * as Answers from "./Answers.ts"
import type { Settings } from "./ConnectOptions.ts"
import { DialFailed, failureFromCause } from "./Dialer.ts"
import type * as Endpoint from "./Endpoint.ts"
import { type Candidate, Candidates } from "./internal/candidates.ts"
import type { Journal } from "./internal/journal.ts"
import { Resolution } from "./internal/resolution.ts"
import { Signal } from "./internal/signal.ts"
import * as Race from "./Race.ts"
import type { AnswerType, Resolver } from "./Resolver.ts"
import type { SourceAddresses } from "./SourceAddress.ts"
import type * as Target from "./Target.ts"

/**
 * What a connect takes from the service it belongs to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Environment {
  readonly resolver: Resolver["Service"]
  /** How this host would reach an address, which decides its place. */
  readonly sources: SourceAddresses
  /** Which addresses may be dialled; absent: all. */
  readonly policy: AddressPolicy["Service"] | undefined
  /** A permit for each attempt of the service that may be open. */
  readonly openAttempts: Semaphore.Semaphore
  /** Owns what outlives a connect: lookups that fill a cache. */
  readonly scope: Scope.Scope
  /** The clock of what outlives a connect, where it differs from the caller's. */
  readonly backgroundClock: Clock.Clock | undefined
}

/**
 * Races the endpoints of a target and gives the first that could be dialled,
 * with the number of its attempt.
 *
 * **Details**
 *
 * It fails with `undefined`: why it failed stands in the journal. There is no
 * limit on the whole here; `HappyEyeballs` adds it.
 *
 * @category connecting
 * @since 0.1.0
 */
export const connect = <A, E, R>(
  environment: Environment,
  journal: Journal,
  target: Target.Target,
  settings: Settings,
  dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<A, E, R>
): Effect.Effect<
  { readonly attempt: number; readonly value: A },
  undefined,
  Exclude<R, Scope.Scope> | Scope.Scope
> =>
  Effect.suspend(() => {
    const signal = new Signal()
    const candidates = new Candidates(target, settings, environment.sources)
    const tried = new Set<Candidate>()
    const inFlight = new Map<Candidate, number>()
    const types = typesFor(settings)
    const lastStartAt: Array<number> = []
    let permit: Scope.Closeable | undefined
    let begun = target.at._tag !== "Name"
    let usableSince: number | undefined

    const resolution = target.at._tag === "Name"
      ? new Resolution({
        resolver: environment.resolver,
        sources: environment.sources,
        query: { name: target.at.name, types, port: target.ports[0]?.number },
        hear: (answer) => {
          journal.say({ _tag: "Answered", answer })
          if (usableSince === undefined && Answers.hasUsable(resolution!.answers)) usableSince = journal.now
        },
        wake: signal.wake
      })
      : undefined

    const answers = () => resolution?.answers ?? Answers.empty

    /** How long to wait before connecting may begin; 0 when it may. */
    const beginsIn = (): number => {
      if (begun || answers().ended) return 0
      const prefer = AddressSelection.preferredFamily(environment.sources)
      if (Answers.mayBegin(answers(), { prefer, types, waited: false })) return 0
      return usableSince === undefined ? Infinity : usableSince + settings.resolutionDelay - journal.now
    }

    /** How long a later port is still held back by the earlier ones; 0 when it may go. */
    const heldBackFor = (candidate: Candidate): number => {
      if (settings.portOrder !== "preferFirst" || candidate.portIndex === 0) return 0
      const earlierRuns = [...inFlight.keys()].some(({ portIndex }) => portIndex < candidate.portIndex)
      if (!earlierRuns) return 0
      const lastEarlierStart = Math.max(...lastStartAt.slice(0, candidate.portIndex).filter((at) => at !== undefined))
      return lastEarlierStart + (settings.headStart ?? settings.connectionAttemptDelay) - journal.now
    }

    // One permit at a time is held for the next attempt, so that no connect
    // queues with more than one.
    const takePermit = Effect.suspend(() => {
      permit = Scope.makeUnsafe()
      return Scope.provide(environment.openAttempts.takeScoped(1), permit)
    })

    const releasePermit = (held: Scope.Closeable | undefined, exit: Exit.Exit<unknown, unknown>) =>
      held === undefined ? Effect.void : Scope.close(held, exit)

    const untried = () => candidates.all(answers()).filter((one) => !tried.has(one))

    const deniedBy = ({ endpoint }: Candidate): DialFailed | undefined => {
      const reason = environment.policy?.denies(endpoint.address)
      return reason === undefined
        ? undefined
        : new DialFailed({ endpoint, kind: "Denied", code: undefined, cause: new Error(reason) })
    }

    // With `reject`, one denied address is enough to end the race.
    const rejected = Effect.suspend(() => {
      const candidate = environment.policy?.onDenied === "reject" ? untried().find(deniedBy) : undefined
      if (candidate === undefined) return Effect.void
      const attempt = tried.size
      tried.add(candidate)
      journal.say({ _tag: "AttemptStarted", attempt, endpoint: candidate.endpoint })
      journal.say({ _tag: "AttemptFailed", attempt, endpoint: candidate.endpoint, failure: deniedBy(candidate)! })
      return Effect.fail("denied" as const)
    })

    const next: Pull.Pull<Candidate, "denied"> = Effect.gen(function*() {
      while (true) {
        const { version } = signal
        if (resolution?.defect !== undefined) return yield* Effect.failCause(resolution.defect)
        const wait = beginsIn()
        if (wait > 0) {
          yield* signal.changedSince(version, wait)
          continue
        }
        begun = true
        yield* rejected
        const [candidate] = untried()
        const full = tried.size >= settings.maxCandidates
        if (candidate === undefined || full) {
          const mayRefresh = resolution !== undefined && !resolution.refreshed && !full && Answers.allCached(answers())
          if (resolution !== undefined && !full && (!answers().ended || (mayRefresh && inFlight.size > 0))) {
            yield* signal.changedSince(version, Infinity)
            continue
          }
          if (mayRefresh) {
            journal.say({ _tag: "Refreshed" })
            yield* resolution.refresh(environment.scope)
            continue
          }
          if (candidate !== undefined) {
            journal.say({ _tag: "LeftOut", count: untried().length, limit: settings.maxCandidates })
          }
          return yield* Cause.done()
        }
        const held = heldBackFor(candidate)
        if (held > 0) {
          yield* signal.changedSince(version, held)
          continue
        }
        if (permit === undefined) {
          yield* takePermit
          // Time may have passed: what is best now may be another.
          continue
        }
        tried.add(candidate)
        return candidate
      }
    })

    const attempt = (candidate: Candidate) =>
      Effect.suspend(() => {
        const { endpoint } = candidate
        const attempt = tried.size - 1
        const own = permit
        permit = undefined
        inFlight.set(candidate, attempt)
        lastStartAt[candidate.portIndex] = journal.now
        journal.say({ _tag: "AttemptStarted", attempt, endpoint })
        const congested = () => journal.say({ _tag: "Congested", attempt, endpoint })
        const denied = deniedBy(candidate)
        const dialling = denied === undefined
          ? dialPatiently(endpoint, dial, settings.attemptTimeout, congested)
          : Effect.fail(denied)
        return Effect.onExit(dialling, (exit) => {
          inFlight.delete(candidate)
          if (Exit.isSuccess(exit)) {
            // No wake: whoever waits for more candidates is about to be
            // interrupted, and must not ask the resolver once more before that.
            journal.say({ _tag: "AttemptConnected", attempt, endpoint })
            return releasePermit(own, exit)
          }
          const failure = exit.cause.reasons.find(Cause.isFailReason)
          if (failure === undefined) journal.say({ _tag: "AttemptInterrupted", attempt, endpoint })
          else journal.say({ _tag: "AttemptFailed", attempt, endpoint, failure: failure.error })
          signal.wake()
          return releasePermit(own, exit)
        }).pipe(Effect.map((value) => ({ attempt, value })))
      })

    const race = Race.staggered(next, attempt, {
      delay: settings.connectionAttemptDelay,
      maxInFlight: settings.maxAttemptsInFlight
    })

    return Effect.onExit(
      Effect.andThen(resolution === undefined ? Effect.void : resolution.start(environment.scope), race),
      (exit) =>
        Effect.andThen(
          releasePermit(permit, exit),
          resolution === undefined ? Effect.void : resolution.drain(environment.scope, environment.backgroundClock)
        )
    ).pipe(Effect.mapError(() => undefined))
  })

// RFC 8305, section 3: AAAA first, and A at once after it.
const typesFor = (settings: Settings): NonEmptyReadonlyArray<AnswerType> =>
  settings.family === "IPv6" ? ["AAAA"] : settings.family === "IPv4" ? ["A"] : ["AAAA", "A"]

/** Dials within the time of an attempt; a shortage on this machine is waited out and takes none of it. */
const dialPatiently = <A, E, R>(
  endpoint: Endpoint.Endpoint,
  dial: (endpoint: Endpoint.Endpoint) => Effect.Effect<A, E, R>,
  attemptTimeout: number,
  congested: () => void
): Effect.Effect<A, DialFailed, R> => {
  const once = Effect.mapError(dial(endpoint), (cause) => failureFromCause(endpoint, cause))
  const timed = attemptTimeout === Infinity ? once : Effect.timeoutOrElse(once, {
    duration: attemptTimeout,
    orElse: () => Effect.fail(new DialFailed({ endpoint, kind: "Timeout", code: "ETIMEDOUT" }))
  })
  const patiently = (backoff: number): Effect.Effect<A, DialFailed, R> =>
    Effect.catchIf(timed, ({ kind }) => kind === "Congested", () => {
      congested()
      return Effect.andThen(Effect.sleep(backoff), patiently(Math.min(backoff * 2, 500)))
    })
  return patiently(10)
}
