/**
 * Several name servers, asked as one.
 *
 * The preferred server is asked first. The next one is asked when it fails, and
 * also when it is slow: the racer's head starts, applied to name servers. What
 * each has done is remembered and decides who is asked first next time. An
 * encrypted server is never asked in clear, unless its profile says so.
 *
 * @since 0.1.0
 */
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Race from "@happy-eyeballs/core/Race"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { DnsErrorReason } from "effect/net/Dns"
import type * as Scope from "effect/Scope"
import * as Authentication from "./Authentication.ts"
import { ByteStreams } from "./ByteStreams.ts"
import { Datagrams } from "./Datagrams.ts"
import { Http2 } from "./Http2.ts"
import * as HttpsTransport from "./HttpsTransport.ts"
import { bootstrap } from "./internal/bootstrap.ts"
import { Health } from "./internal/Health.ts"
import { monotonicMs } from "./internal/monotonic.ts"
import * as Message from "./Message.ts"
import * as NameServer from "./NameServer.ts"
import * as RecordType from "./RecordType.ts"
import * as StreamTransport from "./StreamTransport.ts"
import { failedReply, type Reply, type ServerFailed, toDnsReason, type Transport } from "./Transport.ts"
import * as UdpTransport from "./UdpTransport.ts"

/**
 * One server asked once, in milliseconds since the question.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  readonly server: string
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly outcome: "answered" | "failed" | "interrupted"
  readonly failure: ServerFailed | undefined
}

/**
 * An answer, and how it was come by.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answered {
  readonly reply: Reply
  readonly server: string
  readonly attempts: ReadonlyArray<Attempt>
}

/**
 * No name server answered a question.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{
  readonly question: Message.Question
  /** In the order in which they were started; empty where there is no server. */
  readonly attempts: ReadonlyArray<Attempt>
}> {
  override get message(): string {
    const { name, type } = this.question
    const failures = this.attempts.map(({ endedAtMs, failure, server }) =>
      failure?.message ?? `${server} did not answer in ${Math.round(endedAtMs)} ms`
    )
    const said = [...new Set(failures)]
    return `no answer for ${RecordType.format(type)} ${name}: ${
      said.length === 0 ? "there is no name server" : said.join("; ")
    }`
  }

  /**
   * Gives the reason that `effect/net` has for it: what a server said before
   * what none of them said.
   *
   * @since 0.1.0
   */
  get reason(): DnsErrorReason {
    const found = new Set(
      this.attempts.map(({ failure }) => failure === undefined ? "Timeout" : toDnsReason(failure))
    )
    return bySignificance.find((reason) => found.has(reason)) ?? "Refused"
  }
}

const bySignificance: ReadonlyArray<DnsErrorReason> = [
  "ServerFailure",
  "InvalidResponse",
  "Refused",
  "Temporary",
  "Timeout",
  "Unknown"
]

/**
 * How name servers are asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** In order of preference. */
  readonly servers: ReadonlyArray<NameServer.NameServer>
  /** How long one server is waited for. Default 5 s. */
  readonly attemptTimeout?: Duration.Duration | undefined
  /** How often the servers are gone through. Default 2. */
  readonly attempts?: number | undefined
  /** Begin with another server for each question. Default: no. */
  readonly rotate?: boolean | undefined
  /** How long an idle connection is kept. Default 10 s. */
  readonly idleTimeout?: Duration.Duration | undefined
}

/**
 * Name servers, asked as one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Upstream {
  /** The timeout is for the whole, whomever it takes. Default: what the servers' own times add up to. */
  readonly ask: (question: Message.Question, timeout?: Duration.Duration) => Effect.Effect<Answered, NoAnswer>
  /** What is remembered of each server, in order of preference. */
  readonly health: () => ReadonlyArray<ServerHealth>
}

/**
 * What is remembered of a server.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerHealth {
  readonly server: string
  /** Smoothed, in milliseconds; `undefined` before the first answer. */
  readonly roundTripMs: number | undefined
  /** How often it failed since it last answered. */
  readonly failures: number
}

/**
 * What name servers are reached by.
 *
 * @category models
 * @since 0.1.0
 */
export type Ports = Datagrams | ByteStreams | Http2 | SecureRandom

