import type { ConnectError } from "@happy-eyeballs/core/ConnectError"
import { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import { BackgroundClock, type HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Http2 from "../Http2.ts"
import { ServerFailed } from "../Transport.ts"
import type { Line } from "./Line.ts"
import { Occupancy } from "./Occupancy.ts"
import { Shared } from "./Shared.ts"

/**
 * What a connection is, whatever is spoken on it.
 *
 * @internal
 */
export interface Connection {
  readonly setIdle: (idle: boolean) => void
}

/**
 * Where a server is, and how it is connected to.
 *
 * @internal
 */
export interface Options<C extends Connection> {
  readonly server: string
  readonly happyEyeballs: HappyEyeballs["Service"]
  /** In the order in which they are tried; all with one port. */
  readonly addresses: ReadonlyArray<NetAddress.InetAddress>
  readonly timeout: Duration.Duration
  readonly idleTimeout?: Duration.Duration | undefined
  readonly open: (endpoint: Endpoint) => Effect.Effect<C, DialFailed, Scope.Scope>
  /** Begins to speak. What it forks belongs to the connection's scope. */
  readonly begin: (connection: C, occupancy: Occupancy) => Effect.Effect<Line, never, Scope.Scope>
}

/**
 * Makes what gives the open connection of a server, or opens one. Whoever comes
 * while it is being opened waits for the same one; when all of them have gone,
 * so has it.
 *
 * @internal
 */
export const connector = Effect.fnUntraced(function*<C extends Connection>(
  options: Options<C>
): Effect.fn.Return<Effect.Effect<Line, ServerFailed>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const background = (yield* BackgroundClock) ?? clock
  const opening = new Shared<"connection", Line, ServerFailed>(scope)
  let current: Line | undefined
  const opened = Effect.map(open(options, scope, clock, background), (line) => (current = line))
  return Effect.suspend(() => current?.isUsable === true ? Effect.succeed(current) : opening.run("connection", opened))
})

const open = Effect.fnUntraced(function*<C extends Connection>(
  options: Options<C>,
  owner: Scope.Scope,
  clock: Clock.Clock,
  background: Clock.Clock
): Effect.fn.Return<Line, ServerFailed> {
  const { addresses, happyEyeballs, timeout } = options
  const scope = yield* Scope.fork(owner)
  return yield* Effect.gen(function*() {
    const connection = yield* happyEyeballs.connectWith(
      { addresses: addresses.map(({ address }) => address), port: addresses[0]?.port ?? 0 },
      (endpoint) => options.open(asGiven(endpoint, addresses)),
      { timeout: Duration.infinity, attemptTimeout: timeout }
    ).pipe(Effect.mapError((error) => unreachable(options.server, error)))
    const idleMs = Duration.toMillis(options.idleTimeout ?? Duration.seconds(10))
    const occupancy = new Occupancy({ scope, clock, idleMs, setIdle: connection.setIdle })
    const line = yield* options.begin(connection, occupancy)
    yield* Effect.forkIn(Effect.provideService(occupancy.idling(), Clock.Clock, background), scope)
    return line
  }).pipe(Scope.provide(scope), Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
})

// The racer is given addresses, and one of them may have come with a zone.
const asGiven = (endpoint: Endpoint, addresses: ReadonlyArray<NetAddress.InetAddress>): Endpoint => {
  const { address } = endpoint
  const given = NetAddress.isUnixPathAddress(address)
    ? undefined
    : addresses.find((one) => Equal.equals(one.address, address.address))
  return given === undefined ? endpoint : { ...endpoint, address: given }
}

const unreachable = (server: string, error: ConnectError): ServerFailed => {
  const attempts = error.reason._tag === "AllAttemptsFailed" ? error.reason.attempts : []
  // Of several addresses, one that proved nothing says most.
  const attempt = attempts.find(({ kind }) => kind === "Tls") ?? attempts[0]
  const cause = attempt?.cause instanceof DialFailed ? attempt.cause.cause : attempt?.cause
  const isTls = attempt?.kind === "Tls" && attempt.code !== Http2.notSpoken
  const detail = attempt === undefined
    ? error.reason.message
    : isTls && cause instanceof Error
    ? `could not be verified: ${cause.message}`
    : attempt.kind === "Timeout"
    ? "could not be connected to in time"
    : attempt.code === Http2.notSpoken
    ? "does not speak HTTP/2, which DNS over HTTPS needs here"
    : `cannot be reached (${attempt.code ?? attempt.kind})`
  return new ServerFailed({
    server,
    reason: isTls ? "Unverified" : attempt?.kind === "Timeout" ? "Timeout" : "Unreachable",
    detail,
    cause: error
  })
}
