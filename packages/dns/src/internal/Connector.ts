import type { ConnectError } from "@happy-eyeballs/core/ConnectError"
import { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Clock from "effect/Clock"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import type { ByteStreams, Security } from "../ByteStreams.ts"
import { ServerFailed } from "../Transport.ts"
import { Pipeline } from "./Pipeline.ts"
import { Shared } from "./Shared.ts"

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
  readonly clock: Clock.Clock
  /** Its timers keep no process alive. */
  readonly background: Clock.Clock
}

/**
 * Gives the open connection of a server, or opens one. Whoever comes while it
 * is being opened waits for the same one; when all of them have gone, so has it.
 *
 * @internal
 */
export const connector = (options: Options): Effect.Effect<Pipeline, ServerFailed> => {
  const opening = new Shared<"connection", Pipeline, ServerFailed>(options.scope)
  let current: Pipeline | undefined
  const opened = Effect.map(open(options), (pipeline) => (current = pipeline))
  return Effect.suspend(() => current?.isUsable === true ? Effect.succeed(current) : opening.run("connection", opened))
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
    const idleMs = Duration.toMillis(options.idleTimeout ?? Duration.seconds(10))
    const pipeline = new Pipeline({ stream, scope, clock: options.clock, random: options.random, idleMs })
    yield* Effect.forkIn(pipeline.reading, scope)
    yield* Effect.forkIn(Effect.provideService(pipeline.idling(), Clock.Clock, options.background), scope)
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
    ? `could not be verified: ${cause.message}`
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
