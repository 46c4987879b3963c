/**
 * Every client that has a plug, as it connects in its own way and with ours.
 */
import { NodeHttpClient as PlatformHttpClient } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { HappyEyeballs } from "@happy-eyeballs/core"
import axios from "axios"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import got from "got"
import { AbstractConnector, Redis } from "ioredis"
import { connect as connectMqtt, MqttClient } from "mqtt"
import { createConnection } from "mysql2/promise"
import nodeFetch from "node-fetch"
import { once } from "node:events"
import * as Http from "node:http"
import * as Net from "node:net"
import { createTransport } from "nodemailer"
import { Client } from "pg"
import * as Undici from "undici"
import { WebSocket, WebSocketServer } from "ws"
import * as NodeFetch from "../../../src/NodeFetch.ts"
import * as NodeHttpAgent from "../../../src/NodeHttpAgent.ts"
import * as NodeHttpClient from "../../../src/NodeHttpClient.ts"
import * as NodeLazySocket from "../../../src/NodeLazySocket.ts"
import * as NodeMail from "../../../src/NodeMail.ts"
import * as NodeUndici from "../../../src/NodeUndici.ts"
import * as NodeWebSocket from "../../../src/NodeWebSocket.ts"
import * as Promised from "../../../src/promise.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Servers from "../../fixtures/Servers.ts"
import * as Web from "./http.ts"
import { settled } from "./socket.ts"
import * as Mqtt from "./socketMqtt.ts"
import * as Mysql from "./socketMysql.ts"
import * as Postgres from "./socketPostgres.ts"
import * as RedisServer from "./socketRedis.ts"
import * as Smtp from "./socketSmtp.ts"

export const host = "dual.example"

/** What clients are given. */
export const plugs = Effect.gen(function*() {
  const context = yield* Effect.context<HappyEyeballs.HappyEyeballs>()
  const racer = Layer.succeed(HappyEyeballs.HappyEyeballs, yield* HappyEyeballs.HappyEyeballs)
  return {
    open: yield* NodeLazySocket.factory,
    fetch: yield* NodeFetch.make(),
    dispatcher: yield* NodeUndici.makeAgent(),
    agents: yield* NodeHttpAgent.make(),
    undiciClient: Layer.provide(NodeHttpClient.layerUndici(), racer),
    nodeHttpClient: Layer.provide(NodeHttpClient.layerNodeHttp(), racer),
    createConnection: yield* NodeWebSocket.createConnection(),
    mail: (port: number) =>
      Effect.provide(NodeMail.getSocket({ implicitTlsPort: port, startTlsPort: 1, headStart: "1 minute" }), context),
    connect: Promised.make(racer).connect
  }
})

export type Plugs = Effect.Success<typeof plugs>

export interface Row {
  readonly client: string
  /** Starts a server at the second address, where there is one to start. */
  readonly server: Effect.Effect<number, never, Scope.Scope> | undefined
  /** Connects, asks for something and hangs up; without plugs in the client's own way. */
  readonly ask: (port: number, plugs: Plugs | undefined) => Effect.Effect<unknown, Error, Scope.Scope>
  /** Its own way asks name servers, which a test does not. */
  readonly onlyPlugged?: boolean
}

/** Says hello, and hangs up, so that each request connects anew. */
const site = Effect.map(
  Web.site("http", (_, response) => {
    response.writeHead(200, { connection: "close" }).end("hello")
  }),
  ({ port }) => port
)

/** A client of HTTP, of which what it says is not of interest. */
const http = (client: string, get: (url: string, plugs: Plugs | undefined) => Promise<unknown>): Row => ({
  client,
  server: site,
  ask: (port, plugs) => settled(() => get(`http://${host}:${port}/`, plugs))
})

const effectHttp = (
  client: string,
  layerOf: (plugs: Plugs | undefined) => Layer.Layer<HttpClient.HttpClient>
): Row => ({
  client,
  server: site,
  ask: (port, plugs) =>
    Effect.flatMap(HttpClient.get(`http://${host}:${port}/`), (response) => response.text).pipe(
      Effect.provide(layerOf(plugs))
    )
})

const postgres = Postgres.installed ? Effect.map(Postgres.make("127.0.0.1"), ({ port }) => port) : undefined

export const rows: ReadonlyArray<Row> = [
  http("fetch", async (url, plugs) => (await (plugs?.fetch ?? fetch)(url)).text()),
  http("undici", async (url, plugs) => {
    const { body } = await Undici.request(url, plugs === undefined ? {} : { dispatcher: plugs.dispatcher })
    return body.text()
  }),
  http("node:http", async (url, plugs) => {
    const request = Http.get(url, plugs === undefined ? {} : { agent: plugs.agents.http })
    const [response] = await once(request, "response") as [Http.IncomingMessage]
    return response.toArray()
  }),
  http(
    "axios",
    (url, plugs) => axios.get(url, { proxy: false, ...plugs === undefined ? {} : { httpAgent: plugs.agents.http } })
  ),
  http("got", (url, plugs) => got(url, { retry: { limit: 0 }, ...plugs === undefined ? {} : { agent: plugs.agents } })),
  http(
    "node-fetch",
    async (url, plugs) => (await nodeFetch(url, plugs === undefined ? {} : { agent: plugs.agents.http })).text()
  ),
  effectHttp("Effect's `HttpClient`, undici", (plugs) => plugs?.undiciClient ?? PlatformHttpClient.layerUndici),
  effectHttp("Effect's `HttpClient`, node:http", (plugs) => plugs?.nodeHttpClient ?? PlatformHttpClient.layerNodeHttp),
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
    client: "pg",
    server: postgres,
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
    client: "@effect/sql-pg",
    server: postgres,
    ask: (port, plugs) =>
      Effect.flatMap(PgClient.PgClient, (sql) => sql`select 1`).pipe(Effect.provide(PgClient.layer({
        host,
        port,
        username: Postgres.login.user,
        password: Redacted.make(Postgres.login.password),
        database: Postgres.login.database,
        stream: plugs === undefined ? undefined : () => plugs.open({ host, port })
      })))
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
    client: "mqtt",
    server: Effect.map(Mqtt.make({ host: "127.0.0.1" }), ({ port }) => port),
    ask: (port, plugs) =>
      settled(async () => {
        const options = { reconnectPeriod: 0 }
        const client = plugs === undefined
          ? connectMqtt({ ...options, protocol: "mqtt", host, port })
          : new MqttClient(() => plugs.open({ host, port }), options)
        await new Promise((resolve, reject) => client.once("connect", resolve).once("error", reject))
        await client.publishAsync("topic", "hello")
        await client.endAsync()
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
