import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Stream from "effect/Stream"
import * as Answers from "../Answers.ts"
import type { Answer, Query, Resolver } from "../Resolver.ts"
import type { SourceAddresses } from "../SourceAddress.ts"

// RFC 8305, section 5: answers that come up to a second after the win still
// fill the cache.
const drainMs = 1000

// A resolver that answers for ever is heard no longer than this.
const maxAnswers = 256

/**
 * What lookups take from the service they belong to.
 *
 * @internal
 */
export interface Lookups {
  readonly resolver: Resolver["Service"]
  readonly sources: SourceAddresses
  /** Fibers that end with the service. */
  readonly fibers: FiberSet.FiberSet
  /** The clock of what outlives a connect, where it differs from the caller's. */
  readonly backgroundClock: Clock.Clock | undefined
}

/**
 * The resolution of one name while it runs: what has been said, and a way to
 * wait for more.
 *
 * @internal
 */
export class Resolution {
  answers: Answers.Answers = Answers.empty
  refreshed = false
  /** A bug in the resolver; it is the connect's, not an answer. */
  defect: Cause.Cause<never> | undefined
  private draining = false
  private fiber: Fiber.Fiber<void> | undefined
  private readonly lookups: Lookups
  private readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
  private readonly query: Query
  private readonly hear: (answer: Answer) => void
  private readonly wake: () => void

  constructor(
    lookups: Lookups,
    /** Runs an effect on the caller's clock. */
    fork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>,
    query: Query,
    /** Called with each answer, after it has been recorded. */
    hear: (answer: Answer) => void,
    /** Called when something has changed that a race may wait for. */
    wake: () => void
  ) {
    this.lookups = lookups
    this.fork = fork
    this.query = query
    this.hear = hear
    this.wake = wake
  }

  /** Asks, in a fiber of the service's, so that it can outlive its connect. */
  start(): void {
    this.ask(this.query)
  }

  /** Asks once more, past every cache. */
  refresh(): void {
    this.refreshed = true
    this.answers = Answers.reopen(this.answers)
    this.ask({ ...this.query, refresh: true })
  }

  /** Lets a lookup that still runs finish within a second, off the caller's path. */
  drain(): void {
    const { fiber } = this
    this.draining = true
    if (fiber === undefined || fiber.pollUnsafe() !== undefined) return
    const draining = Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), drainMs), Fiber.interrupt(fiber))
    const { backgroundClock } = this.lookups
    this.run(
      backgroundClock === undefined ? draining : Effect.provideService(draining, Clock.Clock, backgroundClock)
    )
  }

  private ask(query: Query): void {
    this.fiber = this.run(Stream.runForEach(Stream.take(this.lookups.resolver.resolve(query), maxAnswers), (answer) => {
      const { sources } = this.lookups
      const known = () => this.record(answer)
      // How the host would reach an address decides its place, so that is
      // learned before anybody sees the address.
      return Effect.andThen(sources.fill(answer._tag === "Addresses" ? answer.addresses : []), Effect.sync(known))
    }))
    this.fiber.addObserver((exit) => this.over(exit))
    // An answer that is there at once can end the connect before this line.
    if (this.draining) this.drain()
  }

  // It may outlive its connect, and never its service.
  private run<A>(effect: Effect.Effect<A>): Fiber.Fiber<A> {
    const fiber = this.fork(effect)
    if (fiber.pollUnsafe() === undefined) FiberSet.addUnsafe(this.lookups.fibers, fiber)
    return fiber
  }

  private record(answer: Answer): void {
    this.answers = Answers.add(this.answers, answer)
    this.hear(answer)
    this.wake()
  }

  private over(exit: Exit.Exit<void>): void {
    if (Exit.isFailure(exit) && Exit.hasDies(exit)) {
      this.defect = Cause.fromReasons(exit.cause.reasons.filter(Cause.isDieReason))
    }
    this.answers = Answers.end(this.answers)
    this.wake()
  }
}
