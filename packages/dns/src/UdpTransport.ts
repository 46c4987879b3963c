/**
 * Questions over UDP.
 *
 * Each question has a socket, a port and an id of its own, all of them fresh. A
 * reply that does not belong to it is passed over, a lost datagram is sent
 * again, and a truncated answer is asked for again over TCP.
 *
 * @since 0.1.0
 */
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Channel, DatagramFailed, Datagrams } from "./Datagrams.ts"
import { queryId } from "./internal/queryId.ts"
import * as Message from "./Message.ts"
import * as NameServer from "./NameServer.ts"
import { type Reply, ServerFailed, type Transport } from "./Transport.ts"
import * as Wire from "./Wire.ts"

/**
 * How patient a transport is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly datagrams: Datagrams["Service"]
  readonly random: SecureRandom["Service"]
  readonly address: NetAddress.InetAddress
  /** The same server over TCP, for answers that do not fit. */
  readonly tcp: Transport
  /** How long an answer is waited for. */
  readonly timeout: Duration.Duration
  /** When a query is sent a second time; the time doubles after that. Default 1 s. */
  readonly retransmitAfter?: Duration.Duration | undefined
}

// Whoever sends this many wrong replies to one port is guessing ids.
const maxWrongReplies = 16

/**
 * Makes a transport over UDP.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Transport => {
  const { address, datagrams, random, tcp, timeout } = options
  const server = NameServer.format({ protocol: "udp", address })
  const retransmitAfter = Duration.toMillis(options.retransmitAfter ?? Duration.seconds(1))
  let speaksEdns = true

  const once = (question: Message.Question, edns: boolean) =>
    Effect.scoped(Effect.gen(function*() {
      const id = yield* queryId(random)
      const channel = yield* datagrams.connect(address)
      const bytes = Message.encode(question, { id, edns })
      yield* Effect.forkScoped(retransmit(channel, bytes, retransmitAfter), { startImmediately: true })
      return yield* receive(channel, id, question)
    }))

  const ask = Effect.fnUntraced(function*(question: Message.Question): Effect.fn.Return<Reply, ServerFailed> {
    const first = yield* Effect.mapError(once(question, speaksEdns), (error) => unreachable(server, error))
    const outcome = speaksEdns && first._tag === "Answered" && rejectsEdns(first.message)
      ? yield* Effect.mapError(once(question, false), (error) => unreachable(server, error))
      : first
    if (outcome !== first && outcome._tag === "Answered" && !rejectsEdns(outcome.message)) speaksEdns = false
    return outcome._tag === "Answered"
      ? { message: outcome.message, transport: "udp" }
      : yield* tcp.exchange(question)
  })

  return {
    exchange: (question) =>
      Effect.timeoutOrElse(ask(question), {
        duration: timeout,
        orElse: () =>
          Effect.fail(
            new ServerFailed({ server, reason: "Timeout", detail: `did not answer in ${Duration.format(timeout)}` })
          )
      })
  }
}

/**
 * Says whether a server failed because it does not know EDNS (RFC 6891, section
 * 7): such a server leaves the OPT record out of its reply.
 *
 * @category predicates
 * @since 0.1.0
 */
export const rejectsEdns = (message: Message.Message): boolean =>
  message.rcode === Message.rcodes.BADVERS || message.edns === undefined &&
    (message.rcode === Message.rcodes.FORMERR || message.rcode === Message.rcodes.NOTIMP)

const unreachable = (server: string, cause: DatagramFailed): ServerFailed =>
  new ServerFailed({
    server,
    reason: "Unreachable",
    detail: cause.kind === "Refused"
      ? `refused the query (${cause.code})`
      : `cannot be reached (${cause.code ?? cause.kind})`,
    cause
  })

// The reader learns of a failure first, so a failure to send is only repeated.
const retransmit = (channel: Channel, bytes: Uint8Array, afterMs: number): Effect.Effect<never> =>
  Effect.ignore(channel.send(bytes)).pipe(
    Effect.andThen(Effect.sleep(afterMs)),
    Effect.andThen(Effect.suspend(() => retransmit(channel, bytes, afterMs * 2)))
  )

type Outcome = { readonly _tag: "Answered"; readonly message: Message.Message } | { readonly _tag: "AskOverTcp" }

const receive = Effect.fnUntraced(function*(
  channel: Channel,
  id: number,
  question: Message.Question
): Effect.fn.Return<Outcome, DatagramFailed> {
  // RFC 5452, section 9.1: a reply that does not match is as if it had not come.
  // Failing on it would let anybody stop a query with one forged datagram.
  for (let wrong = 0; wrong < maxWrongReplies; wrong++) {
    const bytes = yield* channel.receive
    const header = Wire.header(bytes)
    if (header?.id !== id || !header.isResponse) continue
    const message = Message.decode(bytes)
    if (Result.isSuccess(message)) {
      if (!Message.isReplyTo(message.success, id, question)) continue
      return message.success.isTruncated ? { _tag: "AskOverTcp" } : { _tag: "Answered", message: message.success }
    }
    // Cut off in the middle of a record, as some servers do.
    if (header.isTruncated) return { _tag: "AskOverTcp" }
  }
  // TCP cannot be answered from elsewhere.
  return { _tag: "AskOverTcp" }
})
