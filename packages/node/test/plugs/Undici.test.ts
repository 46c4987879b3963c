import { assert, describe, it } from "@effect/vitest"
import { ConnectError } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import type * as Tls from "node:tls"
import * as Undici from "undici"
import { vi } from "vitest"
import { NodeError } from "../../src/NodeError.ts"
import * as NodeUndici from "../../src/NodeUndici.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Servers from "../fixtures/Servers.ts"
import * as Web from "./support/http.ts"

const tls = { ca: Web.ca }

const get = (url: string, dispatcher: Undici.Dispatcher) =>
  Web.tried(async () => {
    const { body, headers } = await Undici.request(url, { dispatcher })
    return { text: await body.text(), http: headers["x-http"] }
  })

const modes = [
  { kind: "http", http: "1.1", tlsInRace: true, options: {} },
  { kind: "https", http: "1.1", tlsInRace: true, options: { tls } },
  { kind: "http2", http: "2.0", tlsInRace: true, options: { tls, preferH2: true } },
  { kind: "http2", http: "1.1", tlsInRace: true, options: { tls, allowH2: false } },
  { kind: "https", http: "1.1", tlsInRace: false, options: { tls } },
  { kind: "http2", http: "2.0", tlsInRace: false, options: { tls, preferH2: true } }
] as const

