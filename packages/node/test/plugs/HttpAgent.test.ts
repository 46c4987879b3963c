import { assert, describe, it } from "@effect/vitest"
import { Dialer } from "@happy-eyeballs/core"
import { resolveRetryConfig, retryMiddleware } from "@smithy/core/retry"
import axios from "axios"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import got, { type RequestError } from "got"
import fetch from "node-fetch"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tls from "node:tls"
import { WebSocket, WebSocketServer } from "ws"
import * as NodeDialer from "../../src/NodeDialer.ts"
import type { NodeError } from "../../src/NodeError.ts"
import * as NodeHttpAgent from "../../src/NodeHttpAgent.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import * as Web from "./support/http.ts"

const ca = { ca: Web.ca }

/** A request as Node itself makes it. */
const get = (url: string, options: Https.RequestOptions = {}) =>
  Web.tried(async () => {
    const request = (url.startsWith("https") ? Https : Http).get(url, options)
    const [response] = await once(request, "response") as [Http.IncomingMessage]
    let text = ""
    for await (const chunk of response) text += String(chunk)
    return text
  })

const agentFor = (url: string, agents: NodeHttpAgent.Agents) => url.startsWith("https") ? agents.https : agents.http

const clients: Record<string, (url: string, agents: NodeHttpAgent.Agents) => Effect.Effect<string, Error>> = {
  "node:http and node:https": (url, agents) => get(url, { agent: agentFor(url, agents) }),
  axios: (url, { http, https }) =>
    Web.tried(async () => (await axios.get<string>(url, { httpAgent: http, httpsAgent: https, proxy: false })).data),
  got: (url, agent) => Web.tried(async () => (await got(url, { agent, retry: { limit: 0 } })).body),
  "node-fetch": (url, agents) => Web.tried(async () => (await fetch(url, { agent: agentFor(url, agents) })).text()),
  ws: (url, agents) =>
    Web.tried(async () => {
      const socket = new WebSocket(url.replace("http", "ws"), { agent: agentFor(url, agents) })
      const [text] = await once(socket, "message")
      socket.terminate()
      return String(text)
    })
}

/** Says hello on HTTP, and on a WebSocket. */
const site = (kind: Web.Kind, dead: boolean) =>
  Effect.gen(function*() {
    const sockets = new WebSocketServer({ noServer: true })
    const made = yield* (dead ? Web.dual(kind) : Web.site(kind))
    made.server.on("upgrade", (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (client) => client.send(`hello from ${request.url}`))
    })
    return made
  })

