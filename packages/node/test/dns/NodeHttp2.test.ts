import { assert, describe, it } from "@effect/vitest"
import * as Authentication from "@happy-eyeballs/dns/Authentication"
import { Http2 as HttpPort } from "@happy-eyeballs/dns/Http2"
import * as Message from "@happy-eyeballs/dns/Message"
import * as Resolution from "@happy-eyeballs/dns/Resolution"
import { StubResolver } from "@happy-eyeballs/dns/StubResolver"
import * as Zone from "@happy-eyeballs/dns/testing/Zone"
import * as NodeHttp2 from "@happy-eyeballs/node/dns/NodeHttp2"
import * as NodeStubResolver from "@happy-eyeballs/node/dns/NodeStubResolver"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import { once } from "node:events"
import * as Http2 from "node:http2"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"

const zone = Zone.fromLinesUnsafe(["www.example. 60 IN A 192.0.2.80"])
const right = (query: Uint8Array): Uint8Array => Zone.answer(zone, query) ?? new Uint8Array()

// Long for a busy machine, and short where a timeout is what is wanted.
const patient = Duration.seconds(8)
const impatient = Duration.millis(500)
const ask = Effect.flatMap(
  StubResolver,
  (stub) => stub.query({ name: Host.domainNameFromStringUnsafe("www.example"), type: 1 }, { refresh: true })
)
const outcome = Effect.match(ask, {
  onFailure: (error) => `${error.reason}: ${error.attempts[0]?.failure?.detail}`,
  onSuccess: (resolution) => Resolution.wanted(resolution).map(Message.formatData).join(" ")
})

/** Runs a server until the scope closes, and gives its port. */
const running = (server: Tls.Server) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      server.on("tlsClientError", () => {}).on("connection", (socket: Net.Socket) => {
        sockets.add(socket)
        socket.on("error", () => {}).once("close", () => sockets.delete(socket))
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      return { sockets, port: (server.address() as Net.AddressInfo).port }
    }),
    ({ sockets }) =>
      Effect.promise(() => {
        for (const socket of sockets) socket.destroy()
        return new Promise<void>((resolve) => server.close(() => resolve()))
      })
  )

type Handle = (stream: Http2.ServerHttp2Stream, query: Buffer, nth: number) => void

/** A server that handles each request when all of its query is there. */
const http2Server = (handle: Handle, options: Http2.SecureServerOptions = {}): Http2.Http2SecureServer => {
  let count = 0
  return Http2.createSecureServer({ ...Certificates.server, ...options }).on("stream", (stream) => {
    const parts: Array<Buffer> = []
    stream.on("error", () => {}).on("data", (part: Buffer) => parts.push(part))
      .once("end", () => handle(stream, Buffer.concat(parts), count++))
  })
}

const ok = { ":status": 200, "content-type": "application/dns-message" }
const answered: Handle = (stream, query) => {
  stream.respond(ok)
  stream.end(right(query))
}

/** Uses a resolver of a server, and looks at what is left. */
const withServer = <A, E>(
  server: () => Tls.Server,
  use: (port: number) => Effect.Effect<A, E, NodeStubResolver.Provided>,
  attemptTimeout: Duration.Duration = patient
) =>
  Effect.gen(function*() {
    const before = Resources.descriptors()
    const result = yield* Effect.scoped(Effect.flatMap(running(server()), ({ port }) =>
      Effect.provide(
        use(port),
        NodeStubResolver.layer([`https://127.0.0.1:${port}/dns-query?auth=none`], { attemptTimeout, attempts: 1 }),
        { local: true }
      )))
    assert.strictEqual(Resources.descriptors(), before)
    return result
  })

