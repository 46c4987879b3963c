/**
 * The steps of a connect, each with its time.
 *
 * This is the one list from which reports, errors, spans, metrics, the command
 * line and the tests are made. Times are milliseconds since the call of
 * `connect`, read from the fiber's `Clock`.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "./ConnectReport.ts"
import type { DialFailed } from "./Dialer.ts"
import type * as Endpoint from "./Endpoint.ts"
import type { Answer } from "./Resolver.ts"
import type * as Target from "./Target.ts"

/**
 * What every event says: which connect it belongs to (a number that counts up
 * within one service) and when it happened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Common {
  readonly connect: number
  readonly atMs: number
}

/**
 * One step of a connect.
 *
 * **Details**
 *
 * - `Started`: `connect` was called.
 * - `Answered`: the resolver said something, good or bad.
 * - `Refreshed`: every cached address failed and the name is asked once more.
 * - `AttemptStarted`, `AttemptConnected`, `AttemptFailed`,
 *   `AttemptInterrupted`: one attempt, numbered from 0 in start order.
 * - `AttemptSecuring`: with TLS, the connection stands and its handshake begins.
 * - `Congested`: an attempt found no free descriptors and waits to try again.
 * - `LeftOut`: candidates beyond `maxCandidates`, which are never tried.
 * - `Ended`: `connect` returns; `error` is `null` on success and losers are
 *   closed. An interrupted connect ends with the tag `Interrupted`.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectEvent =
  | Common & { readonly _tag: "Started"; readonly target: Target.Target }
  | Common & { readonly _tag: "Answered"; readonly answer: Answer }
  | Common & { readonly _tag: "Refreshed" }
  | Common & { readonly _tag: "LeftOut"; readonly count: number; readonly limit: number }
  | Common & { readonly _tag: "AttemptStarted"; readonly attempt: number; readonly endpoint: Endpoint.Endpoint }
  | Common & { readonly _tag: "AttemptSecuring"; readonly attempt: number; readonly endpoint: Endpoint.Endpoint }
  | Common & { readonly _tag: "AttemptConnected"; readonly attempt: number; readonly endpoint: Endpoint.Endpoint }
  | Common & {
    readonly _tag: "AttemptFailed"
    readonly attempt: number
    readonly endpoint: Endpoint.Endpoint
    readonly failure: DialFailed
  }
  | Common & { readonly _tag: "AttemptInterrupted"; readonly attempt: number; readonly endpoint: Endpoint.Endpoint }
  | Common & { readonly _tag: "Congested"; readonly attempt: number; readonly endpoint: Endpoint.Endpoint }
  | Common & {
    readonly _tag: "Ended"
    readonly target: Target.Target
    /** The number of the attempt that won. */
    readonly winner: number | null
    readonly error: NonNullable<ConnectReport.ConnectReport["error"]> | null
    /** The whole connect, computed when it is first read. */
    readonly report: ConnectReport.ConnectReport
  }
