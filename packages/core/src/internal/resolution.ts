import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Answers from "../Answers.ts"
import type { Answer, Query, Resolver } from "../Resolver.ts"
import type { SourceAddresses } from "../SourceAddress.ts"

// RFC 8305, section 5: answers that come up to a second after the win still
// fill the cache.
const drainMs = 1000

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
  private fiber: Fiber.Fiber<void> | undefined
  private readonly resolver: Resolver["Service"]
  private readonly sources: SourceAddresses
  private readonly query: Query
  private readonly hear: (answer: Answer) => void
  private readonly wake: () => void

  constructor(options: {
    readonly resolver: Resolver["Service"]
    readonly sources: SourceAddresses
    readonly query: Query
    /** Called with each answer, after it has been recorded. */
    readonly hear: (answer: Answer) => void
    /** Called when something has changed that a waiter may wait for. */
    readonly wake: () => void
  }) {
    this.resolver = options.resolver
    this.sources = options.sources
    this.query = options.query
    this.hear = options.hear
    this.wake = options.wake
  }

  /** Asks, in a fiber of the service's scope, so that it can outlive its connect. */
  start(scope: Scope.Scope): Effect.Effect<void> {
    return this.ask(this.query, scope)
  }

  /** Asks once more, past every cache. */
  refresh(scope: Scope.Scope): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.refreshed = true
      this.answers = Answers.reopen(this.answers)
      return this.ask({ ...this.query, refresh: true }, scope)
    })
  }

  /** Lets a lookup that still runs finish within a second, off the caller's path. */
  drain(scope: Scope.Scope, clock: Clock.Clock | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { fiber } = this
      if (fiber === undefined || fiber.pollUnsafe() !== undefined) return Effect.void
      const draining = Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), drainMs), Fiber.interrupt(fiber))
      return Effect.asVoid(Effect.forkIn(
        clock === undefined ? draining : Effect.provideService(draining, Clock.Clock, clock),
        scope,
        { startImmediately: true }
      ))
    })
  }

  private ask(query: Query, scope: Scope.Scope): Effect.Effect<void> {
    return this.resolver.resolve(query).pipe(
      Stream.runForEach((answer) =>
        // How the host would reach an address decides its place, so that is
        // learned before anybody sees the address.
        Effect.andThen(
          this.sources.fill(answer._tag === "Addresses" ? answer.addresses : []),
          Effect.sync(() => {
            this.answers = Answers.add(this.answers, answer)
            this.hear(answer)
            this.wake()
          })
        )
      ),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.map((fiber) => {
        this.fiber = fiber
        fiber.addObserver((exit) => this.over(exit))
      })
    )
  }

  private over(exit: Exit.Exit<void>): void {
    if (Exit.isFailure(exit) && Exit.hasDies(exit)) {
      this.defect = Cause.fromReasons(exit.cause.reasons.filter(Cause.isDieReason))
    }
    this.answers = Answers.end(this.answers)
    this.wake()
  }
}
