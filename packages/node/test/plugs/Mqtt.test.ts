import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type IClientOptions, MqttClient } from "mqtt"
import * as NodeLazySocket from "../../src/NodeLazySocket.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Certificates from "../fixtures/Certificates.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Servers from "../fixtures/Servers.ts"
import { heard, layerNames, leavesNothing, settled, until } from "./support/socket.ts"
import * as Mqtt from "./support/socketMqtt.ts"

const host = "dual.example"

/** A client whose every connection is a race, ended with the scope. */
const clientOf = (port: number, connecting: NodeLazySocket.Options = {}, options: IClientOptions = {}) =>
  Effect.gen(function*() {
    const open = yield* NodeLazySocket.factory
    return yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = new MqttClient(() => open({ host, port }, connecting), { reconnectPeriod: 20, ...options })
        return client.on("error", () => {})
      }),
      (client) => Effect.promise(() => client.endAsync(true))
    )
  })

/** Publishes a text and waits until the broker has sent it back. */
const echoed = (client: MqttClient, text: string): Effect.Effect<string, Error> =>
  settled(async () => {
    const back = new Promise<string>((resolve) => client.once("message", (_, message) => resolve(String(message))))
    await client.publishAsync("topic", text)
    return back
  })

describe("mqtt over NodeLazySocket", () => {
  it.live("talks to a broker whose first address does not answer, with TLS in the race and without", () =>
    Effect.gen(function*() {
      for (const [make, tls] of [[Mqtt.make, false], [Mqtt.makeTls, { ca: Certificates.ca }]] as const) {
        const { port } = yield* make({ host: "127.0.0.2" })
        const hole = yield* BlackHole.make("127.0.0.3", port)
        yield* Effect.gen(function*() {
          const started = performance.now()
          const client = yield* clientOf(port, { connectionAttemptDelay: 100, tls })
          yield* heard(client, "connect")
          const elapsed = performance.now() - started
          assert.isTrue(elapsed >= 100 && elapsed < 1000, `${elapsed} ms`)
          yield* settled(() => client.subscribeAsync("topic"))
          assert.strictEqual(yield* echoed(client, "hello"), "hello")
          const large = "x".repeat(4 << 20)
          assert.strictEqual(yield* echoed(client, large), large)
        }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))))
      }
    }).pipe(Effect.scoped))

  it.live("finds its broker again after it moved to another address, and loses nothing that waits", () =>
    Effect.gen(function*() {
      let address = "127.0.0.2"
      yield* Effect.gen(function*() {
        const first = yield* Effect.flatMap(Effect.scope, Scope.fork)
        const { port } = yield* Scope.provide(Mqtt.make({ host: address }), first)
        const client = yield* clientOf(port)
        yield* heard(client, "connect")
        const closed = heard(client, "close")
        yield* Scope.close(first, Exit.void)
        yield* closed
        address = "127.0.0.3"
        yield* Mqtt.make({ host: address, port })
        assert.strictEqual(
          yield* echoed(client, "written while there is no broker"),
          "written while there is no broker"
        )
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: [address] }))))
    }).pipe(Effect.scoped))

  it.live("tells its client why it could not connect, and ends a race that takes longer than it waits", () =>
    Effect.gen(function*() {
      const port = yield* Servers.refusedPort("127.0.0.2")
      const hole = yield* BlackHole.make("127.0.0.3", port)
      let addresses = ["127.0.0.2"]
      yield* Effect.gen(function*() {
        const client = yield* clientOf(port, {}, { reconnectPeriod: 0 })
        const error = yield* Effect.callback<Error>((resume) => {
          client.once("error", (error) => resume(Effect.succeed(error)))
        })
        assert.propertyVal(error, "code", "ECONNREFUSED")
        assert.match(error.message, new RegExp(`could not connect to ${host}:${port}: 127\\.0\\.0\\.2:${port} refused`))
        addresses = [hole.host]
        const impatient = yield* clientOf(port, {}, { reconnectPeriod: 0, connectTimeout: 50 })
        yield* heard(impatient, "close")
        yield* until(() => Resources.connectingTo(port) === 0)
      }).pipe(leavesNothing, Effect.provide(layerNames(() => ({ [host]: addresses }))))
    }).pipe(Effect.scoped))

  it.live("leaves nothing open when its scope closes in the middle of everything", () =>
    Effect.gen(function*() {
      const { port } = yield* Mqtt.make({ host: "127.0.0.2" })
      const hole = yield* BlackHole.make("127.0.0.3", port)
      const names = layerNames(() => ({ [host]: [hole.host, "127.0.0.2"] }))
      for (const wait of [0, 10, 30, 60]) {
        const before = Resources.descriptors()
        const scope = yield* Scope.make()
        const racer = yield* Layer.buildWithScope(names, scope)
        const client = yield* clientOf(port, { connectionAttemptDelay: 20 }, { reconnectPeriod: 0 }).pipe(
          Effect.provide(racer),
          Scope.provide(scope)
        )
        client.publish("topic", "x".repeat(8 << 20))
        yield* Effect.sleep(wait)
        yield* Scope.close(scope, Exit.void)
        yield* until(() => Resources.descriptors() === before, `after ${wait} ms`)
      }
    }).pipe(Effect.scoped))
})
