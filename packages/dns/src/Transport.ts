/**
 * One way to one name server.
 *
 * A transport takes a question there and brings back the reply that belongs to
 * it, or says why there is none. What the reply means, and whom to ask next, is
 * not its business: `Upstream` and `StubResolver` continue the story.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { DnsErrorReason } from "effect/net/Dns"
import * as Edns from "./Edns.ts"
import type { Message, Question } from "./Message.ts"
import { formatRcode, rcodes } from "./Message.ts"
import type { Protocol } from "./NameServer.ts"

/**
 * A reply, and over what it came.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly message: Message
  /** Not always the server's protocol: a long answer over UDP comes over TCP. */
  readonly transport: Protocol
}

/**
 * Why a name server did not answer.
 *
 * **Details**
 *
 * - `Timeout`: nothing came in time.
 * - `Unreachable`: the system says so, or the connection could not be made.
 * - `Unverified`: the server did not prove what it must. No question was sent.
 * - `Closed`: the server closes connections without answering.
 * - `Invalid`: what came was no reply to the question.
 * - `Failed`: the server itself says that it cannot or will not answer.
 *
 * @category models
 * @since 0.1.0
 */
export type FailureReason = "Timeout" | "Unreachable" | "Unverified" | "Closed" | "Invalid" | "Failed"

/**
 * A name server did not answer a question.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerFailed extends Data.TaggedError("ServerFailed")<{
  /** The server without its parameters, as `NameServer.format` prints it. */
  readonly server: string
  readonly reason: FailureReason
  readonly detail: string
  /** The reply, where the failure is one. */
  readonly reply?: Reply | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.server} ${this.detail}`
  }
}

/**
 * One way to one name server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transport {
  /** Interruptible at every moment; an interrupted question leaves nothing behind. */
  readonly exchange: (question: Question) => Effect.Effect<Reply, ServerFailed>
}

/**
 * Makes the failure of a server that answers with a code other than NOERROR and
 * NXDOMAIN.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failedReply = (server: string, reply: Reply): ServerFailed => {
  const why = Edns.extendedErrors(reply.message.edns).map(Edns.formatExtendedError)
  const detail = `answered ${formatRcode(reply.message.rcode)}${why.length === 0 ? "" : ` (${why.join("; ")})`}`
  return new ServerFailed({ server, reason: "Failed", detail, reply })
}

/**
 * Gives the reason that `effect/net` has for a failure.
 *
 * @category converting
 * @since 0.1.0
 */
export const toDnsReason = (self: ServerFailed): DnsErrorReason => {
  switch (self.reason) {
    case "Timeout":
      return "Timeout"
    case "Unreachable":
    case "Unverified":
      return "Refused"
    case "Closed":
      return "Temporary"
    case "Invalid":
      return "InvalidResponse"
    case "Failed":
      return self.reply?.message.rcode === rcodes.SERVFAIL
        ? "ServerFailure"
        : self.reply?.message.rcode === rcodes.REFUSED
        ? "Refused"
        : "Unknown"
  }
}
