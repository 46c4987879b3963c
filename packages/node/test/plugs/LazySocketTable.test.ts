import { assert, describe, it } from "@effect/vitest"
import type { HappyEyeballs } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { AbstractConnector, Redis } from "ioredis"
import { createConnection } from "mysql2/promise"
import Dns from "node:dns"
import { once } from "node:events"
import * as Net from "node:net"
import { createTransport } from "nodemailer"
import { Client } from "pg"
import { WebSocket, WebSocketServer } from "ws"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as NodeMail from "../../src/NodeMail.ts"
import * as NodeWebSocket from "../../src/NodeWebSocket.ts"
import * as Promised from "../../src/promise.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Servers from "../fixtures/Servers.ts"
import { layerNames, settled } from "./support/socket.ts"
import * as Late from "./support/socketLate.ts"
import * as Mysql from "./support/socketMysql.ts"
import * as Postgres from "./support/socketPostgres.ts"
import * as RedisServer from "./support/socketRedis.ts"
import * as Smtp from "./support/socketSmtp.ts"

const host = "dual.example"
const addresses = ["::1", "127.0.0.1"]

/** Lets Node's own `lookup` know the name that the racer's resolver knows. */
const namedForNode = Effect.acquireRelease(
  Effect.sync(() => {
    const { lookup } = Dns
    const answer = (name: string, options: object, callback: (...answer: ReadonlyArray<unknown>) => void) =>
      name === host
        ? callback(null, addresses.map((address) => ({ address, family: Net.isIP(address) })))
        : Reflect.apply(lookup, Dns, [name, options, callback])
    Dns.lookup = answer as typeof lookup
    return lookup
  }),
  (lookup) =>
    Effect.sync(() => {
      Dns.lookup = lookup
    })
)

/** What clients are given. */
const plugs = Effect.gen(function*() {
  const context = yield* Effect.context<HappyEyeballs.HappyEyeballs>()
  return {
    open: yield* NodeLazySocket.factory,
    createConnection: yield* NodeWebSocket.createConnection(),
    mail: (port: number) =>
      Effect.provide(NodeMail.getSocket({ implicitTlsPort: port, startTlsPort: 1, headStart: "1 minute" }), context),
    connect: Promised.make(Layer.succeedContext(context)).connect
  }
})

type Plugs = Effect.Success<typeof plugs>

interface Row {
  readonly client: string
  /** Starts a server at the second address, where there is one to start. */
  readonly server: Effect.Effect<number, never, Scope.Scope> | undefined
  /** Connects, asks for something and hangs up; without plugs in the client's own way. */
  readonly ask: (port: number, plugs: Plugs | undefined) => Effect.Effect<unknown, Error, Scope.Scope>
  /** Its own way asks name servers, which a test does not. */
  readonly onlyPlugged?: boolean
}

