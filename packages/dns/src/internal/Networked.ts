import { BackgroundClock } from "@happy-eyeballs/core/HappyEyeballs"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { IsBackground } from "../Background.ts"
import * as Cache from "../Cache.ts"
import type * as Message from "../Message.ts"
import type { Resolution } from "../Resolution.ts"
import type { Config, Options, Statistics } from "../StubResolver.ts"
import * as Upstream from "../Upstream.ts"
import { chase, type Found } from "./chase.ts"
import { Shared } from "./Shared.ts"

interface Active {
  readonly config: Config
  readonly upstream: Upstream.Upstream
  readonly scope: Scope.Closeable
  users: number
}

// RFC 9520, section 3.2: a failure is remembered, for a second at least.
const failureMs = 1000
const maxFailures = 1024

/**
 * Name servers behind a cache.
 *
 * @internal
 */
export class Networked {
  readonly cache: Cache.Cache<Found>
  private readonly shared: Shared<string, Found, Upstream.NoAnswer>
  private readonly failures = new Map<string, { readonly error: Upstream.NoAnswer; readonly until: number }>()
  private readonly changing = Semaphore.makeUnsafe(1)
  private readonly config: Effect.Effect<Config>
  private readonly options: Options
  private readonly scope: Scope.Scope
  private readonly build: (config: Config, scope: Scope.Scope) => Effect.Effect<Upstream.Upstream>
  private readonly background: Clock.Clock
  private active: Active | undefined
  private counts = { queries: 0, shared: 0, prefetches: 0 }

  private constructor(
    config: Effect.Effect<Config>,
    options: Options,
    scope: Scope.Scope,
    background: Clock.Clock,
    build: (config: Config, scope: Scope.Scope) => Effect.Effect<Upstream.Upstream>
  ) {
    this.config = config
    this.options = options
    this.scope = scope
    this.background = background
    this.build = build
    this.cache = new Cache.Cache(options)
    this.shared = new Shared(scope)
  }

  static make(
    config: Effect.Effect<Config>,
    options: Options
  ): Effect.Effect<Networked, never, Upstream.Ports | Scope.Scope> {
    return Effect.gen(function*() {
      const context = yield* Effect.context<Upstream.Ports>()
      const background = (yield* BackgroundClock) ?? (yield* Clock.Clock)
      const build = (current: Config, owner: Scope.Scope) =>
        Upstream.make({ ...current, idleTimeout: options.idleTimeout }).pipe(
          Scope.provide(owner),
          Effect.provideContext(context)
        )
      return new Networked(config, options, yield* Effect.scope, background, build)
    })
  }

  get statistics(): Statistics {
    return { ...this.cache.statistics, ...this.counts, servers: this.active?.upstream.health() ?? [] }
  }

  query(question: Message.Question, refresh: boolean): Effect.Effect<Resolution, Upstream.NoAnswer> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const hit = refresh ? undefined : this.cache.get(question, now)
      if (hit !== undefined && !hit.stale) {
        const prefetching = hit.expiring && this.options.prefetch === true ? this.prefetch(question) : Effect.void
        return Effect.as(prefetching, fromHit(question, hit))
      }
      const failed = refresh ? undefined : this.failures.get(keyOf(question))
      if (failed !== undefined && failed.until > now) {
        return hit === undefined ? Effect.fail(failed.error) : Effect.succeed(fromHit(question, hit))
      }
      const asking = this.ask(question)
      return hit === undefined
        ? Effect.map(asking, (found) => fromNetwork(question, found))
        : this.orStale(question, asking, hit)
    })
  }

  /** Waits for the servers for a while, and no longer than that for the caller. */
  private orStale(
    question: Message.Question,
    asking: Effect.Effect<Found, Upstream.NoAnswer>,
    hit: Cache.Hit<Found>
  ): Effect.Effect<Resolution> {
    return Effect.flatMap(
      Effect.forkIn(asking, this.scope),
      (fiber) =>
        Effect.timeoutOption(Fiber.join(fiber), this.options.staleAfter ?? Duration.millis(1800)).pipe(
          Effect.match({
            onFailure: () => fromHit(question, hit),
            onSuccess: (found) => found._tag === "Some" ? fromNetwork(question, found.value) : fromHit(question, hit)
          })
        )
    )
  }

  private prefetch(question: Message.Question): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.shared.has(keyOf(question))) return Effect.void
      this.counts.prefetches++
      return Effect.asVoid(this.forkInBackground(this.ask(question)))
    })
  }

  private forkInBackground<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Fiber.Fiber<A, E>> {
    return Effect.provideService(effect, IsBackground, true).pipe(
      Effect.provideService(Clock.Clock, this.background),
      Effect.forkIn(this.scope)
    )
  }

  private ask(question: Message.Question): Effect.Effect<Found, Upstream.NoAnswer> {
    return Effect.suspend(() => {
      if (this.shared.has(keyOf(question))) this.counts.shared++
      return this.shared.run(
        keyOf(question),
        this.withUpstream((upstream) => this.learn(question, chase(question, this.asker(upstream))))
      )
    })
  }

  private asker(upstream: Upstream.Upstream) {
    return (question: Message.Question, timeoutMs: number) => {
      this.counts.queries++
      return upstream.ask(question, Duration.millis(timeoutMs))
    }
  }

  private learn(
    question: Message.Question,
    asking: (timeoutMs: number) => Effect.Effect<Found, Upstream.NoAnswer>
  ): Effect.Effect<Found, Upstream.NoAnswer> {
    const timeoutMs = Duration.toMillis(this.options.timeout ?? Duration.infinity)
    return Effect.onExit(asking(timeoutMs), (exit) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const key = keyOf(question)
        this.failures.delete(key)
        if (Exit.isSuccess(exit)) return this.cache.set(question, exit.value, now)
        const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
        if (failure === undefined) return
        if (this.failures.size >= maxFailures) this.failures.clear()
        this.failures.set(key, { error: failure.error, until: now + failureMs })
      }))
  }

  /** Asks the servers of the configuration as it is now; those of an older one are closed when nobody uses them. */
  private withUpstream<A, E>(use: (upstream: Upstream.Upstream) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.acquireUseRelease(
      this.changing.withPermit(Effect.flatMap(this.config, (config) => this.activate(config))),
      ({ upstream }) => use(upstream),
      (active) => {
        active.users--
        return this.active === active ? Effect.void : this.closeIfUnused(active)
      }
    )
  }

  private activate(config: Config): Effect.Effect<Active> {
    return Effect.gen({ self: this }, function*() {
      const before = this.active
      if (before?.config === config) {
        before.users++
        return before
      }
      const scope = yield* Scope.fork(this.scope)
      const active: Active = { config, scope, upstream: yield* this.build(config, scope), users: 1 }
      this.active = active
      if (before !== undefined) {
        // Another network perhaps, where other names are true.
        this.cache.flush()
        this.failures.clear()
        yield* this.closeIfUnused(before)
      }
      return active
    })
  }

  private closeIfUnused(active: Active): Effect.Effect<void> {
    return active.users === 0 ? Scope.close(active.scope, Exit.void) : Effect.void
  }
}

const keyOf = ({ name, type }: Message.Question): string => `${type} ${name}`

const fromNetwork = (question: Message.Question, found: Found): Resolution => ({
  ...found,
  question,
  source: "network",
  stale: false
})

const fromHit = (question: Message.Question, { content, records, stale, ttl }: Cache.Hit<Found>): Resolution => ({
  ...content,
  question,
  records,
  ttl,
  stale,
  source: "cache",
  attempts: []
})
