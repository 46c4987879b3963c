import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { IsBackground } from "../Background.ts"
import type { ByteStream } from "../ByteStreams.ts"
import * as Edns from "../Edns.ts"
import { frame, Frames } from "../Frames.ts"
import * as Message from "../Message.ts"
import * as Wire from "../Wire.ts"
import type { Line, Outcome } from "./Line.ts"
import type { Occupancy } from "./Occupancy.ts"
import { queryId } from "./queryId.ts"

interface Pending {
  readonly question: Message.Question
  readonly shared: boolean
  readonly outcome: Deferred.Deferred<Outcome>
}

// Ids of questions that nobody waits for any more stay taken until the server
// answers, so that a late answer meets no other question. A connection with
// this many of them is not used for more.
const maxAbandoned = 4096

// Messages that no question belongs to, before the server counts as hostile.
const maxUnsolicited = 1024

/**
 * One open connection and the questions on it.
 *
 * @internal
 */
export class Pipeline implements Line {
  private readonly stream: ByteStream
  private readonly random: SecureRandom["Service"]
  private readonly occupancy: Occupancy
  private readonly pending = new Map<number, Pending | "abandoned">()
  private readonly frames = new Frames()
  private abandoned = 0
  private unsolicited = 0
  private replies = 0
  private chunks = 0

  constructor(options: {
    readonly stream: ByteStream
    readonly random: SecureRandom["Service"]
    readonly occupancy: Occupancy
  }) {
    this.stream = options.stream
    this.random = options.random
    this.occupancy = options.occupancy
  }

  get isUsable(): boolean {
    return this.occupancy.isOpen && this.abandoned < maxAbandoned
  }

  get isBusy(): boolean {
    return this.occupancy.isBusy
  }

  get heard(): number {
    return this.chunks
  }

  /** Reads until the stream ends. Runs in the pipeline's scope. */
  get reading(): Effect.Effect<void> {
    return Effect.forever(Effect.flatMap(this.stream.read, (chunk) => {
      this.chunks++
      for (const message of this.frames.push(chunk)) this.take(message)
      return this.unsolicited > maxUnsolicited ? this.end() : Effect.void
    })).pipe(Effect.catch(() => this.end()))
  }

  ask(
    question: Message.Question,
    how: { readonly edns: boolean; readonly padded: boolean }
  ): Effect.Effect<Outcome> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.all([queryId(this.random, (id) => this.pending.has(id)), IsBackground]),
        ([id, inBackground]) => {
          const shared = this.isBusy
          if (this.occupancy.isEnded) return Effect.succeed(this.lost(shared))
          const mine: Pending = { question, shared, outcome: Deferred.makeUnsafe<Outcome>() }
          // Registered before it is written: the answer may be here before the write returns.
          this.pending.set(id, mine)
          this.occupancy.enter(inBackground)
          return restore(
            this.stream.write(frame(Message.encode(question, { id, ...how }))).pipe(
              Effect.andThen(Deferred.await(mine.outcome)),
              Effect.catch(() => Effect.succeed(this.lost(shared)))
            )
          ).pipe(Effect.onExit(() => this.leave(id, mine)))
        }
      )
    )
  }

  retire(): Effect.Effect<void> {
    return this.occupancy.retire()
  }

  end(): Effect.Effect<void> {
    return this.occupancy.end(() => {
      for (const [id, pending] of this.pending) {
        if (pending !== "abandoned") this.settle(id, pending, this.lost(pending.shared))
      }
      this.pending.clear()
    })
  }

  private leave(id: number, mine: Pending): Effect.Effect<void> {
    if (this.pending.get(id) === mine) {
      this.pending.set(id, "abandoned")
      this.abandoned++
    }
    return this.occupancy.leave()
  }

  private take(bytes: Uint8Array): void {
    const id = Wire.header(bytes)?.id
    const pending = id === undefined ? undefined : this.pending.get(id)
    if (id === undefined || pending === undefined) {
      this.unsolicited++
      return
    }
    if (pending === "abandoned") {
      this.pending.delete(id)
      this.abandoned--
      return
    }
    const message = Message.decode(bytes)
    if (Result.isFailure(message)) {
      return this.settle(id, pending, {
        _tag: "Invalid",
        detail: `sent no valid answer (${message.failure.message})`,
        cause: message.failure
      })
    }
    if (!Message.isReplyTo(message.success, id, pending.question)) {
      this.unsolicited++
      return
    }
    this.replies++
    this.occupancy.shorten(Edns.keepalive(message.success.edns) ?? Infinity)
    // RFC 7766 knows no truncation: a server that marks an answer over TCP as
    // truncated has no more to say, and what it said counts.
    this.settle(id, pending, { _tag: "Answered", message: message.success })
  }

  private settle(id: number, pending: Pending, outcome: Outcome): void {
    this.pending.delete(id)
    Deferred.doneUnsafe(pending.outcome, Exit.succeed(outcome))
  }

  private lost(shared: boolean): Outcome {
    return { _tag: "Lost", detail: "closed the connection without an answer", fruitful: this.replies > 0, shared }
  }
}
