/**
 * The port for byte streams: what TCP and TLS to a name server need from the
 * platform.
 *
 * @since 0.1.0
 */
import type { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Authentication } from "./Authentication.ts"

/**
 * A stream has ended, by either side or by a failure between them.
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamEnded extends Data.TaggedError("StreamEnded")<{
  readonly cause?: unknown
}> {}

/**
 * How to speak TLS on a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Security {
  readonly authentication: Authentication
  readonly alpn: ReadonlyArray<string>
}

/**
 * An open stream of bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ByteStream {
  /**
   * Writes all of the bytes. They are handed over before this can be
   * interrupted: half a message would spoil every message after it.
   */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, StreamEnded>
  /** Waits for the next bytes, of any number but zero. */
  readonly read: Effect.Effect<Uint8Array, StreamEnded>
  /** Says whether anybody waits for this stream. An idle one keeps no process alive. */
  readonly setIdle: (idle: boolean) => void
}

/**
 * Service that opens byte streams.
 *
 * @category services
 * @since 0.1.0
 */
export class ByteStreams extends Context.Service<ByteStreams, {
  /**
   * Opens a stream to one endpoint, in the scope it is given. With `security`,
   * success means that the server has proved all that was asked for, and that
   * not one byte of a message was sent before; the endpoint's own `tls` plays no
   * part. When interrupted or failed nothing is open.
   */
  readonly open: (
    endpoint: Endpoint,
    security: Security | undefined
  ) => Effect.Effect<ByteStream, DialFailed, Scope.Scope>
}>()("@happy-eyeballs/dns/ByteStreams") {}
