/**
 * What the tests of HTTP plugs share: sites whose first address is a black
 * hole, and how long a first byte takes.
 */
import { assert } from "@effect/vitest"
import { type ConnectReport, type Dialer, HappyEyeballs, Resolver } from "@happy-eyeballs/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import { once } from "node:events"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import type * as Net from "node:net"
import * as NodeDialer from "../../../src/NodeDialer.ts"
import * as NodeHappyEyeballs from "../../../src/NodeHappyEyeballs.ts"
import * as BlackHole from "../../fixtures/BlackHole.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Resources from "../../fixtures/Resources.ts"

export { ca } from "../../fixtures/Certificates.ts"

/** Names of the tests' own: none of them is ever asked of a name server. */
export const names: Record<string, ReadonlyArray<string>> = {
  "dual.example": ["::1", "127.0.0.1"],
  "good.service.example": ["127.0.0.1"],
  "other.service.example": ["127.0.0.1"]
}

export const resolver: Layer.Layer<Resolver.Resolver> = Resolver.Resolver.layerDns.pipe(
  Layer.provide(Dns.layerStatic({ hosts: names })),
  Layer.orDie
)

export const layerWith = (
  dialer: Layer.Layer<Dialer.Dialer>
): Layer.Layer<HappyEyeballs.HappyEyeballs | Resolver.Resolver | Dialer.Dialer> =>
  Layer.provideMerge(NodeHappyEyeballs.layerNoDeps, Layer.mergeAll(resolver, dialer))

export const layer = layerWith(NodeDialer.layer)

export type Handler = (request: Http.IncomingMessage, response: Http.ServerResponse) => void

/** Says which HTTP was spoken, and how. */
export const hello: Handler = (request, response) => {
  response.setHeader("x-http", request.httpVersion)
  response.end(`hello from ${request.url}`)
}

export interface Site {
  readonly port: number
  readonly server: Net.Server
  /** The connections that are open now, and how many there ever were. */
  readonly sockets: ReadonlySet<Net.Socket>
  readonly accepted: () => number
}

export type Kind = "http" | "https" | "http2"

const serverOf = (kind: Kind, handler: Handler, tls: Https.ServerOptions): Net.Server => {
  if (kind === "http") return Http.createServer(handler)
  if (kind === "https") return Https.createServer({ ...Certificates.server, ...tls }, handler)
  return Http2.createSecureServer(
    { ...Certificates.server, allowHTTP1: true },
    handler as unknown as (request: Http2.Http2ServerRequest, response: Http2.Http2ServerResponse) => void
  )
}

/** A web server on 127.0.0.1. */
export const site = (
  kind: Kind = "http",
  handler: Handler = hello,
  port = 0,
  tls: Https.ServerOptions = {}
): Effect.Effect<Site, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      let accepted = 0
      const server = serverOf(kind, handler, tls)
      server.on("connection", (socket: Net.Socket) => {
        accepted++
        sockets.add(socket)
        socket.on("error", () => {}).once("close", () => sockets.delete(socket))
      })
      server.on("tlsClientError", () => {}).on("sessionError", () => {})
      server.listen({ host: "127.0.0.1", port })
      await once(server, "listening")
      return { server, sockets, accepted: () => accepted, port: (server.address() as Net.AddressInfo).port }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        server.close()
        await once(server, "close")
      })
  )

/** A web server on 127.0.0.1 that closes whoever wants to resume a TLS session. */
export const forgetful: Effect.Effect<Site, never, Scope.Scope> = Effect.map(
  site("https", (_, response) => response.writeHead(200, { connection: "close" }).end("hello"), 0, {
    maxVersion: "TLSv1.2",
    secureOptions: Crypto.constants.SSL_OP_NO_TICKET
  }),
  (made) => {
    // A client that offers TLS 1.3 too always names some session, one of its own making.
    const known = new Set<string>()
    made.server.on("newSession", (id: Buffer, _data, done: () => void) => {
      known.add(id.toString("hex"))
      done()
    })
    made.server.on("resumeSession", (id: Buffer, done: (error: Error | null, data: null) => void) => {
      done(known.has(id.toString("hex")) ? new Error("forgotten") : null, null)
    })
    return made
  }
)

