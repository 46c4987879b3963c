/**
 * Name servers in virtual time, behind the ports that a platform provides.
 */
import { DialFailed } from "@happy-eyeballs/core/Dialer"
import type { FailureKind } from "@happy-eyeballs/core/Dialer"
import * as Endpoint from "@happy-eyeballs/core/Endpoint"
import { Message, RecordType } from "@happy-eyeballs/dns"
import { type ByteStream, ByteStreams, type Security, StreamEnded } from "@happy-eyeballs/dns/ByteStreams"
import { DatagramFailed, Datagrams } from "@happy-eyeballs/dns/Datagrams"
import { frame, Frames } from "@happy-eyeballs/dns/Frames"
import { Http2, type Request, RequestFailed, type Response, type Session } from "@happy-eyeballs/dns/Http2"
import type { Ports } from "@happy-eyeballs/dns/Upstream"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as CryptoSecureRandom from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"

/** Bytes that a server sends so long after the query. */
export type Sent = readonly [afterMs: number, bytes: Uint8Array]

export interface FakeServer {
  /** What comes back for a datagram; `nth` counts from 0. Absent: silence. */
  readonly udp?: (query: Uint8Array, nth: number) => ReadonlyArray<Sent>
  /** The system's word on datagrams. */
  readonly udpFails?: FailureKind
  /** What a connection does with a message; absent: the connection is refused. */
  readonly stream?: (query: Uint8Array, connection: Connection) => void
  /** What a session of HTTP/2 does with a request; absent: the connection is refused. */
  readonly http?: (request: Request, exchange: HttpExchange) => void
  readonly connectMs?: number
  readonly connectFails?: FailureKind
  /** Default `ECONNREFUSED`. */
  readonly connectFailsBy?: string
  /** Over TLS it proves nothing to whoever asks for proof. */
  readonly provesNothing?: boolean
}

export interface Connection {
  /** Counts from 0. */
  readonly index: number
  /** How many messages came before on this connection. */
  readonly nth: number
  readonly send: (afterMs: number, message: Uint8Array) => void
  readonly sendRaw: (afterMs: number, bytes: Uint8Array) => void
  readonly close: (afterMs: number) => void
}

export interface HttpExchange {
  /** Counts sessions from 0. */
  readonly index: number
  /** How many requests came before in this session. */
  readonly nth: number
  readonly respond: (
    afterMs: number,
    body: Uint8Array,
    more?: { readonly status?: number; readonly fields?: Readonly<Record<string, string>> }
  ) => void
  readonly fail: (afterMs: number, reason: "Reset" | "TooLong") => void
  /** Takes no more requests, and ends those that are under way. */
  readonly close: (afterMs: number) => void
}

/** `A www.example.` */
export const describeQuery = (bytes: Uint8Array): string => {
  const question = Result.getOrUndefined(Message.decode(bytes))?.question
  return question === undefined ? "?" : `${RecordType.format(question.type)} ${question.name}`
}

/** Reads the id of a message. */
export const idOf = (bytes: Uint8Array): number => (bytes[0] ?? 0) << 8 | (bytes[1] ?? 0)

export interface FakeNetwork {
  /** Everything that happened: `20 udp 192.0.2.1:53 < A www.example.` */
  readonly log: ReadonlyArray<string>
  /** How many sockets are open now. */
  readonly open: () => number
  /** The messages that reached any server. */
  readonly queries: ReadonlyArray<Uint8Array>
  readonly layer: Layer.Layer<Ports>
}

