/**
 * Questions over TCP and over TLS.
 *
 * One connection carries many questions at once and takes the answers in any
 * order (RFC 7766, RFC 7858). It is made when it is needed, closed when it has
 * been idle, and replaced when it dies: what was not answered by then is asked
 * again on a new one.
 *
 * @since 0.1.0
 */
import { BackgroundClock, type HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Clock from "effect/Clock"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ByteStreams, Security } from "./ByteStreams.ts"
import { connector } from "./internal/Connector.ts"
import { monotonicMs } from "./internal/monotonic.ts"
import type { Pipeline } from "./internal/Pipeline.ts"
import type * as Message from "./Message.ts"
import * as NameServer from "./NameServer.ts"
import { type Reply, ServerFailed, type Transport } from "./Transport.ts"
import { rejectsEdns } from "./UdpTransport.ts"

/**
 * How a transport connects and how patient it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly streams: ByteStreams["Service"]
  readonly happyEyeballs: HappyEyeballs["Service"]
  readonly random: SecureRandom["Service"]
  readonly address: NetAddress.InetAddress
  /** With it the transport speaks TLS, and pads what it sends. */
  readonly security: Security | undefined
  /** How long an answer is waited for, connecting included. */
  readonly timeout: Duration.Duration
  /** How long an idle connection is kept, unless the server says less. Default 10 s. */
  readonly idleTimeout?: Duration.Duration | undefined
  /** How many questions are under way at once. Default 100. */
  readonly maxInFlight?: number | undefined
}

// A connection that dies without having answered anything is replaced once. One
// that has answered is replaced without a bound but time: each takes us further.
const maxFruitless = 2

const suspiciousMs = 1000

const answersBeforeMore = 64

/**
 * Makes a transport; its connection belongs to the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Transport, never, Scope.Scope> {
  const { address, security, timeout } = options
  const protocol = security === undefined ? "tcp" : "tls"
  const server = security === undefined
    ? NameServer.format({ protocol: "tcp", address })
    : NameServer.format({ protocol: "tls", address, authentication: security.authentication, profile: "strict" })
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const connect = connector({ ...options, server, scope, clock, background: (yield* BackgroundClock) ?? clock })
  const maxInFlight = options.maxInFlight ?? 100
  let limit = maxInFlight
  let answered = 0
  const permits = Semaphore.makeUnsafe(limit)
  let speaksEdns = true

  const sendFewer = Effect.suspend(() => limit > 1 ? permits.resize(limit = Math.ceil(limit / 2)) : Effect.void)

  const fail = (reason: "Timeout" | "Closed", detail: string) => new ServerFailed({ server, reason, detail })

  const once = Effect.fnUntraced(function*(
    question: Message.Question,
    edns: boolean,
    used: (pipeline: Pipeline) => void
  ): Effect.fn.Return<Message.Message, ServerFailed> {
    for (let fruitless = 0; fruitless < maxFruitless;) {
      const outcome = yield* permits.withPermit(Effect.flatMap(connect, (pipeline) => {
        used(pipeline)
        return pipeline.ask(question, { edns, padded: security !== undefined })
      }))
      if (outcome._tag === "Answered") {
        // It may have been a restart, or a server that has learnt better since.
        if (++answered % answersBeforeMore === 0 && limit < maxInFlight) yield* permits.resize(++limit)
        return outcome.message
      }
      if (outcome._tag === "Malformed") {
        return yield* new ServerFailed({
          server,
          reason: "Invalid",
          detail: `sent no valid answer (${outcome.cause.message})`,
          cause: outcome.cause
        })
      }
      if (outcome.replies === 0) fruitless++
      // Some servers answer the first of several questions and close, which RFC
      // 7766, section 6.2.1, forbids. Such a server is given fewer and fewer at once.
      answered = 0
      if (outcome.shared) yield* sendFewer
    }
    return yield* fail("Closed", "closed the connection without an answer")
  })

  const ask = Effect.fnUntraced(function*(
    question: Message.Question,
    used: (pipeline: Pipeline) => void
  ): Effect.fn.Return<Reply, ServerFailed> {
    const first = yield* once(question, speaksEdns, used)
    if (!speaksEdns || !rejectsEdns(first)) return { message: first, transport: protocol }
    const second = yield* once(question, false, used)
    if (!rejectsEdns(second)) speaksEdns = false
    return { message: second, transport: protocol }
  })

  const giveUp = (use: Use, silent: boolean): Effect.Effect<void> =>
    // Silent all that time, a connection is dead, whatever TCP thinks: nobody else
    // should wait for it. One that answered others has lost this question; some
    // servers do, when they are sent several at once.
    silent
      ? use.pipeline.end()
      : Effect.andThen(use.shared ? sendFewer : Effect.void, use.pipeline.retire())

  return {
    exchange: (question) =>
      Effect.suspend(() => {
        let last: Use | undefined
        const asking = ask(question, (pipeline) => {
          last = { pipeline, heard: pipeline.heard, shared: pipeline.isBusy, at: monotonicMs(clock) }
        })
        const isSilent = (use: Use): boolean => use.pipeline.heard === use.heard
        return Effect.timeoutOrElse(asking, {
          duration: timeout,
          orElse: () =>
            Effect.andThen(
              last === undefined ? Effect.void : giveUp(last, isSilent(last)),
              Effect.fail(fail("Timeout", `did not answer in ${Duration.format(timeout)}`))
            )
        }).pipe(
          // Given up by whoever asked, because another server answered perhaps. What
          // waits on a silent connection goes on waiting; new questions go elsewhere.
          Effect.onInterrupt(() =>
            last !== undefined && isSilent(last) && monotonicMs(clock) - last.at >= suspiciousMs
              ? last.pipeline.retire()
              : Effect.void
          )
        )
      })
  }
})

/** The connection that a question was last sent on, and how things were then. */
interface Use {
  readonly pipeline: Pipeline
  readonly heard: number
  readonly shared: boolean
  readonly at: number
}