describe("NodeUndici.makeAgent", () => {
  it.live.each(modes)(
    "gets a first byte from the second address as soon as the race allows: $kind, HTTP $http, TLS in the race $tlsInRace",
    ({ http, kind, options, tlsInRace }) =>
      Effect.gen(function*() {
        const site = yield* Web.dual(kind)
        const answer = yield* Web.firstByteIsEarly(Effect.scoped(Effect.gen(function*() {
          const agent = yield* NodeUndici.makeAgent({ connect: { ...options, tlsInRace } })
          return yield* get(Web.url(kind, site), agent)
        })))
        assert.deepStrictEqual(answer, { text: "hello from /", http })
      }).pipe(Effect.provide(Web.layer))
  )

  it.live.each(modes)(
    "keeps its connections, and leaves nothing in its scope when they end: $kind, HTTP $http, TLS in the race $tlsInRace",
    ({ kind, options, tlsInRace }) =>
      Effect.gen(function*() {
        const site = yield* Web.site(kind)
        const scope = yield* Scope.make()
        const agent = yield* Scope.provide(
          NodeUndici.makeAgent({ connections: 1, connect: { ...options, tlsInRace } }),
          scope
        )
        const before = Web.finalizers(scope)
        const url = Web.url(kind, site).replace("dual", "good.service")
        for (let i = 0; i < 10; i++) yield* get(`${url}${i}`, agent)
        assert.strictEqual(site.accepted(), 1)
        assert.isAbove(Web.finalizers(scope), before)
        for (const socket of site.sockets) socket.destroy()
        yield* Web.until(() => Web.finalizers(scope) === before)
        yield* get(url, agent)
        assert.strictEqual(site.accepted(), 2)
        yield* Scope.close(scope, yield* Effect.exit(Effect.void))
        yield* Web.until(() => site.sockets.size === 0)
      }).pipe(Effect.provide(Web.layer))
  )

  it.live("carries on with requests that wait while it connects anew", () =>
    Effect.gen(function*() {
      let served = 0
      const site = yield* Web.dual("http", (request, response) => {
        if (++served === 2) response.setHeader("connection", "close")
        response.end(request.url)
      })
      const heard = yield* Web.reports
      const agent = yield* NodeUndici.makeAgent({ connections: 1 })
      const answers = yield* Effect.forEach(
        [1, 2, 3, 4, 5],
        (n) => get(Web.url("http", site, `/${n}`), agent),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map(({ text }) => text), ["/1", "/2", "/3", "/4", "/5"])
      yield* Web.until(() => heard.length === 2)
      assert.deepStrictEqual(heard.map(({ winner }) => winner?.address), ["127.0.0.1", "127.0.0.1"])
    }).pipe(Effect.provide(Web.layer)))

  it.live("fails with the error that Node's clients know, and the whole story behind it", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort()
      const agent = yield* NodeUndici.makeAgent()
      const refused = yield* Effect.flip(get(`http://good.service.example:${port}/`, agent))
      assert.instanceOf(refused, NodeError)
      assert.deepInclude(refused as NodeError, { code: "ECONNREFUSED", syscall: "connect", address: "127.0.0.1", port })
      assert.instanceOf(refused.cause, ConnectError.ConnectError)
      const unknown = yield* Effect.flip(get("http://unknown.example/", agent))
      assert.deepInclude(unknown as NodeError, {
        code: "ENOTFOUND",
        syscall: "getaddrinfo",
        hostname: "unknown.example"
      })
      const late = yield* NodeUndici.makeAgent({ connectTimeout: 50 })
      const hole = yield* BlackHole.make("127.0.0.1")
      const timedOut = yield* Effect.flip(get(`http://good.service.example:${hole.port}/`, late))
      assert.deepInclude(timedOut as NodeError, { code: "ETIMEDOUT", syscall: "connect" })
    }).pipe(Effect.provide(Web.layer)))

  it.live("takes an address whose certificate is wrong for one that failed, unless TLS comes after the race", () =>
    Effect.gen(function*() {
      const site = yield* Web.site("https")
      yield* Servers.tls(Servers.echo, Certificates.wrongName, { host: "::1", port: site.port })
      const url = Web.url("https", site)
      const inRace = yield* NodeUndici.makeAgent({ connect: { tls } })
      assert.strictEqual((yield* get(url, inRace)).text, "hello from /")
      const after = yield* NodeUndici.makeAgent({ connect: { tls, tlsInRace: false } })
      const error = yield* Effect.flip(get(url, after))
      assert.propertyVal(error, "code", "ERR_TLS_CERT_ALTNAME_INVALID")
    }).pipe(Effect.provide(Web.layer)))

  it.live.each([true, false])("resumes TLS sessions, with TLS in the race %s", (tlsInRace) =>
    Effect.gen(function*() {
      const site = yield* Web.site("https", (request, response) => {
        response.setHeader("connection", "close")
        response.end(String((request.socket as Tls.TLSSocket).isSessionReused()))
      })
      const agent = yield* NodeUndici.makeAgent({ connect: { tls, tlsInRace } })
      const url = `https://good.service.example:${site.port}/`
      assert.strictEqual((yield* get(url, agent)).text, "false")
      assert.strictEqual((yield* get(url, agent)).text, "true")
      const forgetful = yield* NodeUndici.makeAgent({ connect: { tls, tlsInRace, maxCachedSessions: 0 } })
      yield* get(url, forgetful)
      assert.strictEqual((yield* get(url, forgetful)).text, "false")
    }).pipe(Effect.provide(Web.layer)))

  it.live("does not offer a TLS session again with which a connect failed", () =>
    Effect.gen(function*() {
      const { port } = yield* Web.forgetful
      const agent = yield* NodeUndici.makeAgent({ connect: { tls } })
      const url = `https://good.service.example:${port}/`
      yield* get(url, agent)
      yield* Effect.flip(get(url, agent))
      assert.strictEqual((yield* get(url, agent)).text, "hello")
    }).pipe(Effect.provide(Web.layer)))

  it.live("lets the system probe idle connections, as undici does, unless told not to", () =>
    Effect.gen(function*() {
      const site = yield* Web.site()
      const probes = vi.spyOn(Net.Socket.prototype, "setKeepAlive")
      yield* Effect.addFinalizer(() => Effect.sync(() => probes.mockRestore()))
      for (const connect of [{}, { keepAliveInitialDelay: "5 seconds" }, { keepAlive: false }] as const) {
        yield* get(Web.url("http", site).replace("dual", "good.service"), yield* NodeUndici.makeAgent({ connect }))
      }
      assert.deepStrictEqual(probes.mock.calls, [[true, 60_000], [true, 5000]])
    }).pipe(Effect.provide(Web.layer)))

  it.live("connects from the address that it is told", () =>
    Effect.gen(function*() {
      const site = yield* Web.site("http", (request, response) => response.end(request.socket.remoteAddress))
      const scope = yield* Scope.make()
      const agent = yield* Scope.provide(NodeUndici.makeAgent({ localAddress: "127.0.0.9" }), scope)
      const before = Web.finalizers(scope)
      assert.strictEqual((yield* get(Web.url("http", site), agent)).text, "127.0.0.9")
      for (const socket of site.sockets) socket.destroy()
      yield* Web.until(() => Web.finalizers(scope) === before)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
    }).pipe(Effect.provide(Web.layer)))

  it.live("connects to a Unix socket", () =>
    Effect.gen(function*() {
      const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "happy-eyeballs-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(directory, { recursive: true })))
      const socketPath = Path.join(directory, "s")
      const server = Http.createServer(Web.hello).listen(socketPath)
      yield* Effect.promise(() => once(server, "listening"))
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      const agent = yield* NodeUndici.makeAgent({ socketPath })
      assert.strictEqual((yield* get("http://nowhere.example/", agent)).text, "hello from /")
    }).pipe(Effect.provide(Web.layer)))
})

