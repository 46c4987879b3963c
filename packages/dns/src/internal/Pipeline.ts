import type * as Clock from "effect/Clock"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { IsBackground } from "../Background.ts"
import type { ByteStream } from "../ByteStreams.ts"
import * as Edns from "../Edns.ts"
import { frame, Frames } from "../Frames.ts"
import * as Message from "../Message.ts"
import * as Wire from "../Wire.ts"
import { monotonicMs } from "./monotonic.ts"
import { queryId } from "./queryId.ts"

/**
 * How a question on a connection ended. `Lost` is no answer at all: the
 * connection ended first, after so many replies to any question. `shared` says
 * that another question was under way when this one was sent.
 *
 * @internal
 */
export type Outcome =
  | { readonly _tag: "Answered"; readonly message: Message.Message }
  | { readonly _tag: "Malformed"; readonly cause: Wire.Malformed }
  | { readonly _tag: "Lost"; readonly replies: number; readonly shared: boolean }

interface Pending {
  readonly question: Message.Question
  readonly shared: boolean
  readonly outcome: Deferred.Deferred<Outcome>
}

// Ids of questions that nobody waits for any more stay taken until the server
// answers, so that a late answer meets no other question. A connection with
// this many of them is not used for more.
const maxAbandoned = 4096

// How often the time is looked at: the server may shorten it with any answer.
const lookMs = 1000

// Messages that no question belongs to, before the server counts as hostile.
const maxUnsolicited = 1024

/**
 * One open connection and the questions on it.
 *
 * @internal
 */
export class Pipeline {
  private readonly stream: ByteStream
  private readonly scope: Scope.Closeable
  private readonly clock: Clock.Clock
  private readonly random: SecureRandom["Service"]
  private readonly pending = new Map<number, Pending | "abandoned">()
  private readonly frames = new Frames()
  private waiting = 0
  private abandoned = 0
  private unsolicited = 0
  private replies = 0
  private ended = false
  private retired = false
  private idleMs: number
  private usedAt: number
  private chunks = 0

  constructor(options: {
    readonly stream: ByteStream
    /** Holds the stream; closing it ends the pipeline's fibers. */
    readonly scope: Scope.Closeable
    readonly clock: Clock.Clock
    readonly random: SecureRandom["Service"]
    readonly idleMs: number
  }) {
    this.stream = options.stream
    this.scope = options.scope
    this.clock = options.clock
    this.random = options.random
    this.idleMs = options.idleMs
    this.usedAt = monotonicMs(this.clock)
    this.stream.setIdle(true)
  }

  get isUsable(): boolean {
    return !this.ended && !this.retired && this.abandoned < maxAbandoned
  }

  get isBusy(): boolean {
    return this.waiting > 0
  }

  /** Counts what has been heard: the same number twice is silence in between. */
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

  /** Closes the connection when nobody has used it for a while. Runs in the pipeline's scope, on the background clock. */
  idling(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const rest = this.usedAt + this.idleMs - monotonicMs(this.clock)
      if (this.waiting === 0 && rest <= 0) return this.end()
      return Effect.andThen(Effect.sleep(this.waiting > 0 ? lookMs : Math.min(Math.ceil(rest), lookMs)), this.idling())
    })
  }

  ask(
    question: Message.Question,
    how: { readonly edns: boolean; readonly padded: boolean }
  ): Effect.Effect<Outcome> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.all([queryId(this.random, (id) => this.pending.has(id)), IsBackground]),
        ([id, inBackground]) => {
          const shared = this.waiting > 0
          if (this.ended) return Effect.succeed(this.lost(shared))
          const mine: Pending = { question, shared, outcome: Deferred.makeUnsafe<Outcome>() }
          // Registered before it is written: the answer may be here before the write returns.
          this.pending.set(id, mine)
          this.waiting++
          if (!inBackground) this.stream.setIdle(false)
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

  /** Takes no more questions, and closes when those that wait have gone. */
  retire(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.retired = true
      return this.waiting === 0 ? this.end() : Effect.void
    })
  }

  /** Closes at once; what was not answered is lost. */
  end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.ended) return Effect.void
      this.ended = true
      for (const [id, pending] of this.pending) {
        if (pending !== "abandoned") this.settle(id, pending, this.lost(pending.shared))
      }
      this.pending.clear()
      return Scope.close(this.scope, Exit.void)
    })
  }

  private leave(id: number, mine: Pending): Effect.Effect<void> {
    if (this.pending.get(id) === mine) {
      this.pending.set(id, "abandoned")
      this.abandoned++
    }
    this.usedAt = monotonicMs(this.clock)
    if (--this.waiting > 0 || this.ended) return Effect.void
    this.stream.setIdle(true)
    return this.retired ? this.end() : Effect.void
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
    if (Result.isFailure(message)) return this.settle(id, pending, { _tag: "Malformed", cause: message.failure })
    if (!Message.isReplyTo(message.success, id, pending.question)) {
      this.unsolicited++
      return
    }
    this.replies++
    this.idleMs = Math.min(this.idleMs, Edns.keepalive(message.success.edns) ?? Infinity)
    // RFC 7766 knows no truncation: a server that marks an answer over TCP as
    // truncated has no more to say, and what it said counts.
    this.settle(id, pending, { _tag: "Answered", message: message.success })
  }

  private settle(id: number, pending: Pending, outcome: Outcome): void {
    this.pending.delete(id)
    Deferred.doneUnsafe(pending.outcome, Exit.succeed(outcome))
  }

  private lost(shared: boolean): Outcome {
    return { _tag: "Lost", replies: this.replies, shared }
  }
}
