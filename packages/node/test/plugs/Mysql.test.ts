import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { createPool, type Pool, type PoolOptions, type RowDataPacket } from "mysql2/promise"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { layerNames, leavesNothing, settled, until } from "./support/socket.ts"
import * as Mysql from "./support/socketMysql.ts"

const host = "dual.example"

/** A pool whose every connection is a race, closed with the scope. */
const poolOf = (port: number, options: PoolOptions = {}, connecting: NodeLazySocket.Options = {}) =>
  Effect.gen(function*() {
    const open = yield* NodeLazySocket.factory
    return yield* Effect.acquireRelease(
      Effect.sync(() =>
        createPool({ host, user: "owner", ...options, stream: () => open({ host, port }, connecting) })
      ),
      (pool) => Effect.promise(() => pool.end().catch(() => {}))
    )
  })

const ask = (pool: Pool, query: string): Effect.Effect<unknown, Error> =>
  Effect.map(settled(() => pool.query<Array<RowDataPacket>>(query)), ([rows]) => rows[0]?.["value"])

describe("mysql2 over NodeLazySocket", () => {
  it.live("talks to a server whose first address does not answer", () =>
    Effect.gen(function*() {
      const { port } = yield* Mysql.make({ host: "127.0.0.2" })
      const hole = yield* BlackHole.make("127.0.0.3", port)
      yield* Effect.gen(function*() {
        const started = performance.now()
        const pool = yield* poolOf(port, { connectionLimit: 5 }, { connectionAttemptDelay: 100 })
        assert.strictEqual(yield* ask(pool, "select 1"), "select 1")
        const elapsed = performance.now() - started
        assert.isTrue(elapsed >= 100 && elapsed < 1000, `${elapsed} ms`)
        const queries = Array.from({ length: 20 }, (_, i) => `select ${i}`)
        const answers = yield* Effect.forEach(queries, (query) => ask(pool, query), { concurrency: "unbounded" })
        assert.deepStrictEqual(answers, queries)
        const large = `select '${"x".repeat(4 << 20)}'`
        assert.strictEqual(yield* ask(pool, large), large)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))))
    }).pipe(Effect.scoped))

  it.live("speaks TLS to it, its certificate checked", () =>
    Effect.gen(function*() {
      const { port } = yield* Mysql.make({ host: "127.0.0.2" })
      const hole = yield* BlackHole.make("127.0.0.3", port)
      yield* Effect.gen(function*() {
        const connecting = { connectionAttemptDelay: 50 }
        const pool = yield* poolOf(port, { ssl: { ca: Certificates.ca, verifyIdentity: true } }, connecting)
        const large = `select '${"x".repeat(1 << 20)}'`
        assert.strictEqual(yield* ask(pool, large), large)
        const strangers = yield* poolOf(port, { ssl: {} }, connecting)
        const error = yield* Effect.flip(ask(strangers, "select 1"))
        assert.match(error.message, /unable to verify the first certificate/)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))))
    }).pipe(Effect.scoped))

  it.live("lets a pool find its server again after it moved to another address", () =>
    Effect.gen(function*() {
      let address = "127.0.0.2"
      yield* Effect.gen(function*() {
        const first = yield* Effect.flatMap(Effect.scope, Scope.fork)
        const { port } = yield* Scope.provide(Mysql.make({ host: address }), first)
        const pool = yield* poolOf(port)
        yield* ask(pool, "select 1")
        yield* Scope.close(first, Exit.void)
        const error = yield* Effect.flip(ask(pool, "select 1"))
        assert.include(["ECONNREFUSED", "PROTOCOL_CONNECTION_LOST", "ECONNRESET"], Reflect.get(error, "code"))
        address = "127.0.0.3"
        yield* Mysql.make({ host: address, port })
        assert.strictEqual(yield* ask(pool, "select 2"), "select 2")
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [address] }))))
    }).pipe(Effect.scoped))

  it.live("fails with a code and every address, and ends a race that takes longer than it waits", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      let addresses = ["127.0.0.2"]
      yield* Effect.gen(function*() {
        const refused = yield* Effect.flip(ask(yield* poolOf(port), "select 1"))
        assert.propertyVal(refused, "code", "ECONNREFUSED")
        assert.match(
          refused.message,
          new RegExp(`could not connect to ${host}:${port}: 127\\.0\\.0\\.2:${port} refused`)
        )
        addresses = [hole.host]
        const error = yield* Effect.flip(ask(yield* poolOf(port, { connectTimeout: 50 }), "select 1"))
        assert.strictEqual(error.message, "connect ETIMEDOUT")
        yield* until(() => Resources.connectingTo(port) === 0)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: addresses }))))
    }).pipe(Effect.scoped))

  it.live("leaves nothing open when its scope closes in the middle of everything", () =>
    Effect.gen(function*() {
      const { port } = yield* Mysql.make({ host: "127.0.0.2" })
      const hole = yield* BlackHole.make("127.0.0.3", port)
      for (const ssl of [undefined, { ca: Certificates.ca }]) {
        for (const wait of [0, 10, 30, 60]) {
          const before = Resources.descriptors()
          const scope = yield* Scope.make()
          const racer = yield* Layer.buildWithScope(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] })), scope)
          const open = yield* NodeLazySocket.factory.pipe(Effect.provide(racer), Scope.provide(scope))
          const pool = createPool({
            user: "owner",
            ...ssl === undefined ? {} : { ssl },
            stream: () => open({ host, port }, { connectionAttemptDelay: 20 })
          })
          const answers = Promise.allSettled(
            Array.from({ length: 10 }, () => pool.query(`select '${"x".repeat(1 << 20)}'`))
          )
          yield* Effect.sleep(wait)
          yield* Scope.close(scope, Exit.void)
          yield* Effect.promise(() => answers)
          yield* until(() => Resources.descriptors() === before, `after ${wait} ms`)
          yield* Effect.promise(() => pool.end().catch(() => {}))
        }
      }
    }).pipe(Effect.scoped))
})
