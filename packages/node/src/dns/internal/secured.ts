import { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import type * as Authentication from "@happy-eyeballs/dns/Authentication"
import type { Security } from "@happy-eyeballs/dns/ByteStreams"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import type * as Tls from "node:tls"
import type * as NodeDialer from "../../NodeDialer.ts"
import { problem, tlsOptions } from "./proof.ts"
import { Sessions } from "./Sessions.ts"

type Dial = (endpoint: Endpoint) => Effect.Effect<NodeDialer.NodeDialed, DialFailed, Scope.Scope>

/**
 * Makes what opens sockets over TLS to servers that prove what they must.
 * Sessions are resumed only where the same was proved in the one before.
 *
 * @internal
 */
export const secured = (dial: Dial) => {
  const sessions = new Sessions()
  return Effect.fnUntraced(function*(
    endpoint: Endpoint,
    { alpn, authentication }: Security
  ): Effect.fn.Return<Tls.TLSSocket, DialFailed, Scope.Scope> {
    const refuse = (code: string, message: string) =>
      new DialFailed({ endpoint, kind: "Tls", code, cause: new Error(message) })
    const key = sessions.key(endpoint, authentication)
    const session = sessions.take(key)
    const ca = yield* Effect.mapError(anchors(authentication), (cause) => refuse("NO_TRUST_ANCHORS", cause))
    const { native } = yield* dial({
      ...endpoint,
      tls: { ...tlsOptions(authentication, ca), ALPNProtocols: [...alpn], session }
    })
    const socket = native as Tls.TLSSocket
    // A resumed TLS 1.3 session shows no certificate: it was shown when the session
    // began, and a session is only kept after that was verified.
    if (session === undefined || !socket.isSessionReused()) {
      const found = problem(socket, authentication, yield* Clock.currentTimeMillis)
      if (found !== undefined) {
        socket.destroy()
        return yield* refuse("CERT_MISMATCH", found)
      }
    }
    // The first ticket may have come with the end of the handshake.
    const first = socket.getSession()
    if (first !== undefined) sessions.put(key, first)
    socket.on("session", (next: Buffer) => sessions.put(key, next))
    return socket
  })
}

const anchors = (
  authentication: Authentication.Authentication
): Effect.Effect<ReadonlyArray<string> | undefined, string> => {
  const { anchors: given } = authentication
  if (given === undefined) return Effect.succeed(undefined)
  if (given._tag === "File") {
    return Effect.tryPromise({
      try: () => Fs.readFile(given.path, "utf8"),
      catch: (cause) => `the file of CAs cannot be read (${String(cause)})`
    }).pipe(Effect.map((text) => [text]))
  }
  return Effect.try({
    try: () => given.der.map((der) => new Crypto.X509Certificate(der).toString()),
    catch: () => "a trust anchor is no certificate"
  })
}
