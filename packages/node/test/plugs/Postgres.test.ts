import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Pool, type PoolConfig } from "pg"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { layerNames, leavesNothing, settled, until } from "./support/socket.ts"
import * as Postgres from "./support/socketPostgres.ts"

const host = "dual.example"

/** A pool whose sockets race to wherever it wants to connect, closed with the scope. */
const poolOf = (config: PoolConfig, options: NodeLazySocket.Options = {}) =>
  Effect.gen(function*() {
    const open = yield* NodeLazySocket.factory
    return yield* Effect.acquireRelease(
      Effect.sync(() => {
        const pool = new Pool({ ...Postgres.login, host, ...config, stream: () => open(undefined, options) })
        // What an idle connection says when its server goes is for the pool to note.
        return pool.on("error", () => {})
      }),
      (pool) => Effect.promise(() => pool.end())
    )
  })

const ask = (pool: Pool, query: string, values: ReadonlyArray<unknown> = []) =>
  Effect.map(settled(() => pool.query<{ readonly value: unknown }>(query, [...values])), ({ rows }) => rows[0]?.value)

describe("pg over NodeLazySocket", () => {
  if (!Postgres.installed) {
    const reason = "there is no PostgreSQL here (apt-get install postgresql)"
    return it("is skipped where there is no PostgreSQL", () => console.log(`skipped: ${reason}`))
  }

  it.live("queries a server whose first address does not answer", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      yield* Effect.gen(function*() {
        const pool = yield* poolOf({ port, max: 5 }, { connectionAttemptDelay: 100 })
        const started = performance.now()
        assert.strictEqual(yield* ask(pool, "select host(inet_server_addr()) as value"), "127.0.0.2")
        const elapsed = performance.now() - started
        assert.isTrue(elapsed >= 100 && elapsed < 1000, `${elapsed} ms`)
        const values = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          (i) => ask(pool, "select $1::int + 1 as value, pg_sleep(0.01)", [i]),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(values, values.map((_, i) => i + 1))
        assert.strictEqual(pool.totalCount, 5)
        // Far more each way than any buffer on it holds.
        const text = "x".repeat(8 << 20)
        assert.strictEqual(yield* ask(pool, "select $1::text || 'y' as value", [text]), `${text}y`)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))))
    }).pipe(Effect.scoped))

  it.live("speaks TLS to it, its certificate checked and the password bound to the channel", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      const config = { port, enableChannelBinding: true }
      yield* Effect.gen(function*() {
        const options = { connectionAttemptDelay: 50 }
        const pool = yield* poolOf({ ...config, ssl: { ca: Certificates.ca } }, options)
        const query = "select version as value from pg_stat_ssl where pid = pg_backend_pid()"
        assert.strictEqual(yield* ask(pool, query), "TLSv1.3")
        const text = "x".repeat(4 << 20)
        assert.strictEqual(yield* ask(pool, "select $1::text as value", [text]), text)
        // The system's authorities do not know this one.
        const strangers = yield* poolOf({ ...config, ssl: true }, options)
        const error = yield* Effect.flip(ask(strangers, query))
        assert.propertyVal(error, "code", "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))))
    }).pipe(Effect.scoped))

  it.live("lets a pool find its server again after it moved to another address", () =>
    Effect.gen(function*() {
      let address = "127.0.0.2"
      const server = yield* Postgres.make(address)
      yield* Effect.gen(function*() {
        const pool = yield* poolOf({ port: server.port, max: 3 })
        const where = ask(pool, "select host(inet_server_addr()) as value")
        yield* ask(pool, "create table kept as select 42 as value")
        assert.strictEqual(yield* where, "127.0.0.2")
        yield* server.moveTo("127.0.0.3")
        const error = yield* Effect.flip(where)
        assert.propertyVal(error, "code", "ECONNREFUSED")
        address = "127.0.0.3"
        assert.strictEqual(yield* where, "127.0.0.3")
        assert.strictEqual(yield* ask(pool, "select value from kept"), 42)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [address] }))))
    }).pipe(Effect.scoped))

  it.live("fails as pg fails, with a code and every address", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      yield* Effect.gen(function*() {
        const refused = yield* Effect.flip(ask(yield* poolOf({ port }, { timeout: 200 }), "select 1"))
        assert.propertyVal(refused, "code", "ETIMEDOUT")
        assert.match(
          refused.message,
          new RegExp(`${host}.*127\\.0\\.0\\.2:${port} refused.*127\\.0\\.0\\.3:${port} did not`)
        )
        // The pool gives up before the race does, and the race with it.
        const impatient = yield* poolOf({ port, connectionTimeoutMillis: 50 })
        const error = yield* Effect.flip(ask(impatient, "select 1"))
        assert.match(error.message, /timeout/i)
        yield* until(() => Resources.connectingTo(port) === 0)
        const unknown = yield* Effect.flip(ask(yield* poolOf({ port, host: "unknown.example" }), "select 1"))
        assert.propertyVal(unknown, "code", "ENOTFOUND")
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: ["127.0.0.2", hole.host] }))))
    }).pipe(Effect.scoped))

  it.live("leaves nothing open when its scope closes in the middle of everything", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      for (const ssl of [false, { ca: Certificates.ca }]) {
        for (const wait of [0, 20, 60, 150]) {
          const before = Resources.descriptors()
          const opened = yield* Deferred.make<Pool>()
          const running = yield* Effect.gen(function*() {
            const open = yield* NodeLazySocket.factory
            const pool = new Pool({
              ...Postgres.login,
              host,
              port,
              ssl,
              stream: () => open(undefined, { connectionAttemptDelay: 20 })
            })
            pool.on("error", () => {})
            yield* Deferred.succeed(opened, pool)
            return yield* Effect.forEach(
              Array.from({ length: 10 }),
              () => Effect.exit(ask(pool, "select pg_sleep(20)")),
              { concurrency: "unbounded" }
            )
          }).pipe(
            Effect.scoped,
            Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))),
            Effect.forkChild
          )
          const pool = yield* Deferred.await(opened)
          yield* Effect.sleep(wait)
          yield* Fiber.interrupt(running)
          yield* until(() => Resources.descriptors() === before && pool.totalCount === 0, `after ${wait} ms`)
          yield* Effect.promise(() => pool.end())
        }
      }
    }).pipe(Effect.scoped))
})