/**
 * A web server at the second address of `dual.example`, whose first is a black
 * hole. In this order: a port that is free on 127.0.0.1, where connects of the
 * whole machine begin, is free on ::1 as well.
 */
export const dual = (kind?: Kind, handler?: Handler): Effect.Effect<Site, never, Scope.Scope> =>
  Effect.tap(site(kind, handler), ({ port }) => BlackHole.make("::1", port))

export const url = (kind: Kind, { port }: { readonly port: number }, path = "/"): string =>
  `${kind === "http" ? "http" : "https"}://dual.example:${port}${path}`

/** The reports of every connect from now on. */
export const reports: Effect.Effect<
  ReadonlyArray<ConnectReport.ConnectReport>,
  never,
  HappyEyeballs.HappyEyeballs | Scope.Scope
> = Effect.gen(function*() {
  const { events } = yield* HappyEyeballs.HappyEyeballs
  const reports: Array<ConnectReport.ConnectReport> = []
  yield* Effect.forkScoped(
    Stream.runForEach(events, (event) =>
      Effect.sync(() => {
        if (event._tag === "Ended") reports.push(event.report)
      })),
    { startImmediately: true }
  )
  return reports
})

export const tried = <A>(promise: () => Promise<A>): Effect.Effect<A, Error> =>
  Effect.tryPromise({ try: promise, catch: (cause) => cause as Error })

const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits until something holds, for at most ten seconds. */
export const until = (condition: () => boolean, message?: () => string): Effect.Effect<void> =>
  Effect.gen(function*() {
    const end = performance.now() + 10_000
    while (!condition() && performance.now() < end) {
      yield* Effect.sleep(1)
      // A timer counts as running while it is heard.
      yield* turn
    }
    assert.isTrue(condition(), message?.())
  })

/**
 * Checks that a first byte comes as soon as the race allows.
 *
 * `request` ends with the head of the response. What it takes beyond the race
 * itself, which waits one attempt delay for the black hole, must be below 50 ms
 * at the best of three times: the machine may be busy, the plug must not be slow.
 */
export const firstByteIsEarly = <A, E, R>(
  request: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HappyEyeballs.HappyEyeballs> =>
  Effect.scoped(Effect.gen(function*() {
    const heard = yield* reports
    const clock = yield* Clock.Clock
    const beyond: Array<number> = []
    let last: A
    do {
      const before = clock.monotonicTimeNanosUnsafe()
      last = yield* request
      const tookMs = Number(clock.monotonicTimeNanosUnsafe() - before) / 1e6
      yield* until(() => heard.length > beyond.length, () => "a connect is reported")
      const report = heard.at(-1)!
      assert.deepStrictEqual(
        report.attempts.map(({ address, outcome }) => [address, outcome]),
        [["::1", "interrupted"], ["127.0.0.1", "connected"]]
      )
      assert.isAtLeast(report.attempts[1]!.startedAtMs, 245)
      beyond.push(tookMs - report.elapsedMs)
    } while (beyond.length < 3 && Math.min(...beyond) >= 50)
    assert.isBelow(Math.min(...beyond), 50, `beyond the race: ${beyond.join(", ")} ms`)
    return last
  }))

/** Checks that `effect` leaves no socket and no timer open in its scope. */
export const leavesNothing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    const open = () => ({ descriptors: Resources.descriptors(), timers: Resources.timers() })
    const before = open()
    const value = yield* Effect.scoped(effect)
    yield* until(
      () => open().descriptors <= before.descriptors && open().timers <= before.timers,
      () => `left open: ${JSON.stringify({ before, after: open() })}`
    )
    return value
  })

/** How many finalizers a scope has, with those of the scopes forked from it. */
export const finalizers = ({ state }: Scope.Scope): number => {
  if (state._tag !== "Open") return 0
  const keys = state.finalizers === undefined ? [state.finalizerKey] : [...state.finalizers.keys()]
  return keys.filter((key) => key !== undefined).reduce<number>((sum, key) => sum + 1 + below(key), 0)
}

const below = (key: unknown): number =>
  Predicate.hasProperty(key, "state") && Predicate.hasProperty(key.state, "_tag") ? finalizers(key as Scope.Scope) : 0
