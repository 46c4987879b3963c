import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { SqlError } from "effect/sql/SqlError"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { layerNames, leavesNothing, until } from "./support/socket.ts"
import * as Postgres from "./support/socketPostgres.ts"

const host = "dual.example"

/** A client whose every connection is a race. */
const layerOf = (config: PgClient.PgPoolConfig, options: NodeLazySocket.Options = {}) =>
  Layer.unwrap(Effect.map(NodeLazySocket.factory, (open) =>
    PgClient.layer({
      host,
      username: Postgres.login.user,
      password: Redacted.make(Postgres.login.password),
      database: Postgres.login.database,
      ...config,
      stream: () => open({ host, port: config.port! }, options)
    })))

const ask = (query: string, values: ReadonlyArray<unknown> = []) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => Effect.map(sql.unsafe<{ readonly value: unknown }>(query, values), ([row]) => row?.value)
  )

const where = ask("select host(inet_server_addr()) as value")

/** What the driver was told by its socket. */
const causeOf = ({ reason }: SqlError): NodeJS.ErrnoException => reason.cause as NodeJS.ErrnoException

describe("@effect/sql-pg over NodeLazySocket", () => {
  if (!Postgres.installed) {
    const reason = "there is no PostgreSQL here (apt-get install postgresql)"
    return it("is skipped where there is no PostgreSQL", () => console.log(`skipped: ${reason}`))
  }

  it.live("queries a server whose first address does not answer", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      const started = performance.now()
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* where, "127.0.0.2")
        const elapsed = performance.now() - started
        assert.isTrue(elapsed >= 100 && elapsed < 1000, `${elapsed} ms`)
        const numbers = Array.from({ length: 20 }, (_, i) => i)
        const values = yield* Effect.forEach(
          numbers,
          (i) => ask("select $1::int + 1 as value, pg_sleep(0.01)", [i]),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(values, numbers.map((i) => i + 1))
        const text = "x".repeat(8 << 20)
        assert.strictEqual(yield* ask("select $1::text || 'y' as value", [text]), `${text}y`)
      }).pipe(
        Effect.provide(layerOf({ port, maxConnections: 5 }, { connectionAttemptDelay: 100 })),
        leavesNothing,
        Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] })))
      )
    }).pipe(Effect.scoped))

  it.live("speaks TLS to it, its certificate checked", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      const options = { connectionAttemptDelay: 50 }
      const version = ask("select version as value from pg_stat_ssl where pid = pg_backend_pid()")
      yield* Effect.gen(function*() {
        const layer = layerOf({ port, ssl: { ca: Certificates.ca } }, options)
        assert.strictEqual(yield* Effect.provide(version, layer), "TLSv1.3")
        // The system's authorities do not know this one.
        const error = yield* Effect.flip(Effect.provide(version, layerOf({ port, ssl: true }, options)))
        assert.propertyVal(causeOf(error), "code", "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))))
    }).pipe(Effect.scoped))

  it.live("finds its server again after it moved to another address", () =>
    Effect.gen(function*() {
      let address = "127.0.0.2"
      const server = yield* Postgres.make(address)
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* where, "127.0.0.2")
        yield* server.moveTo("127.0.0.3")
        address = "127.0.0.3"
        // The driver finds out that its idle connections are gone by using them, or before.
        yield* Effect.ignore(where)
        assert.strictEqual(yield* where, "127.0.0.3")
      }).pipe(
        Effect.provide(layerOf({ port: server.port, maxConnections: 1 })),
        leavesNothing,
        Effect.provide(layerNames(() => ({ [host]: [address] })))
      )
    }).pipe(Effect.scoped))

  it.live("fails with an error of ours as the cause, with a code and every address", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      yield* Effect.gen(function*() {
        const refused = causeOf(yield* Effect.flip(Effect.provide(where, layerOf({ port }, { timeout: 200 }))))
        assert.propertyVal(refused, "code", "ETIMEDOUT")
        assert.match(
          refused.message,
          new RegExp(`${host}.*127\\.0\\.0\\.2:${port} refused.*127\\.0\\.0\\.3:${port} did not`)
        )
        // The driver gives up before the race does, and the race with it.
        yield* Effect.flip(Effect.provide(where, layerOf({ port, connectTimeout: 50 })))
        yield* until(() => Resources.connectingTo(port) === 0)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: ["127.0.0.2", hole.host] }))))
    }).pipe(Effect.scoped))

  it.live("leaves nothing open when it is interrupted in the middle of everything", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.make("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      const names = layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))
      for (const ssl of [false, { ca: Certificates.ca }]) {
        for (const wait of [0, 20, 60, 150]) {
          const before = Resources.descriptors()
          const sleeping = Array.from({ length: 10 }, () => Effect.exit(ask("select pg_sleep(20)")))
          const running = yield* Effect.all(sleeping, { concurrency: "unbounded" }).pipe(
            Effect.provide(layerOf({ port, ssl }, { connectionAttemptDelay: 20 })),
            Effect.provide(names),
            Effect.forkChild
          )
          yield* Effect.sleep(wait)
          yield* Fiber.interrupt(running)
          yield* until(() => Resources.descriptors() === before, `after ${wait} ms`)
        }
      }
    }).pipe(Effect.scoped))
})