/**
 * Makes an upstream; its connections belong to the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Upstream, never, Ports | Scope.Scope> {
  const clock = yield* Clock.Clock
  const rounds = Math.max(1, options.attempts ?? 2)
  const groups: Array<ReadonlyArray<Way>> = []
  for (const server of options.servers) {
    const ways: Array<Way> = []
    for (const step of stepsOf(server)) {
      ways.push(new Way(NameServer.format(step), ways.length > 0, yield* transportTo(step, options)))
    }
    groups.push(ways)
  }
  let turn = 0

  const ask = Effect.fnUntraced(function*(
    question: Message.Question,
    timeout?: Duration.Duration
  ): Effect.fn.Return<Answered, NoAnswer> {
    const started = monotonicMs(clock)
    const attempts: Array<Attempt> = []
    const ordered = Health.order(rotated(groups, options.rotate === true ? turn++ : 0).flat(), started)
    const settled = new Set<Way>()

    const attempt = ({ way }: Candidate): Effect.Effect<Answered, ServerFailed> =>
      Effect.suspend(() => {
        const begun = monotonicMs(clock)
        const index = attempts.push(unfinished) - 1
        const note = (outcome: Attempt["outcome"], failure?: ServerFailed) => {
          const ended = monotonicMs(clock)
          way.health.learn(outcome, failure, ended - begun, ended)
          if (failure?.reason === "Failed" || failure?.reason === "Unverified") settled.add(way)
          attempts[index] = {
            server: way.server,
            startedAtMs: begun - started,
            endedAtMs: ended - started,
            outcome,
            failure
          }
        }
        attempts[index] = {
          server: way.server,
          startedAtMs: 0,
          endedAtMs: 0,
          outcome: "interrupted",
          failure: undefined
        }
        return Effect.flatMap(way.transport.exchange(question), (reply) =>
          isAnswer(reply.message)
            ? Effect.succeed({ reply, server: way.server, attempts })
            : Effect.fail(failedReply(way.server, reply))).pipe(
            Effect.onExit((exit) => {
              note(...outcomeOf(exit))
              return Effect.void
            })
          )
      })

    const racing = Effect.scoped(
      Race.staggered(candidates(ordered, rounds, settled), attempt, {
        delay: ({ patient, way }) => patient ? Duration.infinity : way.health.headStart
      })
    )
    const answered = yield* Effect.timeoutOption(racing, timeout ?? Duration.infinity).pipe(
      Effect.flatMap(Effect.fromOption),
      Effect.mapError(() => new NoAnswer({ question, attempts: attempts.slice() }))
    )
    return { ...answered, attempts: attempts.slice() }
  })

  return { ask, health: () => groups.flat().map(({ health, server }) => health.snapshot(server)) }
})

/** One way to ask one server. An opportunistic server has several; those after the first are `fallback`s. */
class Way {
  readonly health = new Health()
  readonly server: string
  readonly fallback: boolean
  readonly transport: Transport

  constructor(server: string, fallback: boolean, transport: Transport) {
    this.server = server
    this.fallback = fallback
    this.transport = transport
  }
}

interface Candidate {
  readonly way: Way
  /** The next one waits until this one has failed, however long it takes. */
  readonly patient: boolean
}

// The same server again, and the next step down of an opportunistic one, are for
// when a server has failed, and not for when it is slow. A server that has said
// why it does not answer is not asked again.
function* candidates(
  ways: ReadonlyArray<Way>,
  rounds: number,
  settled: ReadonlySet<Way>
): Generator<Candidate, void> {
  for (let round = 0; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      const next = ways[index + 1]
      if (!settled.has(way)) yield { way, patient: next === undefined || next.fallback }
    }
  }
}

const rotated = <A>(items: ReadonlyArray<A>, turn: number): ReadonlyArray<A> => {
  const begin = items.length === 0 ? 0 : turn % items.length
  return [...items.slice(begin), ...items.slice(0, begin)]
}

const outcomeOf = (exit: Exit.Exit<unknown, ServerFailed>): [Attempt["outcome"], ServerFailed?] => {
  if (Exit.isSuccess(exit)) return ["answered"]
  const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  return failure === undefined ? ["interrupted"] : ["failed", failure.error]
}

const unfinished: Attempt = { server: "", startedAtMs: 0, endedAtMs: 0, outcome: "interrupted", failure: undefined }

// SERVFAIL and REFUSED say something about the server, and the next may do
// better; NXDOMAIN says something about the name.
const isAnswer = ({ rcode }: Message.Message): boolean =>
  rcode === Message.rcodes.NOERROR || rcode === Message.rcodes.NXDOMAIN

// RFC 8310, section 5: what an opportunistic client tries, one after the other.
const stepsOf = (server: NameServer.NameServer): ReadonlyArray<NameServer.NameServer> => {
  if (server.protocol !== "tls" && server.protocol !== "https" || server.profile === "strict") return [server]
  const unverified = { ...server, authentication: { ...Authentication.system, none: true } }
  const addresses = server.protocol === "tls" ? [server.address] : server.addresses
  return [server, unverified, ...addresses.map(NameServer.clearText)]
}

const transportTo = Effect.fnUntraced(function*(
  server: NameServer.NameServer,
  options: Options
): Effect.fn.Return<Transport, never, Ports | Scope.Scope> {
  const happyEyeballs = Context.get(yield* Layer.build(bootstrap), HappyEyeballs)
  const timeout = options.attemptTimeout ?? Duration.seconds(5)
  const { idleTimeout } = options
  if (server.protocol === "https") {
    return yield* HttpsTransport.make({ http2: yield* Http2, happyEyeballs, server, timeout, idleTimeout })
  }
  const { address } = server
  const [streams, datagrams, random] = [yield* ByteStreams, yield* Datagrams, yield* SecureRandom]
  const stream = yield* StreamTransport.make({
    streams,
    happyEyeballs,
    random,
    address,
    timeout,
    idleTimeout,
    security: server.protocol === "tls" ? { authentication: server.authentication, alpn: ["dot"] } : undefined
  })
  return server.protocol === "udp" ? UdpTransport.make({ datagrams, random, address, tcp: stream, timeout }) : stream
})