const rows: ReadonlyArray<Row> = [
  {
    client: "pg",
    server: Postgres.installed ? Effect.map(Postgres.make("127.0.0.1"), ({ port }) => port) : undefined,
    ask: (port, plugs) =>
      settled(async () => {
        const stream = plugs === undefined ? undefined : () => plugs.open()
        const client = new Client({ ...Postgres.login, host, port, ...stream === undefined ? {} : { stream } })
        client.on("error", () => {})
        await client.connect()
        await client.query("select 1")
        await client.end()
      })
  },
  {
    client: "ioredis",
    server: RedisServer.installed ? Effect.map(RedisServer.make("127.0.0.1"), ({ port }) => port) : undefined,
    ask: (port, plugs) =>
      settled(async () => {
        class Connector extends AbstractConnector {
          constructor() {
            super(100)
          }
          override connect() {
            return Promise.resolve(this.stream = plugs!.open({ host, port }))
          }
        }
        const own = { host, port, retryStrategy: () => null, lazyConnect: true }
        const redis = new Redis(plugs === undefined ? own : { ...own, Connector })
        const failed = once(redis, "error").catch((error) => error).then(([error]) => Promise.reject(error))
        await Promise.race([failed, redis.connect().then(() => redis.ping())])
        failed.catch(() => {})
        redis.disconnect()
      })
  },
  {
    client: "mysql2",
    server: Effect.map(Mysql.make({ host: "127.0.0.1" }), ({ port }) => port),
    ask: (port, plugs) =>
      settled(async () => {
        const stream = plugs === undefined ? undefined : () => plugs.open({ host, port })
        const client = await createConnection({ host, port, user: "me", ...stream === undefined ? {} : { stream } })
        await client.query("select 1")
        await client.end()
      })
  },
  {
    client: "nodemailer",
    server: Effect.map(Smtp.make({ host: "127.0.0.1", implicitTls: true, heard: [] }), ({ port }) => port),
    ask: (port, plugs) =>
      Effect.flatMap(
        plugs!.mail(port),
        (getSocket) => settled(() => createTransport({ host, tls: { ca: Certificates.ca }, getSocket }).verify())
      ),
    onlyPlugged: true
  },
  {
    client: "ws",
    server: Effect.acquireRelease(
      Effect.promise(async () => {
        const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }).on("connection", (one) => one.send("hello"))
        await once(server, "listening")
        return server
      }),
      (server) =>
        Effect.sync(() => {
          for (const client of server.clients) client.terminate()
          server.close()
        })
    ).pipe(Effect.map((server) => (server.address() as Net.AddressInfo).port)),
    ask: (port, plugs) =>
      settled(async () => {
        const { createConnection } = plugs ?? {}
        const socket = new WebSocket(
          `ws://${host}:${port}/`,
          createConnection === undefined ? {} : { createConnection }
        )
        await once(socket, "message")
        socket.terminate()
      })
  },
  {
    client: "a bare socket",
    server: Effect.map(Servers.tcp(Servers.banner("hello")), ({ port }) => port),
    ask: (port, plugs) =>
      settled(async () => {
        const socket = plugs === undefined ? Net.connect(port, host) : (await plugs.connect({ host, port })).socket
        await once(socket, "data")
        socket.destroy()
      })
  }
]

const timed = <A, R>(ask: Effect.Effect<A, Error, R>): Effect.Effect<number | string, never, R> =>
  Effect.suspend(() => {
    const started = performance.now()
    return Effect.match(ask, {
      onFailure: (error: NodeJS.ErrnoException) => error.code ?? error.name,
      onSuccess: () => Math.round(performance.now() - started)
    })
  })

/** The least of three: what disturbs a measurement only adds to it. */
const least = <R>(ask: Effect.Effect<number | string, never, R>) =>
  Effect.map(Effect.replicateEffect(ask, 3), (times) => Math.min(...times.map(Number)))

describe("a first address that does not answer", () => {
  for (const { ask, client, onlyPlugged = false, server } of rows) {
    if (server === undefined) {
      it(`is not shown for ${client}: it has no server here`, () =>
        console.log(`skipped: no server for ${client} here`))
      continue
    }
    it.live(
      `costs ${client} the attempt delay, and a late one no more than its lateness`,
      () =>
        Effect.gen(function*() {
          yield* namedForNode
          const given = yield* plugs
          const port = yield* server
          const asking = (port: number, plugs: Plugs | undefined) => Effect.scoped(timed(ask(port, plugs)))
          const ways = onlyPlugged ? { with: given } : { without: undefined, with: given }
          const table: Record<string, unknown> = {}
          // Once for what is compiled on first use, then as everybody does it.
          yield* asking(port, given)
          const direct = yield* least(asking(port, given))
          for (const [way, plugs] of Object.entries(ways)) {
            yield* Effect.scoped(Effect.gen(function*() {
              yield* BlackHole.make("::1", port)
              table[`dead, ${way}`] = yield* least(asking(port, plugs))
            }))
            yield* Effect.scoped(Effect.gen(function*() {
              const late = yield* Late.make("::1", port)
              const asked = yield* Effect.forkChild(asking(late.port, plugs), { startImmediately: true })
              yield* late.openAfter(600)
              table[`late, ${way}`] = yield* Fiber.join(asked)
            }))
          }
          console.log(client, { direct, ...table })
          const beyond = Number(table["dead, with"]) - direct - 250
          assert.isTrue(beyond >= -20 && beyond <= 50, `${beyond} ms beyond the attempt delay`)
          assert.isBelow(Number(table["late, with"]), 2000)
          if (!onlyPlugged) assert.isString(table["late, without"])
        }).pipe(Effect.scoped, Effect.provide(layerNames(() => ({ [host]: addresses })))),
      60_000
    )
  }
})
