/**
 * HTTP/2 sessions to name servers with `node:http2`.
 *
 * The socket is opened by `NodeDialer`, and what the server must prove is checked
 * before HTTP/2 begins, as for `NodeByteStreams`. `node:http2` is loaded with the
 * first session.
 *
 * @since 0.1.0
 */
import { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { Endpoint } from "@happy-eyeballs/core/Endpoint"
import { Http2, notSpoken, type Request, RequestFailed, type Response, type Session } from "@happy-eyeballs/dns/Http2"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as NodeHttp2Module from "node:http2"
import type * as Tls from "node:tls"
import * as NodeDialer from "../NodeDialer.ts"
import { secured } from "./internal/secured.ts"

/**
 * Layer that opens sessions with `node:http2`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Http2> = Layer.sync(Http2, () => {
  const open = secured(NodeDialer.make().dial)
  return Http2.of({
    open: Effect.fnUntraced(function*(endpoint, security): Effect.fn.Return<Session, DialFailed, Scope.Scope> {
      const http2 = yield* Effect.promise(() => import("node:http2"))
      const socket = yield* Effect.mapError(
        open(endpoint, security),
        (error) => error.code === noCommonProtocol ? doesNotSpeak(endpoint, error) : error
      )
      // RFC 9113, section 3.2: over TLS, HTTP/2 is what ALPN says it is.
      if (socket.alpnProtocol !== "h2") return yield* doesNotSpeak(endpoint)
      return yield* begin(http2, endpoint, socket)
    })
  })
})

// A server may refuse the handshake, or finish it without a word on protocols.
const noCommonProtocol = "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"

const doesNotSpeak = (endpoint: Endpoint, cause?: unknown) =>
  new DialFailed({ endpoint, kind: "Tls", code: notSpoken, cause })

const begin = (
  http2: typeof NodeHttp2Module,
  endpoint: Endpoint,
  socket: Tls.TLSSocket
): Effect.Effect<Session, DialFailed, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() => {
        // No test reaches this: the handshake ends in the same tick, unless the scheduler has given way in between.
        if (socket.destroyed) return Effect.fail(new DialFailed({ endpoint, kind: "Reset", code: "ECONNRESET" }))
        const session = http2.connect("https://name.server", {
          createConnection: () => socket,
          settings: { enablePush: false }
        })
        // Whoever waits for a stream hears of it, and an error nobody hears of would end the process.
        session.on("error", () => {})
        return Effect.succeed(session)
      }),
      // RFC 9113, section 6.8: with a GOAWAY, which the socket's own end would leave out.
      (session) => Effect.sync(() => session.destroy())
    ),
    (session) => ({
      isOpen: () => !session.closed && !session.destroyed,
      setIdle: (idle) => {
        if (session.destroyed) return
        if (idle) session.unref()
        else session.ref()
      },
      post: (request) => post(http2.constants, session, request)
    })
  )

const post = (
  constants: typeof NodeHttp2Module.constants,
  session: NodeHttp2Module.ClientHttp2Session,
  request: Request
): Effect.Effect<Response, RequestFailed> =>
  Effect.callback((resume) => {
    const fail = (reason: RequestFailed["reason"], cause?: unknown) =>
      resume(Effect.fail(new RequestFailed({ reason, cause })))
    let stream: NodeHttp2Module.ClientHttp2Stream
    try {
      stream = session.request(headersOf(request))
    } catch (cause) {
      // It takes no more: it is over, it is about to be, or its numbers are used up.
      session.close()
      return fail("Ended", cause)
    }
    const received = new Body(request.maxLength)
    let headers: NodeHttp2Module.IncomingHttpHeaders & NodeHttp2Module.IncomingHttpStatusHeader = {}
    let cause: unknown
    const cancel = () => stream.close(constants.NGHTTP2_CANCEL)
    stream.on("response", (given) => {
      headers = given
    })
    stream.on("data", (chunk: Buffer) => {
      if (!received.add(chunk)) cancel()
    })
    stream.on("error", (error) => {
      cause = error
    })
    stream.once("close", () => {
      const status = headers[":status"]
      const isComplete = stream.readableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR
      if (received.isTooLong) fail("TooLong")
      else if (status === undefined || !isComplete) fail(session.closed || session.destroyed ? "Ended" : "Reset", cause)
      else resume(Effect.succeed({ status, field: (name) => fieldOf(headers[name]), body: received.bytes }))
    })
    stream.end(request.body)
    return Effect.sync(cancel)
  })

/** What has come of a response. It is copied: a server may send byte by byte, and each piece is an object of its own. */
class Body {
  private readonly maxLength: number
  private buffer = new Uint8Array(512)
  private length = 0

  constructor(maxLength: number) {
    this.maxLength = maxLength
  }

  get isTooLong(): boolean {
    return this.length > this.maxLength
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }

  /** Says whether there may be more. */
  add(chunk: Uint8Array): boolean {
    const end = this.length + chunk.length
    if (end <= this.maxLength) {
      if (end > this.buffer.length) {
        const larger = new Uint8Array(Math.max(end, this.buffer.length * 2))
        larger.set(this.bytes)
        this.buffer = larger
      }
      this.buffer.set(chunk, this.length)
    }
    this.length = end
    return !this.isTooLong
  }
}

const headersOf = ({ authority, body, contentType, path }: Request): NodeHttp2Module.OutgoingHttpHeaders => ({
  ":method": "POST",
  ":scheme": "https",
  ":authority": authority,
  ":path": path,
  "accept": contentType,
  "content-type": contentType,
  // BIND answers 400 without it.
  "content-length": body.length
})

const fieldOf = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" || value === undefined ? value : value[0]
