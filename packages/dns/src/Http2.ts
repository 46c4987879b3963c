/**
 * The port for HTTP/2: what DNS over HTTPS needs from the platform.
 *
 * One session is one connection over TLS that carries many requests at once.
 * What is asked and what an answer means is `HttpsTransport`'s.
 *
 * @since 0.1.0
 */
import type { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Security } from "./ByteStreams.ts"

/**
 * A request with the method POST.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  /** The host, and the port where it is not 443. */
  readonly authority: string
  readonly path: string
  /** The content type of the body, and of the response that is wanted. */
  readonly contentType: string
  readonly body: Uint8Array
  /** A longer response fails with `TooLong`, and no more of it is read. */
  readonly maxLength: number
}

/**
 * A response.
 *
 * @category models
 * @since 0.1.0
 */
export interface Response {
  readonly status: number
  /** Gives a field by its name in lower case; the first where it came several times. */
  readonly field: (name: string) => string | undefined
  readonly body: Uint8Array
}

/**
 * A request has no response.
 *
 * **Details**
 *
 * - `Ended`: the session is over, or takes no more requests.
 * - `Reset`: the server gave up this request and not the session.
 * - `TooLong`: the response is longer than was asked for.
 *
 * @category errors
 * @since 0.1.0
 */
export class RequestFailed extends Data.TaggedError("RequestFailed")<{
  readonly reason: "Ended" | "Reset" | "TooLong"
  readonly cause?: unknown
}> {}

/**
 * An open session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  /** Says whether the server takes more requests. */
  readonly isOpen: () => boolean
  /** Sends a request. When interrupted the server is told that nobody waits (`RST_STREAM`). */
  readonly post: (request: Request) => Effect.Effect<Response, RequestFailed>
  /** Says whether anybody waits for this session. An idle one keeps no process alive. */
  readonly setIdle: (idle: boolean) => void
}

/**
 * The code of the `DialFailed` for a server that speaks TLS and not HTTP/2.
 *
 * @category constants
 * @since 0.1.0
 */
export const notSpoken = "HTTP2_NOT_SPOKEN"

/**
 * Service that opens HTTP/2 sessions.
 *
 * @category services
 * @since 0.1.0
 */
export class Http2 extends Context.Service<Http2, {
  /**
   * Opens a session with one endpoint, in the scope it is given. Success means
   * that the server has proved all that was asked for and speaks HTTP/2; no
   * request was sent before. When interrupted or failed nothing is open.
   */
  readonly open: (endpoint: Endpoint, security: Security) => Effect.Effect<Session, DialFailed, Scope.Scope>
}>()("@happy-eyeballs/dns/Http2") {}
