import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Undici from "undici"
import * as NodeUndici from "../../src/NodeUndici.ts"
import * as BlackHole from "../fixtures/BlackHole.ts"
import * as Resources from "../fixtures/Resources.ts"
import * as Nodes from "./support/http-nodes.ts"
import * as Web from "./support/http.ts"

const race = { attemptTimeout: "1 hour", timeout: "1 hour" } as const

/** A request underway, its end, and what aborts it. */
const requested = (url: string, dispatcher: Undici.Dispatcher) =>
  Effect.gen(function*() {
    const controller = new AbortController()
    const request = Web.tried(async () => {
      const { body } = await Undici.request(url, { dispatcher, signal: controller.signal })
      return body.text()
    })
    const fiber = yield* Effect.forkChild(Effect.exit(request), { startImmediately: true })
    return { ended: Fiber.join(fiber), abort: () => controller.abort() }
  })

const at = (port: number) => `http://good.service.example:${port}/`

const until = (port: number, races: number) =>
  Web.until(() => Resources.connectingTo(port) === races, () => `${Resources.connectingTo(port)} races are left`)

const nameOf = (exit: Exit.Exit<unknown, Error>): string =>
  Exit.isFailure(exit)
    ? exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error.name : "").join()
    : "ok"

describe("a request of undici that is aborted while it waits for a connection", () => {
  it.live("fails at once and ends its race, and the next one races anew", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const agent = yield* NodeUndici.makeAgent({ connect: { race } })
      for (let time = 0; time < 2; time++) {
        const { abort, ended } = yield* requested(at(hole.port), agent)
        yield* until(hole.port, 1)
        abort()
        assert.strictEqual(nameOf(yield* ended), "AbortError")
        yield* until(hole.port, 0)
      }
      const next = yield* requested(at(hole.port), agent)
      yield* until(hole.port, 1)
      hole.release()
      next.abort()
      yield* next.ended
    }).pipe(Effect.provide(Web.layer)))

  it.live("begins nothing where it was aborted before", () =>
    Effect.gen(function*() {
      const heard = yield* Web.reports
      const agent = yield* NodeUndici.makeAgent()
      const signal = AbortSignal.abort()
      const error = yield* Effect.flip(Web.tried(() => Undici.request(at(1), { dispatcher: agent, signal })))
      assert.strictEqual(error.name, "AbortError")
      assert.deepStrictEqual(heard, [])
    }).pipe(Effect.provide(Web.layer)))

  it.live("leaves its race to those who wait for the same connection", () =>
    Effect.gen(function*() {
      const site = yield* Web.dual()
      const heard = yield* Web.reports
      const agent = yield* NodeUndici.makeAgent({ connections: 1 })
      const url = Web.url("http", site)
      const first = yield* requested(url, agent)
      const second = yield* requested(url, agent)
      first.abort()
      assert.strictEqual(nameOf(yield* first.ended), "AbortError")
      assert.deepStrictEqual(yield* second.ended, Exit.succeed("hello from /"))
      assert.strictEqual(site.accepted(), 1)
      assert.strictEqual(heard.length, 1)
    }).pipe(Effect.provide(Web.layer)))

  it.live("ends a race that it left to others when the last of them is aborted", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const agent = yield* NodeUndici.makeAgent({ connections: 1, connect: { race } })
      const [first, second] = [yield* requested(at(hole.port), agent), yield* requested(at(hole.port), agent)]
      yield* until(hole.port, 1)
      first.abort()
      yield* first.ended
      assert.strictEqual(Resources.connectingTo(hole.port), 1)
      second.abort()
      yield* until(hole.port, 0)
      assert.strictEqual(nameOf(yield* second.ended), "AbortError")
    }).pipe(Effect.provide(Web.layer)))

  it.live("ends no race of another's", () =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const agent = yield* NodeUndici.makeAgent({ connect: { race } })
      const requests = yield* Effect.forEach([1, 2, 3, 4], () => requested(at(hole.port), agent))
      yield* until(hole.port, 4)
      for (const [index, { abort, ended }] of requests.entries()) {
        abort()
        assert.strictEqual(nameOf(yield* ended), "AbortError")
        yield* until(hole.port, 3 - index)
      }
    }).pipe(Effect.provide(Web.layer)))

  it.live("leaves nothing, and hurts no other request, whenever it is aborted", () =>
    Effect.gen(function*() {
      const site = yield* Web.site()
      for (const options of [{}, { connections: 1 }, { connections: 2, pipelining: 3 }]) {
        yield* Web.leavesNothing(Effect.gen(function*() {
          const agent = yield* NodeUndici.makeAgent(options)
          const run = Effect.gen(function*() {
            const patient = yield* Random.nextBoolean
            const turns = yield* Random.nextIntBetween(0, 6)
            const { abort, ended } = yield* requested(at(site.port), agent)
            for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
            if (!patient) abort()
            const name = nameOf(yield* ended)
            assert.isTrue(name === "ok" || (!patient && name === "AbortError"), name)
          })
          yield* Effect.all(Array.from({ length: 200 }, () => run), { concurrency: 20 })
          assert.deepStrictEqual(nameOf(yield* (yield* requested(at(site.port), agent)).ended), "ok")
        }))
      }
    }).pipe(Effect.provide(Web.layer)))

  it.live.each(Nodes.all)("is one of fetch in Node $major, too", ({ path }) =>
    Effect.gen(function*() {
      const hole = yield* BlackHole.make("127.0.0.1")
      const { err, out } = yield* Effect.promise(() => Nodes.run(path, "http-abort-program.ts", [String(hole.port)]))
      assert.strictEqual(out, "AbortError\n", err)
    }))
})