describe("NodeHttpAgent.make", () => {
  it.live.each(
    Object.keys(clients).flatMap((client) => [{ client, kind: "http" }, { client, kind: "https" }] as const)
  )(
    "gets a first byte from the second address as soon as the race allows: $client, $kind",
    ({ client, kind }) =>
      Effect.gen(function*() {
        const { port } = yield* site(kind, true)
        const answer = yield* Web.firstByteIsEarly(Effect.scoped(Effect.gen(function*() {
          const agents = yield* NodeHttpAgent.make(ca)
          return yield* clients[client]!(`${kind}://dual.example:${port}/`, agents)
        })))
        assert.strictEqual(answer, "hello from /")
      }).pipe(Effect.provide(Web.layer))
  )

  it.live.each(["http", "https"] as const)(
    "keeps its connections, and leaves nothing in its scope when they end: %s",
    (kind) =>
      Effect.gen(function*() {
        const site = yield* Web.site(kind)
        const scope = yield* Scope.make()
        const agents = yield* Scope.provide(NodeHttpAgent.make(ca), scope)
        const before = Web.finalizers(scope)
        const url = `${kind}://good.service.example:${site.port}/`
        for (let i = 0; i < 10; i++) yield* get(url, { agent: agents[kind] })
        assert.strictEqual(site.accepted(), 1)
        for (const socket of site.sockets) socket.destroy()
        yield* Web.until(() => Web.finalizers(scope) === before)
        yield* get(url, { agent: agents[kind] })
        assert.strictEqual(site.accepted(), 2)
        yield* Scope.close(scope, yield* Effect.exit(Effect.void))
        yield* Web.until(() => site.sockets.size === 0)
      }).pipe(Effect.provide(Web.layer))
  )

  it.live("opens no more connections than it may, also while it races", () =>
    Effect.gen(function*() {
      for (const limit of [{ maxSockets: 2 }, { maxTotalSockets: 2 }]) {
        const site = yield* Web.dual()
        const { http: agent } = yield* NodeHttpAgent.make(limit)
        const answers = yield* Effect.forEach(
          [1, 2, 3, 4, 5, 6],
          (n) => get(Web.url("http", site, `/${n}`), { agent }),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(answers, [1, 2, 3, 4, 5, 6].map((n) => `hello from /${n}`))
        assert.strictEqual(site.accepted(), 2)
      }
    }).pipe(Effect.provide(Web.layer)))

  it.live("lets each request in a queue fail by itself, and goes on with the next", () =>
    Effect.gen(function*() {
      const site = yield* Web.site()
      const dead = yield* Servers.refusedPort()
      for (const limit of [{ maxSockets: 1 }, { maxTotalSockets: 1 }]) {
        const { http: agent } = yield* NodeHttpAgent.make(limit)
        const ports = [dead, dead, dead, site.port, dead]
        const results = yield* Effect.forEach(
          ports,
          (port) => Effect.result(get(`http://good.service.example:${port}/`, { agent })),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          results.map((result) => result._tag === "Success" ? result.success : (result.failure as NodeError).code),
          ports.map((port) => port === dead ? "ECONNREFUSED" : "hello from /")
        )
        assert.deepStrictEqual([Object.keys(agent.requests), Object.keys(agent.sockets)], [[], []])
      }
    }).pipe(Effect.provide(Web.layer)))

  const aborted: Record<string, (request: Http.ClientRequest, agent: Http.Agent, controller: AbortController) => void> =
    {
      "the request is destroyed": (request) => request.destroy(),
      "the agent is destroyed": (_, agent) => agent.destroy(),
      "its signal is aborted": (_request, _agent, controller) => controller.abort()
    }

  it.live.each(Object.keys(aborted))("ends its race when %s", (way) =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const endless = { attemptTimeout: "1 hour", timeout: "1 hour" } as const
      const { http: agent } = yield* NodeHttpAgent.make({ maxSockets: 1, race: endless })
      const before = Resources.descriptors()
      const controller = new AbortController()
      const url = `http://good.service.example:${hole.port}/`
      const request = Http.get(url, { agent, signal: controller.signal })
      const events: Array<string> = []
      request.on("error", (error: NodeJS.ErrnoException) => events.push(error.code ?? error.message))
      request.on("close", () => events.push("close"))
      yield* Web.until(() => Resources.descriptors() === before + 1)
      aborted[way]!(request, agent, controller)
      yield* Web.until(() => events.length === 2)
      assert.deepStrictEqual(events, [way === "its signal is aborted" ? "ABORT_ERR" : "ECONNRESET", "close"])
      yield* Web.until(() => Resources.descriptors() === before)
      assert.deepStrictEqual([Object.keys(agent.requests), Object.keys(agent.sockets)], [[], []])
      // Whoever comes next is not held up.
      const site = yield* Web.site()
      assert.strictEqual(yield* get(Web.url("http", site), { agent, family: 4 }), "hello from /")
    }).pipe(Effect.provide(Web.layer)))

  it.live("gives no connection to a request whose agent is destroyed at the moment of the win", () =>
    Effect.gen(function*() {
      const site = yield* Web.site()
      let win = () => {}
      const { dial } = NodeDialer.make()
      const dialer = Layer.succeed(Dialer.Dialer, {
        dial: (endpoint) => Effect.tap(dial(endpoint), () => Effect.sync(() => win()))
      })
      yield* Effect.gen(function*() {
        const { http: agent } = yield* NodeHttpAgent.make()
        win = () => agent.destroy()
        const error = yield* Effect.flip(get(`http://good.service.example:${site.port}/`, { agent }))
        assert.propertyVal(error, "code", "ECONNRESET")
        yield* Web.until(() => site.sockets.size === 0)
        assert.deepStrictEqual(Object.keys(agent.sockets), [])
      }).pipe(Effect.provide(Web.layerWith(dialer)))
    }))

  it.live("leaves to Node what goes through a proxy", () =>
    Effect.gen(function*() {
      const proxy = yield* Web.site("http")
      const proxyEnv = { http_proxy: `http://127.0.0.1:${proxy.port}` }
      const { http: agent } = yield* NodeHttpAgent.make({ proxyEnv } as NodeHttpAgent.Options)
      assert.strictEqual(yield* get("http://unknown.example/far", { agent }), "hello from http://unknown.example/far")
    }).pipe(Effect.provide(Web.layer)))

  it.live("tells a request that it has waited for as long as it wanted to, while the race goes on", () =>
    Effect.gen(function*() {
      const site = yield* Web.dual()
      const { http: agent } = yield* NodeHttpAgent.make()
      const request = Http.get(Web.url("http", site), { agent, timeout: 50 })
      const events: Array<string> = []
      request.on("timeout", () => events.push("timeout"))
      request.on("response", (response) => events.push("response") && response.resume())
      yield* Web.until(() => events.length === 2)
      assert.deepStrictEqual(events, ["timeout", "response"])
    }).pipe(Effect.provide(Web.layer)))

  it.live("does as a request says: family, address to connect from, lookup, Unix socket, no agent at all", () =>
    Effect.gen(function*() {
      const from = yield* Web.site("http", (request, response) => response.end(request.socket.remoteAddress))
      const { http: agent } = yield* NodeHttpAgent.make()
      const url = `http://dual.example:${from.port}/`
      assert.strictEqual(yield* get(url, { agent, localAddress: "127.0.0.9" }), "127.0.0.9")
      const v6 = yield* Effect.flip(get(url, { agent, family: 6 }))
      assert.propertyVal(v6, "code", "ECONNREFUSED")
      assert.propertyVal(v6, "address", "::1")
      const asked: Array<unknown> = []
      const looked = yield* get("http://unknown.example/", {
        agent,
        port: from.port,
        lookup: (host, options, callback) => {
          asked.push(host, options.all)
          callback(null, [{ address: "127.0.0.1", family: 4 }])
        }
      })
      assert.deepStrictEqual([looked, asked], ["127.0.0.1", ["unknown.example", true]])
      const notFound = yield* Effect.flip(get("http://unknown.example/", {
        agent,
        lookup: (_host, _options, callback) => callback(new Error("not today"), [])
      }))
      assert.strictEqual(notFound.message, "not today")
      const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(directory, { recursive: true })))
      const socketPath = Path.join(directory, "s")
      const server = Http.createServer(Web.hello).listen(socketPath)
      yield* Effect.promise(() => once(server, "listening"))
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      assert.strictEqual(yield* get("http://unknown.example/unix", { agent, socketPath }), "hello from /unix")
    }).pipe(Effect.provide(Web.layer)))

  it.live("resumes TLS sessions, and shares nothing with a request that checks the server in its own way", () =>
    Effect.gen(function*() {
      const site = yield* Web.site("https", (request, response) => {
        response.end(String((request.socket as Tls.TLSSocket).isSessionReused()))
      })
      const { https: agent } = yield* NodeHttpAgent.make({ ...ca, maxCachedSessions: 1 })
      const url = `https://good.service.example:${site.port}/`
      const close = { agent, headers: { connection: "close" } }
      const checked: Array<string> = []
      const own = {
        agent,
        checkServerIdentity: (host: string, certificate: Tls.PeerCertificate) => {
          checked.push(host)
          return Tls.checkServerIdentity(host, certificate)
        }
      }
      assert.deepStrictEqual([yield* get(url, close), yield* get(url, close)], ["false", "true"])
      assert.deepStrictEqual([yield* get(url, own), yield* get(url, own)], ["false", "false"])
      assert.strictEqual(yield* get(url, close), "true")
      assert.deepStrictEqual(checked, ["good.service.example", "good.service.example"])
      assert.deepStrictEqual(Object.keys(agent.freeSockets), [])
    }).pipe(Effect.provide(Web.layer)))

  it.live("does not offer a TLS session again with which a connect failed", () =>
    Effect.gen(function*() {
      const { port } = yield* Web.forgetful
      const { https: agent } = yield* NodeHttpAgent.make(ca)
      const url = `https://good.service.example:${port}/`
      yield* get(url, { agent })
      yield* Effect.flip(get(url, { agent }))
      assert.strictEqual(yield* get(url, { agent }), "hello")
    }).pipe(Effect.provide(Web.layer)))

  it.live("connects for whoever asks it for a socket: later with a callback, and in Node's way without", () =>
    Effect.gen(function*() {
      const server = yield* Servers.tcp(Servers.echo)
      const { http: agent } = yield* NodeHttpAgent.make()
      const place = { host: "dual.example", port: server.port }
      const later = yield* Effect.callback<unknown>((resume) => {
        assert.isUndefined(agent.createConnection(place, (_, socket) => resume(Effect.succeed(socket))))
      })
      assert.propertyVal(later, "remoteAddress", "127.0.0.1")
      const atOnce = agent.createConnection({ host: "127.0.0.1", port: server.port })!
      yield* Effect.promise(() => once(atOnce, "connect"))
      atOnce.destroy()
    }).pipe(Effect.provide(Web.layer)))

  it.live("ends whatever is going on when its scope closes, and leaves nothing", () =>
    Effect.gen(function*() {
      for (const kind of ["http", "https"] as const) {
        const failed = yield* Web.leavesNothing(Effect.gen(function*() {
          const hole = yield* BlackHole.make("127.0.0.1")
          const endless = yield* Web.site(kind, (_, response) => {
            response.write("and so on")
          })
          const idle = yield* Web.site(kind)
          const running = yield* Effect.scoped(Effect.gen(function*() {
            const agent = (yield* NodeHttpAgent.make({ ...ca, maxSockets: 1 }))[kind]
            const to = ({ port }: { readonly port: number }) =>
              Effect.forkDetach(Effect.flip(get(`${kind}://good.service.example:${port}/`, { agent })), {
                startImmediately: true
              })
            yield* get(`${kind}://good.service.example:${idle.port}/`, { agent })
            // One of them waits for its turn.
            const running = [yield* to(hole), yield* to(hole), yield* to(endless)]
            yield* Web.until(() => endless.sockets.size === 1)
            return running
          }))
          return yield* Effect.forEach(running, Fiber.join)
        }))
        assert.lengthOf(failed, 3)
        for (const error of failed) assert.include(["ECONNRESET", "ABORT_ERR"], (error as NodeError).code)
      }
    }).pipe(Effect.provide(Web.layer)))
})