/** Makes a network of servers by `address:port`; every other address is silent. */
export const fakeNetwork = (servers: Readonly<Record<string, FakeServer>>): FakeNetwork => {
  const log: Array<string> = []
  const queries: Array<Uint8Array> = []
  let open = 0
  let connections = 0
  const note = (what: string) => Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${now} ${what}`))
  const socket = (what: string) =>
    Effect.acquireRelease(
      Effect.andThen(Effect.sync(() => open++), note(`${what} open`)),
      () => Effect.andThen(Effect.sync(() => open--), note(`${what} close`))
    )

  const connect = Effect.fnUntraced(function*(address: NetAddress.InetAddress) {
    const place = NetAddress.formatInet(address)
    const server = servers[place]
    yield* socket(`udp ${place}`)
    const inbox = yield* Queue.unbounded<Uint8Array>()
    const context = yield* Effect.context<never>()
    let nth = 0
    return {
      send: (bytes: Uint8Array) =>
        Effect.gen(function*() {
          yield* note(`udp ${place} < ${describeQuery(bytes)}`)
          queries.push(bytes)
          for (const [afterMs, reply] of server?.udp?.(bytes, nth++) ?? []) {
            Effect.runForkWith(context)(Effect.andThen(Effect.sleep(afterMs), Queue.offer(inbox, reply)))
          }
        }),
      receive: server?.udpFails === undefined
        ? Queue.take(inbox)
        : Effect.fail(new DatagramFailed({ kind: server.udpFails, code: "ECONNREFUSED" }))
    }
  })

  const openSession = Effect.fnUntraced(function*(endpoint: Endpoint.Endpoint, security: Security) {
    const place = Endpoint.format(endpoint)
    const server = servers[place]
    const what = `https ${place}`
    if (server === undefined) return yield* Effect.never
    if (server.connectMs !== undefined) yield* Effect.sleep(server.connectMs)
    const unproved = server.provesNothing === true && !security.authentication.none
    const kind = unproved ? "Tls" : server.connectFails
    if (kind !== undefined || server.http === undefined) {
      const cause = kind === "Tls" ? new Error("has the wrong key") : undefined
      return yield* new DialFailed({
        endpoint,
        kind: kind ?? "Refused",
        code: server.connectFailsBy ?? "ECONNREFUSED",
        cause
      })
    }
    const handle = server.http
    const index = connections++
    const pending = new Set<Deferred.Deferred<Response, RequestFailed>>()
    const context = yield* Effect.context<never>()
    let nth = 0
    let ended = false
    const end = Effect.suspend(() => {
      ended = true
      return Effect.forEach(pending, Deferred.fail(new RequestFailed({ reason: "Ended" })), { discard: true })
    })
    yield* socket(`${what} #${index}`)
    yield* Effect.addFinalizer(() => end)
    const later = (afterMs: number, effect: Effect.Effect<unknown>) => {
      Effect.runForkWith(context)(Effect.andThen(afterMs === 0 ? Effect.void : Effect.sleep(afterMs), effect))
    }
    const session: Session = {
      isOpen: () => !ended,
      setIdle: () => {},
      post: (request) =>
        Effect.gen(function*() {
          if (ended) return yield* new RequestFailed({ reason: "Ended" })
          yield* note(`${what} #${index} < ${describeQuery(request.body)}`)
          queries.push(request.body)
          const response = yield* Deferred.make<Response, RequestFailed>()
          pending.add(response)
          handle(request, {
            index,
            nth: nth++,
            respond: (afterMs, body, { fields = {}, status = 200 } = {}) => {
              const all: Readonly<Record<string, string>> = { "content-type": "application/dns-message", ...fields }
              later(afterMs, Deferred.succeed(response, { status, body, field: (name) => all[name] }))
            },
            fail: (afterMs, reason) => later(afterMs, Deferred.fail(response, new RequestFailed({ reason }))),
            close: (afterMs) => later(afterMs, end)
          })
          return yield* Deferred.await(response).pipe(
            Effect.onInterrupt(() => note(`${what} #${index} reset`)),
            Effect.ensuring(Effect.sync(() => pending.delete(response)))
          )
        })
    }
    return session
  })

  const openStream = Effect.fnUntraced(function*(endpoint: Endpoint.Endpoint, security: Security | undefined) {
    const place = Endpoint.format(endpoint)
    const server = servers[place]
    const what = `${security === undefined ? "tcp" : "tls"} ${place}`
    if (server === undefined) return yield* Effect.never
    if (server.connectMs !== undefined) yield* Effect.sleep(server.connectMs)
    const unproved = server.provesNothing === true && security?.authentication.none === false
    const kind = unproved ? "Tls" : server.connectFails
    if (kind !== undefined || server.stream === undefined) {
      const cause = kind === "Tls" ? new Error("has the wrong key") : undefined
      return yield* new DialFailed({ endpoint, kind: kind ?? "Refused", code: "ECONNREFUSED", cause })
    }
    const handle = server.stream
    const index = connections++
    yield* socket(`${what} #${index}`)
    const inbox = yield* Queue.unbounded<Uint8Array, StreamEnded>()
    const context = yield* Effect.context<never>()
    const frames = new Frames()
    let nth = 0
    let ended = false
    const later = (afterMs: number, effect: Effect.Effect<unknown>) => {
      Effect.runForkWith(context)(Effect.andThen(afterMs === 0 ? Effect.void : Effect.sleep(afterMs), effect))
    }
    const stream: ByteStream = {
      write: (bytes) =>
        Effect.gen(function*() {
          if (ended) return yield* new StreamEnded({})
          for (const message of frames.push(bytes)) {
            yield* note(`${what} #${index} < ${describeQuery(message)}`)
            queries.push(message)
            handle(message, {
              index,
              nth: nth++,
              send: (afterMs, reply) => later(afterMs, Queue.offer(inbox, frame(reply))),
              sendRaw: (afterMs, raw) => later(afterMs, Queue.offer(inbox, raw)),
              close: (afterMs) =>
                later(afterMs, Effect.andThen(Effect.sync(() => ended = true), Queue.fail(inbox, new StreamEnded({}))))
            })
          }
        }),
      read: Queue.take(inbox),
      setIdle: () => {}
    }
    return stream
  })

  // Numbers in order: what is random is tested by looking at all ids, not at one.
  let counter = 0
  const random = CryptoSecureRandom.make((size) => Uint8Array.from({ length: size }, () => counter++ * 37 & 0xff))

  return {
    log,
    queries,
    open: () => open,
    layer: Layer.succeedContext(
      Context.make(Datagrams, Datagrams.of({ connect })).pipe(
        Context.add(ByteStreams, ByteStreams.of({ open: openStream })),
        Context.add(Http2, Http2.of({ open: openSession })),
        Context.add(SecureRandom, random)
      )
    )
  }
}