describe("NodeUndici.makeConnector", () => {
  it.live("serves a Client and a Pool of the user's own", () =>
    Effect.gen(function*() {
      const site = yield* Web.dual()
      const connect = yield* NodeUndici.makeConnector()
      for (const make of [Undici.Client, Undici.Pool]) {
        const dispatcher = yield* Effect.acquireRelease(
          Effect.sync(() => new make(`http://dual.example:${site.port}`, { connect })),
          (dispatcher) => Effect.promise(() => dispatcher.destroy())
        )
        const text = yield* Web.tried(async () => {
          const { body } = await dispatcher.request({ path: "/mine", method: "GET" })
          return await body.text()
        })
        assert.strictEqual(text, "hello from /mine")
      }
    }).pipe(Effect.provide(Web.layer)))

  it.live("does not call back before it has returned, whatever it is asked", () =>
    Effect.gen(function*() {
      const connect = yield* NodeUndici.makeConnector()
      const asked = { hostname: "not a host", protocol: "http:", port: "" }
      let returned = false
      const early = yield* Effect.callback<boolean>((resume) => {
        connect(asked, (...[error]) => {
          assert.propertyVal(error, "code", "ERR_INVALID_ARG_VALUE")
          resume(Effect.succeed(!returned))
        })
        returned = true
      })
      assert.isFalse(early)
    }).pipe(Effect.provide(Web.layer)))

  it.live.each(modes)(
    "ends its connections with its scope, for an agent that lives on: $kind, HTTP $http, TLS in the race $tlsInRace",
    ({ kind, options, tlsInRace }) =>
      Effect.gen(function*() {
        const site = yield* Web.site(kind)
        const scope = yield* Scope.make()
        const connect = yield* Scope.provide(NodeUndici.makeConnector({ ...options, tlsInRace }), scope)
        const agent = new Undici.Agent({ connect })
        const url = Web.url(kind, site).replace("dual", "good.service")
        yield* get(url, agent)
        yield* Scope.close(scope, yield* Effect.exit(Effect.void))
        yield* Web.until(() => site.sockets.size === 0)
        const error = yield* Effect.flip(get(url, agent))
        assert.propertyVal(error, "code", "ABORT_ERR")
        yield* Effect.promise(() => agent.destroy())
      }).pipe(Effect.provide(Web.layer))
  )
})

describe("NodeUndici.layer", () => {
  it.live("ends whatever is going on when its scope closes, and leaves nothing", () =>
    Effect.gen(function*() {
      for (const { kind, options, tlsInRace } of modes) {
        const failed = yield* Web.leavesNothing(Effect.gen(function*() {
          const hole = yield* BlackHole.make("127.0.0.1")
          const endless = yield* Web.site(kind, (_, response) => {
            response.write("and so on")
          })
          const silent = yield* Web.site(kind, () => {})
          const idle = yield* Web.site(kind)
          const running = yield* Effect.scoped(
            Effect.gen(function*() {
              const agent = yield* NodeUndici.RacingAgent
              const to = ({ port }: { readonly port: number }) =>
                Effect.forkDetach(
                  Effect.flip(get(Web.url(kind, { ...idle, port }).replace("dual", "good.service"), agent)),
                  { startImmediately: true }
                )
              yield* get(Web.url(kind, idle).replace("dual", "good.service"), agent)
              const running = [yield* to(hole), yield* to(endless), yield* to(silent)]
              yield* Web.until(() => endless.sockets.size === 1 && silent.sockets.size === 1)
              return running
            }).pipe(Effect.provide(NodeUndici.layer({ connect: { ...options, tlsInRace } })))
          )
          return yield* Effect.forEach(running, Fiber.join)
        }))
        assert.lengthOf(failed, 3)
        for (const error of failed) assert.isNotEmpty(error.message)
      }
    }).pipe(Effect.provide(Web.layer)))
})

describe("NodeUndici.layerGlobal", () => {
  const globalGet = (url: string) => Web.tried(async () => (await Undici.request(url)).body.text())
  const fetched = (url: string) => Web.tried(async () => (await fetch(url)).text())

  it.live("lets undici and fetch race while its scope is open, and puts back what was there", () =>
    Effect.gen(function*() {
      const site = yield* Web.dual()
      const before = Undici.getGlobalDispatcher()
      yield* Effect.gen(function*() {
        assert.notStrictEqual(Undici.getGlobalDispatcher(), before)
        assert.strictEqual(yield* globalGet(Web.url("http", site, "/undici")), "hello from /undici")
        assert.strictEqual(yield* fetched(Web.url("http", site, "/fetch")), "hello from /fetch")
      }).pipe(Effect.provide(NodeUndici.layerGlobal()), Web.leavesNothing)
      assert.strictEqual(Undici.getGlobalDispatcher(), before)
      // Back with Node's own connects, which look up addresses in the hosts file only here.
      assert.strictEqual(yield* fetched(`http://127.0.0.1:${site.port}/again`), "hello from /again")
      yield* Effect.promise(() => before.close())
      Undici.setGlobalDispatcher(new Undici.Agent())
    }).pipe(Effect.provide(Web.layer)))

  it.live("leaves alone what somebody else has put there meanwhile", () =>
    Effect.gen(function*() {
      const before = Undici.getGlobalDispatcher()
      const other = new Undici.Agent()
      yield* Effect.sync(() => Undici.setGlobalDispatcher(other)).pipe(
        Effect.provide(NodeUndici.layerGlobal()),
        Effect.scoped
      )
      assert.strictEqual(Undici.getGlobalDispatcher(), other)
      Undici.setGlobalDispatcher(before)
      yield* Effect.promise(() => other.close())
    }).pipe(Effect.provide(Web.layer)))
})
