import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Message from "../Message.ts"
import type { Protocol } from "../NameServer.ts"
import { type Reply, ServerFailed, type Transport } from "../Transport.ts"
import { rejectsEdns } from "../UdpTransport.ts"
import type { Line } from "./Line.ts"
import { monotonicMs } from "./monotonic.ts"

interface Options {
  readonly server: string
  readonly protocol: Protocol
  readonly connect: Effect.Effect<Line, ServerFailed>
  readonly padded: boolean
  readonly timeout: Duration.Duration
  readonly maxInFlight?: number | undefined
}

// A connection that dies without having answered anything is replaced once. One
// that has answered is replaced without a bound but time: each takes us further.
const maxFruitless = 2

const suspiciousMs = 1000

const answersBeforeMore = 64

/**
 * Makes a transport over connections that carry many questions: what is lost
 * with one of them is asked again on the next.
 *
 * @internal
 */
export const exchange = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Transport> {
  const { connect, padded, protocol, server, timeout } = options
  const clock = yield* Clock.Clock
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
    used: (line: Line) => void
  ): Effect.fn.Return<Message.Message, ServerFailed> {
    let detail = ""
    for (let fruitless = 0; fruitless < maxFruitless;) {
      const outcome = yield* permits.withPermit(Effect.flatMap(connect, (line) => {
        used(line)
        return line.ask(question, { edns, padded })
      }))
      if (outcome._tag === "Answered") {
        // It may have been a restart, or a server that has learnt better since.
        if (++answered % answersBeforeMore === 0 && limit < maxInFlight) yield* permits.resize(++limit)
        return outcome.message
      }
      if (outcome._tag === "Invalid") {
        return yield* new ServerFailed({ server, reason: "Invalid", detail: outcome.detail, cause: outcome.cause })
      }
      detail = outcome.detail
      if (!outcome.fruitful) fruitless++
      // Some servers answer the first of several questions and close, which RFC
      // 7766, section 6.2.1, forbids. Such a server is given fewer and fewer at once.
      answered = 0
      if (outcome.shared) yield* sendFewer
    }
    return yield* fail("Closed", detail)
  })

  const ask = Effect.fnUntraced(function*(
    question: Message.Question,
    used: (line: Line) => void
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
      ? use.line.end()
      : Effect.andThen(use.shared ? sendFewer : Effect.void, use.line.retire())

  return {
    exchange: (question) =>
      Effect.suspend(() => {
        let last: Use | undefined
        const asking = ask(question, (line) => {
          last = { line, heard: line.heard, shared: line.isBusy, at: monotonicMs(clock) }
        })
        const isSilent = (use: Use): boolean => use.line.heard === use.heard
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
              ? last.line.retire()
              : Effect.void
          )
        )
      })
  }
})

/** The connection that a question was last sent on, and how things were then. */
interface Use {
  readonly line: Line
  readonly heard: number
  readonly shared: boolean
  readonly at: number
}
