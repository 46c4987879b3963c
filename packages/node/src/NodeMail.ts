/**
 * Sockets for nodemailer: the two submission ports of a mail server, raced.
 *
 * Port 465 speaks TLS from the first byte, port 587 upgrades with STARTTLS. The
 * port that wins says which, and neither ever carries a word in clear text
 * beyond the upgrade. What is said over them is nodemailer's part.
 *
 * @since 0.1.0
 */
import type { ConnectOptions } from "@happy-eyeballs/core/ConnectOptions"
import type { TlsOptions } from "@happy-eyeballs/core/Endpoint"
import type { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import * as Connects from "./internal/plugs/connects.ts"

/**
 * Options of the race to a mail server.
 *
 * **Details**
 *
 * `portOrder` is `"preferFirst"` unless it is given: 587 is tried when 465 has
 * failed at every address, or `headStart` after its last attempt began.
 * `timeout` is otherwise the transport's `connectionTimeout`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Omit<ConnectOptions, "tls" | "allowInsecure"> {
  /** The port that speaks TLS at once. Default 465. */
  readonly implicitTlsPort?: number | undefined
  /** The port that upgrades with STARTTLS. Default 587. */
  readonly startTlsPort?: number | undefined
}

/**
 * What a transport of nodemailer's says of the connection that it wants.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  readonly host?: string | undefined
  readonly servername?: string | false | undefined
  readonly tls?: Tls.ConnectionOptions | undefined
  readonly connectionTimeout?: number | undefined
  readonly localAddress?: string | undefined
}

/**
 * A connection as nodemailer takes it, with how to speak there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Given {
  readonly connection: Net.Socket
  readonly port: number
  /** Whether TLS comes before the first word. */
  readonly secure: boolean
  /** Whether it has come already. */
  readonly secured: boolean
  /** Whether nothing may be said before an upgrade. */
  readonly requireTLS: boolean
}

/**
 * Gives the `getSocket` of a transport of nodemailer's.
 *
 * **Details**
 *
 * `host`, `servername`, `tls`, `connectionTimeout` and `localAddress` are read
 * from the transport, and apply on both ports; its `port`, `secure` and
 * `ignoreTLS` do not. The certificate is checked in both cases, in the race on
 * 465, and by nodemailer on 587, where a server that does not offer STARTTLS is
 * an error. A connection that fails in the handshake loses the race.
 *
 * The connections belong to the scope of the call.
 *
 * **Example** (Sending a mail)
 *
 * ```ts
 * import { HappyEyeballsLive, NodeMail } from "@happy-eyeballs/node"
 * import { Effect } from "effect"
 * import { createTransport } from "nodemailer"
 *
 * const send = Effect.gen(function*() {
 *   const getSocket = yield* NodeMail.getSocket()
 *   const transport = createTransport({ host: "mail.example", auth: { user: "me", pass: "secret" }, getSocket })
 *   yield* Effect.promise(() => transport.sendMail({ from: "me@mail.example", to: "you@mail.example", text: "Hello" }))
 * })
 *
 * const program = send.pipe(Effect.scoped, Effect.provide(HappyEyeballsLive))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const getSocket = Effect.fnUntraced(function*(
  { implicitTlsPort = 465, startTlsPort = 587, ...options }: Options = {}
): Effect.fn.Return<
  (wanted: Wanted, callback: (error: Error | null, given?: Given) => void) => void,
  never,
  HappyEyeballs | Scope.Scope
> {
  const connects = yield* Connects.make
  return ({ connectionTimeout, host = "localhost", localAddress, servername, tls }, callback) => {
    const ports = [
      { port: implicitTlsPort, tls: { servername: servername || undefined, ...tls } as TlsOptions },
      { port: startTlsPort, secure: true }
    ]
    const race = { portOrder: "preferFirst", timeout: connectionTimeout, ...options } as const
    connects({ host, localAddress, target: { host, ports }, options: race }, (error, connection) => {
      if (error !== null) return callback(error)
      const secure = connection instanceof Tls.TLSSocket
      callback(null, {
        connection,
        port: secure ? implicitTlsPort : startTlsPort,
        secure,
        secured: secure,
        // nodemailer lets this one win over whatever else the transport says of TLS.
        requireTLS: !secure
      })
    })
  }
})
