import { assert, describe, it } from "@effect/vitest"
import { Endpoint, HappyEyeballs, Resolver } from "@happy-eyeballs/core"
import type { World } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { resolverOf, withService } from "./services.ts"
import { connect } from "./simulate.ts"

const accept = (afterMs: number) => ({ outcome: "accept", afterMs } as const)
const refuse = (afterMs: number) => ({ outcome: "refuse", afterMs } as const)
const drop = { outcome: "drop" } as const

const { HappyEyeballs: Service } = HappyEyeballs

describe("HappyEyeballs and its limits", () => {
  it("holds a permit for each attempt of one connect", () => {
    const { starts } = connect({
      world: { network: { "192.0.2.1": refuse(700), "192.0.2.2": accept(1) } },
      target: { addresses: ["192.0.2.1", "192.0.2.2"], port: 1 },
      layerOptions: { maxOpenAttempts: 1 }
    })
    assert.deepStrictEqual(starts, { "192.0.2.1": 0, "192.0.2.2": 700 })
  })

  it("tries what is best when the permit comes, not what was best when it was asked for", () => {
    const { resolver } = resolverOf(() =>
      Stream.concat(
        Stream.make(["network", "192.0.2.1"] as const),
        Stream.fromEffect(Effect.delay(Effect.succeed(["network", "2001:db8::1"] as const), 50))
      )
    )
    const report = withService(
      Effect.gen(function*() {
        const { connect, connectWith } = yield* Service
        yield* Effect.forkChild(Effect.scoped(connectWith("192.0.2.9:1", () => Effect.sleep(100))), {
          startImmediately: true
        })
        return (yield* connect("dual.example:443", { resolutionDelay: 0 })).report
      }),
      {
        resolver,
        network: { "192.0.2.1": accept(1), "2001:db8::1": accept(1) },
        layer: { maxOpenAttempts: 1 }
      }
    )
    assert.deepStrictEqual(report.attempts.map(({ address, startedAtMs }) => [address, startedAtMs]), [
      ["2001:db8::1", 100]
    ])
  })

  it("gives back a permit that it took and had no use for", () => {
    const { resolver } = resolverOf(() => Stream.make(["network", "192.0.2.1"] as const))
    // The only address goes away while the permit is waited for.
    const vanishing = Resolver.Resolver.of({
      resolve: (query) =>
        Stream.concat(
          resolver.resolve(query),
          Stream.fromEffect(Effect.delay(
            Effect.succeed(
              {
                _tag: "Addresses",
                owner: query.name,
                type: "A",
                addresses: [],
                ttl: undefined,
                source: "network"
              } as const
            ),
            50
          ))
        ).pipe(Stream.concat(Stream.never))
    })
    const elapsed = withService(
      Effect.gen(function*() {
        const { connect, connectWith } = yield* Service
        yield* Effect.forkChild(Effect.scoped(connectWith("192.0.2.9:1", () => Effect.sleep(100))), {
          startImmediately: true
        })
        yield* Effect.exit(connect("dual.example:443", { resolutionDelay: 0, timeout: 200 }))
        return (yield* connect("192.0.2.2:1")).report.elapsedMs
      }),
      { resolver: vanishing, network: { "192.0.2.2": accept(1) }, layer: { maxOpenAttempts: 1 } }
    )
    assert.strictEqual(elapsed, 1)
  })

  it("queues again for an address that comes after the one it queued for has gone", () => {
    const resolver = Resolver.Resolver.of({
      resolve: ({ name }) => {
        const answer = (afterMs: number, ...addresses: ReadonlyArray<string>) =>
          Stream.fromEffect(Effect.delay(
            Effect.succeed(
              {
                _tag: "Addresses",
                owner: name,
                type: "A",
                addresses: addresses.map(NetAddress.ipFromStringUnsafe),
                ttl: undefined,
                source: "network"
              } as const
            ),
            afterMs
          ))
        return Stream.concat(Stream.concat(answer(0, "192.0.2.1"), answer(50)), answer(100, "192.0.2.2"))
      }
    })
    const report = withService(
      Effect.gen(function*() {
        const { connect, connectWith } = yield* Service
        yield* Effect.forkChild(Effect.scoped(connectWith("192.0.2.9:1", () => Effect.sleep(100))), {
          startImmediately: true
        })
        return (yield* connect("dual.example:443", { resolutionDelay: 0 })).report
      }),
      { resolver, network: { "192.0.2.2": accept(1) }, layer: { maxOpenAttempts: 1 } }
    )
    assert.deepStrictEqual(report.attempts.map(({ address, startedAtMs }) => [address, startedAtMs]), [
      ["192.0.2.2", 150]
    ])
  })

  it("starts nothing at the end of the whole, and ends as a whole where an attempt's time ends as well", () => {
    const target = { addresses: ["192.0.2.1", "192.0.2.2"], port: 1 }
    const refused = connect({
      world: { network: { "192.0.2.1": refuse(600) } },
      target,
      options: { timeout: 600, connectionAttemptDelay: "1 minute" }
    })
    assert.deepStrictEqual([refused.error?.reason._tag, refused.starts], ["TimedOut", { "192.0.2.1": 0 }])
    const silent = connect({
      world: { network: {} },
      target,
      options: { timeout: 600, attemptTimeout: 600, connectionAttemptDelay: "1 minute" }
    })
    assert.deepStrictEqual(
      [silent.error?.reason._tag, silent.error?.report.attempts.map(({ outcome }) => outcome)],
      ["TimedOut", ["interrupted"]]
    )
  })

  it("waits out a shortage for longer each time, up to half a second", () => {
    const { events } = connect({
      world: { network: { "192.0.2.1": { outcome: "congested" } } },
      target: "192.0.2.1:1",
      options: { timeout: 2200 }
    })
    assert.deepStrictEqual(
      events.flatMap((event) => event._tag === "Congested" ? [event.atMs] : []),
      [0, 10, 30, 70, 150, 310, 630, 1130, 1630, 2130]
    )
  })

  it("keeps the layer's options beside those of a call", () => {
    const { starts } = connect({
      world: { network: { "192.0.2.1": drop, "192.0.2.2": accept(1) } },
      target: { addresses: ["192.0.2.1", "192.0.2.2"], port: 1 },
      layerOptions: { connectionAttemptDelay: 100 },
      options: { timeout: "1 second" }
    })
    assert.deepStrictEqual(starts, { "192.0.2.1": 0, "192.0.2.2": 100 })
  })

  it("serves thousands who wait for one permit, though each attempt ends at once", () => {
    const tags = withService(
      Effect.gen(function*() {
        const { connectWith } = yield* Service
        yield* Effect.forkChild(Effect.scoped(connectWith("192.0.2.9:1", () => Effect.sleep(100))), {
          startImmediately: true
        })
        const refused = Effect.scoped(Effect.flip(connectWith("192.0.2.1:1", () => Effect.fail("refused"))))
        const errors = yield* Effect.all(Array.from({ length: 2000 }, () => refused), { concurrency: "unbounded" })
        return new Set(errors.map(({ reason }) => reason._tag))
      }),
      { layer: { maxOpenAttempts: 1 } }
    )
    assert.deepStrictEqual([...tags], ["AllAttemptsFailed"])
  })

  it("leaves the queue of those who wait when it is interrupted", () => {
    const startedAt = withService(
      Effect.gen(function*() {
        const { connectWith } = yield* Service
        const dial = Effect.andThen(Clock.currentTimeMillis, (now) => Effect.as(Effect.sleep(100), now))
        const connect = Effect.scoped(connectWith("192.0.2.1:1", () => dial))
        const open = yield* Effect.forkChild(connect, { startImmediately: true })
        const waiting = yield* Effect.forkChild(connect, { startImmediately: true })
        const gone = yield* Effect.forkChild(connect, { startImmediately: true })
        yield* Effect.sleep(20)
        yield* Fiber.interrupt(gone)
        const last = yield* connect
        return [yield* Fiber.join(open), yield* Fiber.join(waiting), last]
      }),
      { layer: { maxOpenAttempts: 1 } }
    )
    assert.deepStrictEqual(startedAt, [0, 100, 200])
  })

  it("lets a connect that has had its turn wait behind the others", () => {
    const dialled: Array<string> = []
    withService(
      Effect.gen(function*() {
        const { connectWith } = yield* Service
        yield* Effect.forkChild(Effect.scoped(connectWith("192.0.2.9:1", () => Effect.sleep(100))), {
          startImmediately: true
        })
        const refused = (...addresses: ReadonlyArray<string>) =>
          Effect.scoped(Effect.exit(connectWith({ addresses, port: 1 }, (endpoint) =>
            Effect.suspend(() => {
              dialled.push(Endpoint.formatAddress(endpoint))
              return Effect.fail("refused")
            }))))
        yield* Effect.all([refused("192.0.2.1", "192.0.2.2"), refused("192.0.2.3")], { concurrency: "unbounded" })
      }),
      { layer: { maxOpenAttempts: 1 } }
    )
    assert.deepStrictEqual(dialled, ["192.0.2.1", "192.0.2.3", "192.0.2.2"])
  })

  it("gives a permit back when the dial throws", () => {
    const exits = withService(
      Effect.gen(function*() {
        const { connectWith } = yield* Service
        const throwing = Effect.scoped(connectWith("192.0.2.1:1", (): Effect.Effect<string> => {
          throw new Error("thrown")
        }))
        const first = yield* Effect.exit(throwing)
        return [first, yield* Effect.exit(connectWith("192.0.2.1:1", () => Effect.succeed("won")))]
      }),
      { layer: { maxOpenAttempts: 1 } }
    )
    assert.isTrue(Exit.hasDies(exits[0]!))
    assert.deepStrictEqual(exits[1], Exit.succeed("won"))
  })

  it("takes a shortage for none of an attempt's time, and gives it all of that afterwards", () => {
    const world = { network: { "192.0.2.1": { outcome: "congested" } } } as const
    const until = (change: World.World["network"]) =>
      connect({
        world,
        target: "192.0.2.1:1",
        options: { attemptTimeout: 50 },
        changes: [[100, { network: change }]]
      })
    // Tried again at 10, 30, 70 and 150 ms.
    const answered = until({ "192.0.2.1": accept(49) })
    assert.deepStrictEqual([answered.won, answered.atMs], ["192.0.2.1", 199])
    const silent = until({ "192.0.2.1": drop })
    assert.deepStrictEqual([silent.error?.report.attempts[0]?.kind, silent.atMs], ["Timeout", 200])
  })

  it("waits until an attempt has closed whose time is over", () => {
    const log: Array<string> = []
    const error = withService(
      Effect.flatMap(
        Service,
        ({ connectWith }) =>
          Effect.flip(connectWith("192.0.2.1:1", () =>
            Effect.onInterrupt(Effect.never, () =>
              Effect.andThen(
                Effect.sleep(1000),
                Effect.sync(() => void log.push("closed"))
              )), { attemptTimeout: 100 }))
      ),
      {}
    )
    assert.deepStrictEqual(log, ["closed"])
    assert.deepStrictEqual(error.report.attempts.map(({ endedAtMs, kind }) => [endedAtMs, kind]), [[1100, "Timeout"]])
  })

  it("passes on a bug of an attempt whose time is over", () => {
    const exit = withService(
      Effect.flatMap(
        Service,
        ({ connectWith }) =>
          Effect.exit(connectWith("192.0.2.1:1", () =>
            Effect.andThen(
              Effect.addFinalizer(() => Effect.die("broken close")),
              Effect.never
            ), { attemptTimeout: 100 }))
      ),
      {}
    )
    assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
  })
})
