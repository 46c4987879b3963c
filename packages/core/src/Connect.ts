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
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { AddressPolicy } from "./AddressPolicy.ts"
import * as AddressSelection from "./AddressSelection.ts"
import * as Answers from "./Answers.ts"
import type { Settings } from "./ConnectOptions.ts"
import { DialFailed, failureFromCause, OnSecuring } from "./Dialer.ts"
import type * as Endpoint from "./Endpoint.ts"
import { type Candidate, Candidates } from "./internal/candidates.ts"
import type { Journal } from "./internal/journal.ts"
import type { Permits, Ticket } from "./internal/permits.ts"
import * as race from "./internal/race.ts"
import { type Lookups, Resolution } from "./internal/resolution.ts"
import type { AnswerType } from "./Resolver.ts"
import type * as Target from "./Target.ts"

/**
 * What a connect takes from the service it belongs to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Environment extends Lookups {
  /** Which addresses may be dialled; absent: all. */
  readonly policy: AddressPolicy["Service"] | undefined
  /** A permit for each attempt of the service that may be open. */
  readonly openAttempts: Permits
}

/**
 * Why a connect gave nothing. What happened to each attempt stands in the
 * journal.
 *
 * @category models
 * @since 0.1.0
 */
export type Ended = "failed" | "timedOut" | "denied"

