import * as Platform from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { ConnectError, type ConnectOptions } from "@happy-eyeballs/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import { NodeError } from "../../src/NodeError.ts"
import * as NodeHttpClient from "../../src/NodeHttpClient.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import * as Web from "./support/http.ts"

const tls = { ca: Web.ca }

const ways = {
  "undici": (race: ConnectOptions.ConnectOptions = {}) => NodeHttpClient.layerUndici({ connect: { tls, race } }),
  "node:http": (race: ConnectOptions.ConnectOptions = {}) => NodeHttpClient.layerNodeHttp({ ...tls, race }),
  "fetch": (race: ConnectOptions.ConnectOptions = {}) => NodeHttpClient.layerFetch({ tls, race }),
  "undici, its dispatcher": (race: ConnectOptions.ConnectOptions = {}) =>
    Layer.provide(Platform.layerUndiciNoDispatcher, NodeHttpClient.layerDispatcher({ connect: { tls, race } })),
  "node:http, its agents": (race: ConnectOptions.ConnectOptions = {}) =>
    Layer.provide(Platform.layerNodeHttpNoAgent, NodeHttpClient.layerHttpAgent({ ...tls, race }))
}

const text = (url: string) => Effect.flatMap(HttpClient.get(url), (response) => response.text)

describe.each(Object.entries(ways))("NodeHttpClient over %s", (_, layer) => {
  it.live.each(["http", "https"] as const)(
    "gets a first byte from the second address as soon as the race allows: %s",
    (kind) =>
      Effect.gen(function*() {
        const site = yield* Web.dual(kind)
        const answer = yield* Web.firstByteIsEarly(
          Effect.suspend(() => Effect.scoped(Effect.provide(text(Web.url(kind, site)), layer())))
        )
        assert.strictEqual(answer, "hello from /")
      }).pipe(Effect.provide(Web.layer))
  )

  it.live("fails with our error as its cause", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort()
      const { reason } = yield* Effect.flip(text(`http://good.service.example:${port}/`)) as Effect.Effect<
        HttpClientError.HttpClientError
      >
      assert.instanceOf(reason, HttpClientError.TransportError)
      // fetch has an error of its own between the two.
      const cause = reason.cause instanceof TypeError ? reason.cause.cause : reason.cause
      assert.instanceOf(cause, NodeError)
      assert.propertyVal(cause, "code", "ECONNREFUSED")
      assert.instanceOf((cause as NodeError).cause, ConnectError.ConnectError)
    }).pipe(Effect.provide(Layer.provide(layer(), Web.layer))))

  it.live("ends whatever is going on when its scope closes, and leaves nothing", () =>
    Web.leavesNothing(Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const endless = yield* Web.site("http", (_, response) => {
        response.write("and so on")
      })
      const running = yield* Effect.gen(function*() {
        const to = ({ port }: { readonly port: number }) =>
          Effect.forkDetach(Effect.exit(text(`http://good.service.example:${port}/`)), { startImmediately: true })
        const running = [yield* to(hole), yield* to(endless)]
        yield* Web.until(() => endless.sockets.size === 1)
        return running
      }).pipe(Effect.provide(layer()), Effect.scoped)
      const exits = yield* Effect.forEach(running, Fiber.join)
      assert.deepStrictEqual(exits.map(({ _tag }) => _tag), ["Failure", "Failure"])
    })).pipe(Effect.provide(Web.layer)))

  it.live("ends its race when the caller is interrupted", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const before = Resources.descriptors()
      const fiber = yield* Effect.forkChild(text(`http://good.service.example:${hole.port}/`), {
        startImmediately: true
      })
      yield* Web.until(() => Resources.descriptors() === before + 1)
      yield* Fiber.interrupt(fiber)
      yield* Web.until(() => Resources.descriptors() === before)
    }).pipe(Effect.provide(Layer.provide(layer({ attemptTimeout: "1 hour", timeout: "1 hour" }), Web.layer))))
})