describe("NodeHttpAgent and retries", () => {
  /** How often got asked, and what it said in the end, with its own policy except for its patience. */
  const attempts = (url: string, agent: { readonly http: Http.Agent } | undefined) =>
    Web.tried(async () => {
      let retries = 0
      const error = await got(url, {
        ...agent === undefined ? {} : { agent: { http: agent.http } },
        retry: {
          limit: 2,
          calculateDelay: ({ computedValue }) => {
            if (computedValue > 0) retries++
            return Math.min(computedValue, 1)
          }
        }
      }).then(() => undefined, (error: RequestError) => error)
      return { retries, code: error?.code }
    })

  it.live("lets got try again on our errors as it does on Node's", () =>
    Effect.gen(function*() {
      const agent = yield* NodeHttpAgent.make()
      const dead = yield* Servers.refusedPort()
      const refused = yield* attempts(`http://127.0.0.1:${dead}/`, agent)
      assert.deepStrictEqual(refused, { retries: 2, code: "ECONNREFUSED" })
      assert.deepStrictEqual(refused, yield* attempts(`http://127.0.0.1:${dead}/`, undefined))
      assert.deepStrictEqual(yield* attempts("http://unknown.example/", agent), { retries: 2, code: "ENOTFOUND" })
      const hole = yield* BlackHole.make("127.0.0.1")
      const impatient = yield* NodeHttpAgent.make({ race: { timeout: 50 } })
      const timedOut = yield* attempts(`http://good.service.example:${hole.port}/`, impatient)
      assert.deepStrictEqual(timedOut, { retries: 2, code: "ETIMEDOUT" })
    }).pipe(Effect.provide(Web.layer)))

  it.live("does not let got try again what cannot work", () =>
    Effect.gen(function*() {
      const agent = yield* NodeHttpAgent.make({ race: { timeout: -1 } })
      const invalid = yield* attempts("http://good.service.example/", agent)
      assert.deepStrictEqual(invalid, { retries: 0, code: "ERR_INVALID_ARG_VALUE" })
    }).pipe(Effect.provide(Web.layer)))

  /** How often a client with the standard retry mode of the AWS SDK asked, and what it said in the end. */
  const awsAttempts = (url: string, agent: Http.Agent | undefined) => {
    const policy = resolveRetryConfig({ maxAttempts: 3, retryMode: "standard" }, { defaultBaseDelay: 1 })
    const client = retryMiddleware(policy)(
      () => Effect.runPromise(get(url, agent === undefined ? {} : { agent })) as Promise<never>,
      {}
    )
    return Effect.map(Effect.flip(Web.tried(() => client({ input: {}, request: {} }))), (error) => {
      const { $metadata, code } = error as NodeError & { readonly $metadata: { readonly attempts: number } }
      return { asked: $metadata.attempts, code }
    })
  }

  it.live("lets the AWS SDK try again on our errors as it does on Node's, and not what cannot work", () =>
    Effect.gen(function*() {
      const { http: agent } = yield* NodeHttpAgent.make()
      const dead = yield* Servers.refusedPort()
      const refused = yield* awsAttempts(`http://127.0.0.1:${dead}/`, agent)
      assert.deepStrictEqual(refused, { asked: 3, code: "ECONNREFUSED" })
      assert.deepStrictEqual(refused, yield* awsAttempts(`http://127.0.0.1:${dead}/`, undefined))
      assert.deepStrictEqual(yield* awsAttempts("http://unknown.example/", agent), { asked: 3, code: "ENOTFOUND" })
      const hole = yield* BlackHole.make("127.0.0.1")
      const { http: impatient } = yield* NodeHttpAgent.make({ race: { timeout: 50 } })
      const timedOut = yield* awsAttempts(`http://good.service.example:${hole.port}/`, impatient)
      assert.deepStrictEqual(timedOut, { asked: 3, code: "ETIMEDOUT" })
      const { http: invalid } = yield* NodeHttpAgent.make({ race: { timeout: -1 } })
      const refusedOption = yield* awsAttempts("http://good.service.example/", invalid)
      assert.deepStrictEqual(refusedOption, { asked: 1, code: "ERR_INVALID_ARG_VALUE" })
    }).pipe(Effect.provide(Web.layer)))
})

describe("NodeHttpAgent.layerGlobal", () => {
  it.live("lets requests without an agent race, until its scope closes", () =>
    Effect.gen(function*() {
      const plain = yield* site("http", true)
      const before = [Http.globalAgent, Https.globalAgent]
      yield* Effect.gen(function*() {
        assert.notStrictEqual(Http.globalAgent, before[0])
        const url = `http://dual.example:${plain.port}/`
        assert.strictEqual(yield* get(url), "hello from /")
        assert.strictEqual(
          yield* Web.tried(async () => (await axios.get<string>(url, { proxy: false })).data),
          "hello from /"
        )
        // Node makes another agent of the same class for it.
        assert.strictEqual(yield* get(url, { agent: false }), "hello from /")
        const { port } = yield* site("https", true)
        assert.strictEqual(yield* get(`https://dual.example:${port}/`, ca), "hello from /")
      }).pipe(Effect.provide(NodeHttpAgent.layerGlobal()), Web.leavesNothing)
      assert.deepStrictEqual([Http.globalAgent === before[0], Https.globalAgent === before[1]], [true, true])
    }).pipe(Effect.provide(Web.layer)))
})
