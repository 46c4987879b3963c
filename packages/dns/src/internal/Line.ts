import type * as Effect from "effect/Effect"
import type * as Message from "../Message.ts"

/**
 * How a question on a connection ended. `Lost` is no answer at all, though the
 * server may have had others to give: `fruitful` says whether this connection
 * brought any. `shared` says that another question was under way when this one
 * was sent.
 *
 * @internal
 */
export type Outcome =
  | { readonly _tag: "Answered"; readonly message: Message.Message }
  | { readonly _tag: "Invalid"; readonly detail: string; readonly cause?: unknown }
  | { readonly _tag: "Lost"; readonly detail: string; readonly fruitful: boolean; readonly shared: boolean }

/**
 * One open connection to a server, for many questions.
 *
 * @internal
 */
export interface Line {
  /** It may be asked more. */
  readonly isUsable: boolean
  /** Somebody waits for an answer on it. */
  readonly isBusy: boolean
  /** Counts what has been heard: the same number twice is silence in between. */
  readonly heard: number
  readonly ask: (
    question: Message.Question,
    how: { readonly edns: boolean; readonly padded: boolean }
  ) => Effect.Effect<Outcome>
  /** Takes no more questions, and closes when those that wait have gone. */
  readonly retire: () => Effect.Effect<void>
  /** Closes at once; what was not answered is lost. */
  readonly end: () => Effect.Effect<void>
}
