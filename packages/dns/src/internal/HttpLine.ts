import * as Effect from "effect/Effect"
import { IsBackground } from "../Background.ts"
import type { RequestFailed, Response, Session } from "../Http2.ts"
import * as Message from "../Message.ts"
import { maxLength, mediaType, read } from "./httpAnswer.ts"
import type { Line, Outcome } from "./Line.ts"
import type { Occupancy } from "./Occupancy.ts"

// A server that moved is followed this often for one question.
const maxRedirects = 3

// Servers take a thousand requests that are given up for an attack and end the
// session (CVE-2023-44487), which Node may not notice while it writes.
const maxGivenUp = 500

/**
 * One HTTP/2 session and the questions on it.
 *
 * @internal
 */
export class HttpLine implements Line {
  private readonly session: Session
  private readonly occupancy: Occupancy
  private readonly authority: string
  private readonly path: string
  private responses = 0
  private givenUp = 0

  constructor(options: {
    readonly session: Session
    readonly occupancy: Occupancy
    readonly authority: string
    readonly path: string
  }) {
    this.session = options.session
    this.occupancy = options.occupancy
    this.authority = options.authority
    this.path = options.path
  }

  get isUsable(): boolean {
    return this.occupancy.isOpen && this.session.isOpen()
  }

  get isBusy(): boolean {
    return this.occupancy.isBusy
  }

  get heard(): number {
    return this.responses
  }

  ask(
    question: Message.Question,
    how: { readonly edns: boolean; readonly padded: boolean }
  ): Effect.Effect<Outcome> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(IsBackground, (inBackground) => {
        const shared = this.isBusy
        if (this.occupancy.isEnded) return Effect.succeed(this.lost("Ended", shared))
        this.occupancy.enter(inBackground)
        // RFC 8484, section 4.1: id 0, so that what the same question is answered
        // with can be kept by caches in between.
        const body = Message.encode(question, { id: 0, ...how })
        return restore(this.follow(question, body, this.path, maxRedirects)).pipe(
          // Whatever the session says of itself: one that ended is not asked again.
          Effect.tapError(({ reason }) => reason === "Ended" ? this.retire() : Effect.void),
          Effect.catch(({ reason }) => Effect.succeed(this.lost(reason, shared))),
          Effect.onInterrupt(() => ++this.givenUp === maxGivenUp ? this.retire() : Effect.void),
          Effect.onExit(() => this.occupancy.leave())
        )
      })
    )
  }

  retire(): Effect.Effect<void> {
    return this.occupancy.retire()
  }

  end(): Effect.Effect<void> {
    return this.occupancy.end()
  }

  private follow(
    question: Message.Question,
    body: Uint8Array,
    path: string,
    left: number
  ): Effect.Effect<Outcome, RequestFailed> {
    const posting = this.session.post({ authority: this.authority, path, contentType: mediaType, body, maxLength })
    return Effect.flatMap(posting, (response: Response) => {
      this.responses++
      const found = read(response, question, this.authority)
      if (found._tag !== "Redirected") return Effect.succeed(found)
      return left > 0
        ? this.follow(question, body, found.path, left - 1)
        : Effect.succeed<Outcome>({ _tag: "Invalid", detail: `redirects without end, lastly to ${found.path}` })
    })
  }

  private lost(reason: RequestFailed["reason"], shared: boolean): Outcome {
    switch (reason) {
      case "TooLong":
        return { _tag: "Invalid", detail: `sent more than ${maxLength} bytes` }
      // The session lives on, so that trying again may go on without end.
      case "Reset":
        return { _tag: "Lost", detail: "gave up the request without an answer", fruitful: false, shared }
      case "Ended":
        return {
          _tag: "Lost",
          detail: "closed the connection without an answer",
          fruitful: this.responses > 0,
          shared
        }
    }
  }
}