/**
 * Races the endpoints of a target and gives the first that could be dialled,
 * with the number of its attempt.
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
): Effect.Effect<race.Won<A>, Ended, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope> | Scope.Scope>) => {
    const { openAttempts, policy, sources } = environment
    const now = () => journal.now
    const candidates = new Candidates(target, settings, sources)
    const tried = new Set<Candidate>()
    const inFlight = new Map<Candidate, Ticket>()
    const lastStartAt: Array<number> = []
    const types = typesFor(settings)
    let wake = () => {}
    let ticket: Ticket | undefined
    let begun = target.at._tag !== "Name"
    let usableSince: number | undefined

    const resolution = target.at._tag !== "Name" ? undefined : new Resolution(
      environment,
      Effect.runForkWith(context),
      { name: target.at.name, types, port: target.ports[0]?.number },
      (answer) => {
        journal.say({ _tag: "Answered", answer })
        if (usableSince === undefined && Answers.hasUsable(answers())) usableSince = now()
      },
      () => wake()
    )

    const answers = () => resolution?.answers ?? Answers.empty

    /** When connecting may begin; now or earlier: it may. */
    const beginsAt = (): number => {
      if (begun || answers().ended) return -Infinity
      const prefer = AddressSelection.preferredFamily(sources)
      if (Answers.mayBegin(answers(), { prefer, types, waited: false })) return -Infinity
      return usableSince === undefined ? Infinity : usableSince + settings.resolutionDelay
    }

    /** Until when a later port is held back by the earlier ones. */
    const heldBackUntil = ({ portIndex }: Candidate): number => {
      if (settings.portOrder !== "preferFirst" || portIndex === 0) return -Infinity
      const earlierRuns = [...inFlight.keys()].some((one) => one.portIndex < portIndex)
      if (!earlierRuns) return -Infinity
      const lastEarlierStart = Math.max(...lastStartAt.slice(0, portIndex).filter((at) => at !== undefined))
      return lastEarlierStart + (settings.headStart ?? settings.connectionAttemptDelay)
    }

    const untried = () => candidates.all(answers()).filter((one) => !tried.has(one))

    const deniedBy = ({ endpoint }: Candidate): DialFailed | undefined => {
      const reason = policy?.denies(endpoint.address)
      return reason === undefined
        ? undefined
        : new DialFailed({ endpoint, kind: "Denied", code: undefined, cause: new Error(reason) })
    }

    const say = (candidate: Candidate, failure: DialFailed, attempt: number) =>
      journal.say({ _tag: "AttemptFailed", attempt, endpoint: candidate.endpoint, failure })

    /** Whether an address of the target is denied where that ends the whole; it is then said. */
    const isRejected = (): boolean => {
      if (policy?.onDenied !== "reject") return false
      const denied = untried().find(deniedBy)
      if (denied === undefined) return false
      const attempt = tried.size
      tried.add(denied)
      journal.say({ _tag: "AttemptStarted", attempt, endpoint: denied.endpoint })
      say(denied, deniedBy(denied)!, attempt)
      return true
    }

    /** With no candidate left: whether more may come, the name is asked once more, or that was all. */
    const exhausted = (): race.Next<Candidate, Ended> => {
      if (resolution === undefined || tried.size >= settings.maxCandidates) return done
      const mayRefresh = !resolution.refreshed && Answers.allCached(answers())
      if (!answers().ended || (mayRefresh && inFlight.size > 0)) return forever
      if (!mayRefresh) return done
      journal.say({ _tag: "Refreshed" })
      resolution.refresh()
      return forever
    }

    const poll = (): race.Next<Candidate, Ended> => {
      const next = choose()
      // Whoever has nothing to try now does not keep others from trying.
      if (next._tag !== "Start" && next !== queued && ticket !== undefined) {
        openAttempts.release(ticket)
        ticket = undefined
      }
      return next
    }

    const choose = (): race.Next<Candidate, Ended> => {
      if (resolution?.defect !== undefined) return { _tag: "Failed", cause: resolution.defect }
      const wait = beginsAt()
      if (wait > now()) return { _tag: "Wait", until: wait }
      begun = true
      const [candidate, ...others] = untried()
      if (candidate === undefined) return exhausted()
      if (isRejected()) return { _tag: "Failed", cause: Cause.fail("denied") }
      if (tried.size >= settings.maxCandidates) {
        journal.say({ _tag: "LeftOut", count: others.length + 1, limit: settings.maxCandidates })
        return done
      }
      const held = heldBackUntil(candidate)
      if (held > now()) return { _tag: "Wait", until: held }
      // One permit at a time, for the next attempt: no connect queues twice.
      ticket ??= openAttempts.take(() => wake())
      if (!ticket.granted) return queued
      tried.add(candidate)
      return { _tag: "Start", candidate }
    }

    const attempt = (candidate: Candidate, self: race.Attempt<Candidate, A, DialFailed>, race: race.Race) => {
      const { endpoint } = candidate
      const { number } = self
      inFlight.set(candidate, ticket!)
      ticket = undefined
      lastStartAt[candidate.portIndex] = now()
      journal.say({ _tag: "AttemptStarted", attempt: number, endpoint })
      const denied = deniedBy(candidate)
      if (denied !== undefined) return Effect.fail(denied)
      const dialed = endpoint.tls === undefined ? dial(endpoint) : Effect.provideService(
        dial(endpoint),
        OnSecuring,
        () => journal.say({ _tag: "AttemptSecuring", attempt: number, endpoint })
      )
      // A shortage on this machine is no fault of the address: it is waited out,
      // and takes none of the attempt's time.
      const patiently = (backoff: number): Effect.Effect<A, DialFailed, R> =>
        Effect.catch(dialed, (cause) => {
          const failure = failureFromCause(endpoint, cause)
          if (failure.kind !== "Congested") return Effect.fail(failure)
          journal.say({ _tag: "Congested", attempt: number, endpoint })
          race.hold(self)
          return Effect.andThen(
            Effect.sleep(backoff),
            Effect.suspend(() => {
              race.restart(self)
              return patiently(Math.min(backoff * 2, 500))
            })
          )
        })
      return patiently(10)
    }

    const onEnd = (
      { candidate, number }: race.Attempt<Candidate, A, DialFailed>,
      exit: Exit.Exit<A, DialFailed>
    ) => {
      const { endpoint } = candidate
      openAttempts.release(inFlight.get(candidate)!)
      inFlight.delete(candidate)
      if (Exit.isSuccess(exit)) return journal.say({ _tag: "AttemptConnected", attempt: number, endpoint })
      const failure = exit.cause.reasons.find(Cause.isFailReason)
      if (failure === undefined) journal.say({ _tag: "AttemptInterrupted", attempt: number, endpoint })
      else say(candidate, failure.error, number)
    }

    const raced = race.run<Candidate, A, DialFailed, Ended, R>({
      now,
      poll,
      attempt,
      onEnd,
      onWake: (ask) => {
        wake = ask
        resolution?.start()
      },
      delayAfter: () => settings.connectionAttemptDelay,
      maxInFlight: settings.maxAttemptsInFlight,
      attemptTimeout: { ms: settings.attemptTimeout, error: ({ endpoint }) => timeoutOf(endpoint) },
      deadline: { at: settings.timeout, error: "timedOut" }
    })

    // What was answered while the winner was dialled, nobody has looked at.
    const allowed = policy?.onDenied !== "reject"
      ? raced
      : Effect.flatMap(raced, (won) => isRejected() ? Effect.fail<Ended>("denied") : Effect.succeed(won))

    return Effect.onExit(allowed, () =>
      Effect.sync(() => {
        if (ticket !== undefined) openAttempts.release(ticket)
        resolution?.drain()
      })).pipe(Effect.mapError((error) => error instanceof race.NoneWon ? "failed" : error))
  })

const done = { _tag: "Done" } as const

const forever = { _tag: "Wait", until: Infinity } as const

const queued = { _tag: "Wait", until: Infinity } as const

const timeoutOf = (endpoint: Endpoint.Endpoint) => new DialFailed({ endpoint, kind: "Timeout", code: "ETIMEDOUT" })

// RFC 8305, section 3: AAAA first, and A at once after it.
const typesFor = (settings: Settings): NonEmptyReadonlyArray<AnswerType> =>
  settings.family === "IPv6" ? ["AAAA"] : settings.family === "IPv4" ? ["A"] : ["AAAA", "A"]
