import type { ConnectError } from "@happy-eyeballs/core/ConnectError"
import { DialFailed } from "@happy-eyeballs/core/Dialer"
import { BackgroundClock, type HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Clock from "effect/Clock"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import type { ByteStreams, Security } from "../ByteStreams.ts"
import { ServerFailed } from "../Transport.ts"
import { Pipeline } from "./Pipeline.ts"

interface Options {
  readonly server: string
  readonly scope: Scope.Scope
  readonly streams: ByteStreams["Service"]
  readonly happyEyeballs: HappyEyeballs["Service"]
  readonly random: SecureRandom["Service"]
  readonly address: NetAddress.InetAddress
  readonly security: Security | undefined
  readonly timeout: Duration.Duration
  readonly idleTimeout?: Duration.Duration | undefined
}

interface Opening {
  readonly done: Deferred.Deferred<Pipeline, ServerFailed>
  fiber: Fiber.Fiber<Pipeline, ServerFailed> | undefined
  waiting: number
}

/**
 * Gives the open connection of a server, or opens one. Whoever comes while it
 * is being opened waits for the same one; when all of them have gone, so has it.
 *
 * @internal
 */
export const connector = (options: Options): Effect.Effect<Pipeline, ServerFailed> => {
  let current: Pipeline | undefined
  let opening: Opening | undefined

  const begin = Effect.suspend(() => {
    const shared: Opening = { done: Deferred.makeUnsafe(), fiber: undefined, waiting: 0 }
    opening = shared
    const opened = Effect.onExit(open(options), (exit) => {
      if (opening === shared) opening = undefined
      if (Exit.isSuccess(exit)) current = exit.value
      return Deferred.done(shared.done, exit)
    })
    return Effect.map(Effect.forkIn(Effect.interruptible(opened), options.scope), (fiber) => {
      shared.fiber = fiber
      return shared
    })
  })

  const join = (shared: Opening, restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) => {
    shared.waiting++
    return Effect.onExit(restore(Deferred.await(shared.done)), () => {
      if (--shared.waiting > 0 || Deferred.isDoneUnsafe(shared.done) || shared.fiber === undefined) return Effect.void
      if (opening === shared) opening = undefined
      return Fiber.interrupt(shared.fiber)
    })
  }

  return Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (current?.isUsable === true) return Effect.succeed(current)
      return Effect.flatMap(
        opening === undefined ? begin : Effect.succeed(opening),
        (shared) => join(shared, restore)
      )
    })
  )
}

const open = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Pipeline, ServerFailed> {
  const { address, happyEyeballs, security, streams, timeout } = options
  const scope = yield* Scope.fork(options.scope)
  return yield* Effect.gen(function*() {
    const stream = yield* happyEyeballs.connectWith(
      { addresses: [address.address], port: address.port },
      // The address is opened as it was given: it may have a zone.
      (endpoint) => streams.open({ ...endpoint, address }, security),
      { timeout: Duration.infinity, attemptTimeout: timeout }
    ).pipe(Scope.provide(scope), Effect.mapError((error) => unreachable(options.server, error)))
    const clock = yield* Clock.Clock
    const background = (yield* BackgroundClock) ?? clock
    const idleMs = Duration.toMillis(options.idleTimeout ?? Duration.seconds(10))
    const pipeline = new Pipeline({ stream, scope, clock, random: options.random, idleMs })
    yield* Effect.forkIn(pipeline.reading, scope)
    yield* Effect.forkIn(Effect.provideService(pipeline.idling(), Clock.Clock, background), scope)
    return pipeline
  }).pipe(Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
})

const unreachable = (server: string, error: ConnectError): ServerFailed => {
  const attempt = error.reason._tag === "AllAttemptsFailed" ? error.reason.attempts[0] : undefined
  const cause = attempt?.cause instanceof DialFailed ? attempt.cause.cause : attempt?.cause
  const isTls = attempt?.kind === "Tls"
  const detail = attempt === undefined
    ? error.reason.message
    : isTls && cause instanceof Error
    ? cause.message
    : attempt.kind === "Timeout"
    ? "could not be connected to in time"
    : `cannot be reached (${attempt.code ?? attempt.kind})`
  return new ServerFailed({
    server,
    reason: isTls ? "Unverified" : attempt?.kind === "Timeout" ? "Timeout" : "Unreachable",
    detail,
    cause: error
  })
}
