/**
 * Questions over HTTPS (RFC 8484).
 *
 * One HTTP/2 session carries many questions at once. It is made when it is
 * needed, closed when it has been idle, and replaced when it dies. The server is
 * reached by the addresses that it was given with: no name is looked up.
 *
 * @since 0.1.0
 */
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Http2 } from "./Http2.ts"
import { connector } from "./internal/Connector.ts"
import { exchange } from "./internal/Exchange.ts"
import { HttpLine } from "./internal/HttpLine.ts"
import * as NameServer from "./NameServer.ts"
import type { Transport } from "./Transport.ts"

/**
 * How a transport connects and how patient it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly http2: Http2["Service"]
  readonly happyEyeballs: HappyEyeballs["Service"]
  readonly server: Extract<NameServer.NameServer, { readonly protocol: "https" }>
  /** How long an answer is waited for, connecting included. */
  readonly timeout: Duration.Duration
  /** How long an idle session is kept. Default 10 s. */
  readonly idleTimeout?: Duration.Duration | undefined
  /** How many questions are under way at once. Default 100. */
  readonly maxInFlight?: number | undefined
}

/**
 * Makes a transport; its session belongs to the scope.
 *
 * **Details**
 *
 * Questions are sent with POST and padded to 128 bytes. What caches in between
 * have kept for a while (`Age`) holds for so much less. A redirect is followed
 * to another path of the same host, and nowhere else.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Transport, never, Scope.Scope> {
  const { http2, maxInFlight, server, timeout } = options
  const { addresses, authentication, path } = server
  const authority = NameServer.authority(server)
  const connect = yield* connector({
    ...options,
    server: NameServer.format(server),
    addresses,
    open: (endpoint) => http2.open(endpoint, { authentication, alpn: ["h2"] }),
    begin: (session, occupancy) => Effect.succeed(new HttpLine({ session, occupancy, authority, path }))
  })
  return yield* exchange({
    server: NameServer.format(server),
    protocol: "https",
    connect,
    padded: true,
    timeout,
    maxInFlight
  })
})