describe("NodeHttp2", () => {
  it.live.each<[string, () => Tls.Server]>([
    ["speaks another protocol", () => Tls.createServer({ ...Certificates.server, ALPNProtocols: ["http/1.1"] })],
    ["has no word on protocols", () => Tls.createServer(Certificates.server)]
  ])("sends nothing to a server that %s over TLS, and says so", ([, server]) =>
    Effect.gen(function*() {
      let received = 0
      const listening = () =>
        server().on("secureConnection", (socket) => {
          socket.on("error", () => {}).on("data", (bytes: Buffer) => received += bytes.length)
        })
      assert.strictEqual(
        yield* withServer(listening, () => outcome),
        "Refused: does not speak HTTP/2, which DNS over HTTPS needs here"
      )
      assert.strictEqual(received, 0)
    }))

  it.live.each<[string, () => Tls.Server, RegExp]>([
    [
      "answers in pieces",
      () =>
        http2Server((stream, query) => {
          stream.respond(ok)
          for (const byte of right(query)) stream.write(Buffer.of(byte))
          stream.end()
        }),
      /^192\.0\.2\.80$/
    ],
    [
      "says first that it is at work, and has trailers last",
      () =>
        http2Server((stream, query) => {
          stream.additionalHeaders({ ":status": 103, link: "</x>" })
          stream.respond(ok, { waitForTrailers: true })
          stream.on("wantTrailers", () => stream.sendTrailers({ x: "y" })).end(right(query))
        }),
      /^192\.0\.2\.80$/
    ],
    [
      "refuses a request, and answers the next",
      () =>
        http2Server((stream, query, nth) =>
          nth === 0 ? stream.close(Http2.constants.NGHTTP2_REFUSED_STREAM) : answered(stream, query, nth)
        ),
      /^192\.0\.2\.80$/
    ],
    [
      "goes away with the first request, and answers in the next session",
      () =>
        http2Server((stream, query, nth) =>
          nth === 0 ? stream.session?.goaway(Http2.constants.NGHTTP2_INTERNAL_ERROR) : answered(stream, query, nth)
        ),
      /^192\.0\.2\.80$/
    ],
    [
      "goes away and answers all the same",
      () =>
        http2Server((stream, query, nth) => {
          stream.session?.goaway(Http2.constants.NGHTTP2_NO_ERROR, stream.id)
          answered(stream, query, nth)
        }),
      /^192\.0\.2\.80$/
    ],
    [
      "gives up every request",
      () => http2Server((stream) => stream.close(Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)),
      /^Temporary: gave up the request without an answer$/
    ],
    [
      "stops in the middle of an answer",
      () =>
        http2Server((stream, query) => {
          stream.respond(ok)
          stream.write(right(query).subarray(0, 20))
          // `close` would end the answer first.
          setTimeout(() => stream.destroy(new Error("enough")), 10)
        }),
      /^Temporary: gave up the request without an answer$/
    ],
    [
      "destroys its connections",
      () => http2Server((stream) => stream.session?.socket.destroy()),
      /^Temporary: closed the connection without an answer$/
    ],
    [
      "ends connections at once",
      () =>
        Tls.createServer({ ...Certificates.server, ALPNProtocols: ["h2"] }, (socket) => {
          socket.on("error", () => {}).end()
        }),
      /^(Temporary: closed the connection without an answer|Refused: cannot be reached \(ECONNRESET\))$/
    ],
    [
      "resets connections at once",
      () => {
        const raw: Array<Net.Socket> = []
        return Tls.createServer({ ...Certificates.server, ALPNProtocols: ["h2"] }, (socket) => {
          socket.on("error", () => {})
          raw.pop()?.resetAndDestroy()
        }).on("connection", (socket) => raw.push(socket))
      },
      /^(Temporary: closed the connection without an answer|Refused: cannot be reached \(ECONNRESET\))$/
    ],
    [
      "sends what is no HTTP/2",
      () =>
        Tls.createServer({ ...Certificates.server, ALPNProtocols: ["h2"] }, (socket) => {
          socket.on("error", () => {}).write("HTTP/1.1 400 Bad Request\r\n\r\n".repeat(1000))
        }),
      /^Temporary: closed the connection without an answer$/
    ],
    [
      "says nothing",
      () =>
        Tls.createServer({ ...Certificates.server, ALPNProtocols: ["h2"] }, (socket) => socket.on("error", () => {})),
      /^Timeout: did not answer in 500ms$/
    ],
    ["never answers", () => http2Server(() => {}), /^Timeout: did not answer in 500ms$/],
    [
      "begins an answer and waits",
      () => http2Server((stream) => stream.respond(ok)),
      /^Timeout: did not answer in 500ms$/
    ],
    [
      "sends headers without end",
      () =>
        http2Server((stream) => {
          const more = () => {
            if (stream.destroyed) return
            stream.additionalHeaders({ ":status": 103, link: "x".repeat(1000) })
            setImmediate(more)
          }
          more()
        }),
      /^(Timeout: did not answer in 500ms|Temporary: .*)$/
    ],
    [
      "sends more headers than anybody needs",
      () =>
        http2Server((stream, query) => {
          stream.respond({ ...ok, ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`x${i}`, "y"])) })
          stream.end(right(query))
        }),
      /^(192\.0\.2\.80|Temporary: .*)$/
    ],
    [
      "answers with 65 536 bytes",
      () =>
        http2Server((stream) => {
          stream.respond(ok)
          stream.end(Buffer.alloc(65_536))
        }),
      /^InvalidResponse: sent more than 65535 bytes$/
    ],
    [
      "answers without end",
      () =>
        http2Server((stream) => {
          stream.respond(ok)
          const more = () => {
            if (stream.destroyed) return
            if (stream.write(Buffer.alloc(65_536))) setImmediate(more)
            else stream.once("drain", more)
          }
          more()
        }),
      /^InvalidResponse: sent more than 65535 bytes$/
    ],
    [
      "promises more than it sends",
      () =>
        http2Server((stream, query) => {
          stream.respond({ ...ok, "content-length": 1000 })
          stream.end(right(query))
        }),
      /^(Temporary: gave up the request without an answer|192\.0\.2\.80)$/
    ],
    [
      "sends its clients elsewhere",
      () =>
        http2Server((stream) => {
          stream.respond({ ":status": 307, location: "https://192.0.2.1/dns-query" }, { endStream: true })
        }),
      /^InvalidResponse: answered with HTTP status 307, to https:\/\/192\.0\.2\.1\/dns-query/
    ]
  ])(
    "gets a typed error or the right answer, in time, from a server that %s",
    ([, server, expected]) =>
      Effect.gen(function*() {
        const begun = performance.now()
        const timeout = expected.source.includes("Timeout") ? impatient : patient
        assert.match(yield* withServer(server, () => outcome, timeout), expected)
        assert.isBelow(performance.now() - begun, 5_000)
      })
  )

  it.live("reads no more of an answer that is too long than it takes to know", () =>
    Effect.gen(function*() {
      let sent = 0
      const flood = () =>
        http2Server((stream) => {
          stream.respond(ok)
          const more = () => {
            if (stream.destroyed) return
            sent += 16_384
            if (stream.write(Buffer.alloc(16_384))) setImmediate(more)
            else stream.once("drain", more)
          }
          more()
        })
      yield* withServer(flood, () => Effect.andThen(outcome, Effect.sleep(50)))
      assert.isBelow(sent, 1_000_000)
    }))

  it.live("leaves no socket behind wherever its connecting is interrupted", () =>
    Effect.forEach(
      Array.from({ length: 60 }, (_, i) => i / 4),
      (ms) => withServer(() => http2Server(answered), () => Effect.timeoutOption(Effect.exit(ask), ms))
    ))

  it.live("ends sessions that have hardly begun, and says so to their server", () =>
    Effect.gen(function*() {
      const before = Resources.descriptors()
      const codes: Array<number> = []
      // With TLS 1.2 a server may speak first, so that what it sent is there before HTTP/2 begins.
      const server = http2Server(answered, { maxVersion: "TLSv1.2" })
        .on("session", (session) => session.on("goaway", (code: number) => codes.push(code)))
      yield* Effect.scoped(Effect.gen(function*() {
        const { port } = yield* running(server)
        const address = NetAddress.inetAddressFromStringUnsafe(`127.0.0.1:${port}`)
        const endpoint = { address, tls: undefined, host: undefined, payload: undefined }
        const authentication = { ...Authentication.system, none: true }
        const { open } = yield* HttpPort
        for (let i = 0; i < 50; i++) yield* Effect.scoped(open(endpoint, { authentication, alpn: ["h2"] }))
        yield* Effect.scoped(Effect.andThen(open(endpoint, { authentication, alpn: ["h2"] }), Effect.sleep(20)))
        yield* Effect.sleep(20)
      })).pipe(Effect.provide(NodeHttp2.layer))
      assert.strictEqual(Resources.descriptors(), before)
      assert.strictEqual(codes.at(-1), Http2.constants.NGHTTP2_NO_ERROR)
    }))

  it.live("notices that a server has gone away while nobody asked, and opens another session", () =>
    Effect.gen(function*() {
      const sessions: Array<Http2.ServerHttp2Session> = []
      const server = () => http2Server(answered).on("session", (session) => sessions.push(session))
      yield* withServer(server, () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* outcome, "192.0.2.80")
          sessions[0]?.close()
          yield* Effect.sleep(50)
          assert.strictEqual(yield* outcome, "192.0.2.80")
          sessions[1]?.destroy()
          yield* Effect.sleep(50)
          assert.strictEqual(yield* outcome, "192.0.2.80")
        }))
      assert.strictEqual(sessions.length, 3)
    }))

  it.live("tells the server which questions nobody waits for, and asks others in the same session", () =>
    Effect.gen(function*() {
      const codes: Array<number | undefined> = []
      let sessions = 0
      const server = () =>
        http2Server((stream, query, nth) => {
          if (nth > 0) return answered(stream, query, nth)
          stream.once("close", () => codes.push(stream.rstCode))
        }).on("session", () => sessions++)
      yield* withServer(server, () =>
        Effect.gen(function*() {
          yield* Effect.timeoutOption(ask, 100)
          assert.strictEqual(yield* outcome, "192.0.2.80")
          assert.deepStrictEqual(codes, [Http2.constants.NGHTTP2_CANCEL])
        }))
      assert.strictEqual(sessions, 1)
    }))

  it.live("sends a hundred questions at once to a server that takes one after the other", () =>
    Effect.gen(function*() {
      let most = 0
      let open = 0
      const server = () =>
        http2Server((stream, query, nth) => {
          most = Math.max(most, ++open)
          stream.once("close", () => open--)
          setTimeout(() => answered(stream, query, nth), 1)
        }, { settings: { maxConcurrentStreams: 1 } })
      const answers = yield* withServer(server, () =>
        Effect.gen(function*() {
          const stub = yield* StubResolver
          yield* outcome
          return yield* Effect.forEach(
            Array.from({ length: 100 }, (_, i) => Host.domainNameFromStringUnsafe(`n${i}.example`)),
            (name) => stub.query({ name, type: 1 }),
            { concurrency: "unbounded" }
          )
        }))
      assert.isTrue(answers.every(({ rcode }) => rcode === Message.rcodes.NXDOMAIN))
      assert.strictEqual(most, 1)
    }))
})
