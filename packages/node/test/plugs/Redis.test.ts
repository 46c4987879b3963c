import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { AbstractConnector, Redis, type RedisOptions } from "ioredis"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { heard, layerNames, leavesNothing, settled, until } from "./support/socket.ts"
import * as RedisServer from "./support/socketRedis.ts"

const host = "dual.example"

type Options = Pick<RedisOptions, "connectTimeout" | "keepAlive" | "maxRetriesPerRequest" | "retryStrategy" | "tls">

/** A client whose every connection is a race, with the sockets that it opened. */
const clientOf = (port: number, options: Options = {}, connecting: NodeLazySocket.Options = {}) =>
  Effect.gen(function*() {
    const open = yield* NodeLazySocket.factory
    const sockets: Array<NodeLazySocket.LazySocket> = []
    class Connector extends AbstractConnector {
      constructor() {
        super(100)
      }
      override connect() {
        const socket = open({ host, port }, connecting)
        sockets.push(socket)
        return Promise.resolve(this.stream = socket)
      }
    }
    const errors: Array<NodeJS.ErrnoException> = []
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => new Redis({ ...options, Connector }).on("error", (error) => errors.push(error))),
      (redis) => Effect.sync(() => redis.disconnect())
    )
    return { redis, sockets, errors }
  })

describe("ioredis over NodeLazySocket", () => {
  if (!RedisServer.installed) {
    const reason = "there is no Redis here (apt-get install redis-server)"
    return it("is skipped where there is no Redis", () => console.log(`skipped: ${reason}`))
  }

  it.live("talks to a server whose first address does not answer", () =>
    Effect.gen(function*() {
      const { port } = yield* RedisServer.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      yield* Effect.gen(function*() {
        const started = performance.now()
        // Both are asked before there is a connection.
        const { redis } = yield* clientOf(port, { keepAlive: 1000 }, { connectionAttemptDelay: 100 })
        const text = "x".repeat(8 << 20)
        const answers = yield* settled(() => Promise.all([redis.set("key", text), redis.get("key")]))
        const elapsed = performance.now() - started
        assert.isTrue(answers[0] === "OK" && answers[1] === text)
        assert.isTrue(elapsed >= 100 && elapsed < 1500, `${elapsed} ms`)
        const pipeline = redis.pipeline()
        for (let i = 0; i < 1000; i++) pipeline.incr("counter")
        assert.strictEqual((yield* settled(() => pipeline.exec()))?.at(-1)?.[1], 1000)
        const { redis: listener } = yield* clientOf(port)
        yield* settled(() => listener.subscribe("channel"))
        const message = heard(listener, "message")
        yield* settled(() => redis.publish("channel", "hello"))
        yield* message
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))))
    }).pipe(Effect.scoped))

  it.live("speaks TLS to it as part of the race", () =>
    Effect.gen(function*() {
      const { tlsPort } = yield* RedisServer.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", tlsPort)
      yield* Effect.gen(function*() {
        const tls = { ca: Certificates.ca }
        const { redis, sockets } = yield* clientOf(tlsPort, { tls: {} }, { tls, connectionAttemptDelay: 50 })
        assert.strictEqual(yield* settled(() => redis.ping()), "PONG")
        assert.deepStrictEqual([sockets[0]?.encrypted, sockets[0]?.authorized], [true, true])
        const strangers = yield* clientOf(tlsPort, { tls: {}, maxRetriesPerRequest: 0 }, {
          tls: true,
          attemptTimeout: 500
        })
        yield* Effect.flip(settled(() => strangers.redis.ping()))
        assert.match(
          String(strangers.errors[0]),
          /127\.0\.0\.2:\d+ failed the TLS handshake \(.*SELF_SIGNED_CERT_IN_CHAIN/
        )
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: ["127.0.0.2", hole.host] }))))
    }).pipe(Effect.scoped))

  it.live("finds its server again after it moved to another address, with nothing asked lost", () =>
    Effect.gen(function*() {
      let address = "127.0.0.2"
      yield* Effect.gen(function*() {
        const first = yield* Effect.flatMap(Effect.scope, Scope.fork)
        const ports = yield* Scope.provide(RedisServer.make(address), first)
        const { errors, redis, sockets } = yield* clientOf(ports.port, { retryStrategy: () => 20 })
        yield* settled(() => redis.ping())
        const closing = heard(redis, "reconnecting")
        yield* Scope.close(first, Exit.void)
        yield* closing
        const answer = redis.ping()
        yield* RedisServer.make("127.0.0.3", ports)
        address = "127.0.0.3"
        assert.strictEqual(yield* settled(() => answer), "PONG")
        assert.deepStrictEqual(sockets.at(-1)?.connection?.report.winner?.address, "127.0.0.3")
        assert.isTrue(errors.every(({ code }) => code === "ECONNREFUSED" || code === "ECONNRESET"))
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [address] }))))
    }).pipe(Effect.scoped))

  it.live("tries again by its own rules, and ends a race that takes longer than it waits", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      let address = "127.0.0.2"
      yield* Effect.gen(function*() {
        const refused = yield* clientOf(port, { retryStrategy: (times) => times < 3 ? 1 : null })
        const error = yield* Effect.flip(settled(() => refused.redis.ping()))
        assert.match(error.message, /Connection is closed/)
        assert.deepStrictEqual(
          refused.errors.map(({ code, errors }: NodeJS.ErrnoException & { errors?: unknown }) => [
            code,
            Array.isArray(errors)
          ]),
          Array.from({ length: 3 }, () => ["ECONNREFUSED", true])
        )
        address = hole.host
        const impatient = yield* clientOf(port, { connectTimeout: 30, retryStrategy: () => null })
        yield* Effect.flip(settled(() => impatient.redis.ping()))
        assert.strictEqual(impatient.errors[0]?.message, "connect ETIMEDOUT")
        yield* until(() => Resources.connectingTo(port) === 0)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [address] }))))
    }).pipe(Effect.scoped))

  it.live("leaves nothing open when its scope closes in the middle of everything", () =>
    Effect.gen(function*() {
      const { port } = yield* RedisServer.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      for (const wait of [0, 10, 30, 60, 120]) {
        const before = Resources.descriptors()
        const scope = yield* Scope.make()
        const racer = yield* Layer.buildWithScope(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] })), scope)
        const { redis, sockets } = yield* clientOf(port, { retryStrategy: () => null }, { connectionAttemptDelay: 20 })
          .pipe(Scope.provide(scope), Effect.provide(racer))
        const answers = Promise.allSettled([redis.blpop("never", 0), redis.set("key", "x".repeat(4 << 20))])
        yield* Effect.sleep(wait)
        yield* Scope.close(scope, Exit.void)
        yield* Effect.promise(() => answers)
        assert.isTrue(sockets.every((socket) => socket.closed))
        yield* until(() => Resources.descriptors() === before, `after ${wait} ms`)
      }
    }).pipe(Effect.scoped))
})
