import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { NodeError } from "../../src/NodeError.ts"
import * as NodeFetch from "../../src/NodeFetch.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Servers from "../fixtures/Servers.ts"
import * as Nodes from "./support/http-nodes.ts"
import * as Web from "./support/http.ts"

const tls = { ca: Web.ca }

const get = (url: string, init: RequestInit = {}) =>
  Web.tried(async () => {
    const response = await fetch(url, init)
    return { text: await response.text(), http: response.headers.get("x-http") }
  })

const slots = [1, 2].map((version) => Symbol.for(`undici.globalDispatcher.${version}`))

const dispatchers = (): ReadonlyArray<unknown> => {
  void globalThis.Headers
  return slots.map((slot) => Reflect.get(globalThis, slot))
}

const modes = [
  { kind: "http", http: "1.1", options: {} },
  { kind: "https", http: "1.1", options: { tls } },
  { kind: "http2", http: "2.0", options: { tls, allowH2: true, preferH2: true } },
  { kind: "http2", http: "1.1", options: { tls, allowH2: false } }
] as const

describe("NodeFetch.layerGlobal", () => {
  it.live.each(modes)(
    "gets a first byte from the second address as soon as the race allows: $kind, HTTP $http",
    ({ http, kind, options }) =>
      Effect.gen(function*() {
        const site = yield* Web.dual(kind)
        const answer = yield* Web.firstByteIsEarly(
          Effect.suspend(() =>
            Effect.scoped(get(Web.url(kind, site)).pipe(Effect.provide(NodeFetch.layerGlobal(options))))
          )
        )
        assert.deepStrictEqual(answer, { text: "hello from /", http })
      }).pipe(Effect.provide(Web.layer))
  )

  it.live("puts back what was there", () =>
    Effect.gen(function*() {
      const before = dispatchers()
      const during = yield* Effect.sync(dispatchers).pipe(Effect.provide(NodeFetch.layerGlobal()), Effect.scoped)
      assert.notStrictEqual(during[0], before[0])
      assert.deepStrictEqual(dispatchers().map((one, index) => one === before[index]), [true, true])
    }).pipe(Effect.provide(Web.layer)))

  it.live("leaves alone what somebody else has put there meanwhile", () =>
    Effect.gen(function*() {
      const before = dispatchers()
      const other = { dispatch: () => true }
      yield* Effect.sync(() => Reflect.set(globalThis, slots[0]!, other)).pipe(
        Effect.provide(NodeFetch.layerGlobal()),
        Effect.scoped
      )
      assert.strictEqual(dispatchers()[0], other)
      Reflect.set(globalThis, slots[0]!, before[0])
      assert.deepStrictEqual(dispatchers(), before)
    }).pipe(Effect.provide(Web.layer)))

  it.live("refuses to take the place of a dispatcher that connects in its own way", () =>
    Effect.gen(function*() {
      const before = dispatchers()
      class ProxyAgent {
        readonly proxy = "http://proxy.example"
      }
      for (const slot of slots) Reflect.set(globalThis, slot, new ProxyAgent())
      const refused = yield* Effect.flip(Layer.build(NodeFetch.layerGlobal()))
      slots.forEach((slot, index) => Reflect.set(globalThis, slot, before[index]))
      assert.instanceOf(refused, NodeFetch.UnknownDispatcher)
      assert.match(refused.message, /is ProxyAgent, which connects in its own way/)
    }).pipe(Effect.scoped, Effect.provide(Web.layer)))

  it.live("rejects with the error that Node's clients know as its cause", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort()
      const refused = yield* Effect.flip(get(`http://good.service.example:${port}/`))
      assert.instanceOf(refused, TypeError)
      assert.instanceOf(refused.cause, NodeError)
      assert.propertyVal(refused.cause, "code", "ECONNREFUSED")
      const unknown = yield* Effect.flip(get("http://unknown.example/"))
      assert.propertyVal(unknown.cause, "code", "ENOTFOUND")
    }).pipe(Effect.scoped, Effect.provide(Layer.provide(NodeFetch.layerGlobal(), Web.layer))))

  it.live("ends whatever is going on when its scope closes, and leaves nothing", () =>
    Effect.gen(function*() {
      for (const { kind, options } of modes) {
        const failed = yield* Web.leavesNothing(Effect.gen(function*() {
          const hole = yield* BlackHole.make("127.0.0.1")
          const endless = yield* Web.site(kind, (_, response) => {
            response.write("and so on")
          })
          const to = ({ port }: { readonly port: number }) =>
            Effect.forkDetach(
              Effect.flip(get(Web.url(kind, { ...endless, port }).replace("dual", "good.service"))),
              { startImmediately: true }
            )
          const running = yield* Effect.gen(function*() {
            const running = [yield* to(hole), yield* to(endless)]
            yield* Web.until(() => endless.sockets.size === 1)
            return running
          }).pipe(Effect.provide(NodeFetch.layerGlobal(options)), Effect.scoped)
          return yield* Effect.forEach(running, Fiber.join)
        }))
        assert.lengthOf(failed, 2)
      }
    }).pipe(Effect.provide(Web.layer)))
})

describe("NodeFetch.make", () => {
  it.live("is a fetch that races, beside one that does not", () =>
    Effect.gen(function*() {
      const site = yield* Web.dual()
      const before = dispatchers()
      const ours = yield* NodeFetch.make()
      const text = yield* Web.tried(async () => (await ours(new URL(Web.url("http", site, "/ours")))).text())
      assert.strictEqual(text, "hello from /ours")
      assert.deepStrictEqual(dispatchers(), before)
    }).pipe(Effect.provide(Web.layer)))
})

describe("NodeFetch with each version of Node", () => {
  // What its own undici speaks where nobody says anything, and that of the package beside it.
  const table = Nodes.all.flatMap(({ major, path }) => {
    const http = major < 26 ? "1.1" : "2.0"
    return [
      { major, path, undici: "never", wanted: "", http },
      { major, path, undici: "never", wanted: "h2", http: "2.0" },
      // undici 8 speaks HTTP/1.1 only to whoever knows the interface before it.
      { major, path, undici: "before", wanted: "", http },
      // In Node 22 it would take the place of what is installed.
      ...major === 22 ? [] : [{ major, path, undici: "after", wanted: "", http }]
    ]
  })

  it.live.each(table)(
    "races in Node $major over HTTP $http, with the package undici loaded $undici",
    ({ http, major, path, undici, wanted }) =>
      Effect.gen(function*() {
        const site = yield* Web.dual("http2")
        const { err, out } = yield* Effect.promise(() =>
          Nodes.run(path, "http-fetch-program.ts", [Web.url("http2", site), undici, wanted])
        )
        const text = `hello from / by HTTP ${http}`
        assert.isNotEmpty(out, err)
        const { own, ...answers } = JSON.parse(out) as Record<string, string>
        assert.deepStrictEqual(answers, { fetched: text, alone: text })
        if (undici === "never") assert.isUndefined(own)
        // The package finds an agent of its own version where the slots were filled by one, else Node's.
        else assert.strictEqual(own, `hello from / by HTTP ${major === 24 ? "1.1" : "2.0"}`)
      })
  )
})
