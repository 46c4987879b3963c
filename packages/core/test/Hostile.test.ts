import { assert, describe, it } from "@effect/vitest"
import { AddressPolicy, ConnectOptions, Dialer, HappyEyeballs, Race, Resolver, Target } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { connect, names } from "./simulate.ts"

const { HappyEyeballs: Service } = HappyEyeballs

const answering = (stream: (owner: Resolver.Query["name"]) => Stream.Stream<Resolver.Answer>) =>
  Layer.succeed(Resolver.Resolver, Resolver.Resolver.of({ resolve: ({ name }) => stream(name) }))

const answer = (owner: Resolver.Query["name"], ...addresses: ReadonlyArray<string>): Resolver.Answer => ({
  _tag: "Addresses",
  owner,
  type: "A",
  addresses: addresses.map(NetAddress.ipFromStringUnsafe),
  ttl: undefined,
  source: "network"
})

describe("a hostile answer", () => {
  it("of two hundred thousand addresses costs no more than its limit", () => {
    const many = Array.from({ length: 200_000 }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
    const { error, starts } = connect({
      world: { names: names(["A", 0, ...many], ["AAAA", 0]) },
      options: { maxCandidates: 2, timeout: "1 second" }
    })
    assert.deepStrictEqual([error?.reason._tag, Object.keys(starts).length], ["TimedOut", 2])
  })

  it("that never ends is heard no longer than 256 times", () => {
    let heard = 0
    const endless = answering((owner) =>
      Stream.map(Stream.forever(Stream.make(1)), () => {
        heard++
        return answer(owner, "0.0.0.0")
      })
    )
    const tag = VirtualTime.runUnsafe(
      Effect.flatMap(Service, ({ connect }) => Effect.scoped(Effect.flip(connect("dual.example:443")))).pipe(
        Effect.provide(Service.layer.pipe(Layer.provide(endless), Layer.provide(SimulatedNetwork.layer({}))))
      )
    ).reason._tag
    assert.strictEqual(tag, "NoAddresses")
    assert.isAtMost(heard, 257)
  })
})

describe("two racers in one program", () => {
  it("are two, though they are made by the same layer", () => {
    const resolving = (address: string) =>
      Service.layer.pipe(
        Layer.provide(answering((owner) => Stream.make(answer(owner, address)))),
        Layer.provide(SimulatedNetwork.layer({ network: { [address]: { outcome: "accept" } } }))
      )
    class Other extends Context.Service<Other, HappyEyeballs.HappyEyeballs["Service"]>()("test/Other") {}
    const other = Layer.effect(Other, Service).pipe(Layer.provide(resolving("192.0.2.2")))
    const winners = VirtualTime.runUnsafe(
      Effect.gen(function*() {
        const won = (service: HappyEyeballs.HappyEyeballs["Service"]) =>
          Effect.scoped(Effect.map(service.connect("dual.example:443"), ({ report }) => report.winner?.address))
        return [yield* won(yield* Service), yield* won(yield* Other)]
      }).pipe(Effect.provide(Layer.merge(resolving("192.0.2.1"), other)))
    )
    assert.deepStrictEqual(winners, ["192.0.2.1", "192.0.2.2"])
  })
})

describe("a permit", () => {
  it("is not kept by a connect that has nothing left to try", () => {
    const emptied = answering((owner) =>
      Stream.concat(
        Stream.make(answer(owner, "192.0.2.9")),
        Stream.concat(
          Stream.fromEffect(Effect.delay(Effect.succeed(answer(owner)), 50)),
          Stream.never
        )
      )
    )
    const atMs = VirtualTime.runUnsafe(
      Effect.gen(function*() {
        const { connect, connectWith } = yield* Service
        yield* Effect.forkChild(Effect.scoped(connectWith("192.0.2.7:1", () => Effect.sleep(100))), {
          startImmediately: true
        })
        yield* Effect.forkChild(Effect.exit(Effect.scoped(connect("dual.example:443", { resolutionDelay: 0 }))), {
          startImmediately: true
        })
        return (yield* Effect.scoped(connect("192.0.2.1:443"))).report.elapsedMs
      }).pipe(Effect.provide(
        Service.layerOptions({ maxOpenAttempts: 1 }).pipe(
          Layer.provide(emptied),
          Layer.provide(SimulatedNetwork.layer({ network: { "192.0.2.1": { outcome: "accept", afterMs: 5 } } }))
        )
      ))
    )
    assert.strictEqual(atMs, 105)
  })
})

describe("a policy", () => {
  const denies = (deny: ReadonlyArray<string>, address: string) =>
    Result.getOrThrow(AddressPolicy.make({ deny })).denies(
      NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe(address), 443)
    )

  it.each([
    ["64:ff9b::/96", "64:ff9b::808:808"],
    ["::/0", "::ffff:8.8.8.8"],
    ["::/0", "64:ff9b::808:808"],
    ["::ffff:10.0.0.0/104", "::ffff:10.0.0.1"]
  ])("that denies %s denies %s as it is written", (deny, address) => {
    assert.isString(denies([deny], address))
  })
})

describe("Race.staggered", () => {
  it("runs one attempt at a time where the limit is no number", () => {
    const raced = Race.staggered(["a"], (name) => Effect.succeed(name), { delay: 1, maxInFlight: NaN })
    assert.strictEqual(VirtualTime.runUnsafe(Effect.scoped(raced)), "a")
  })

  // A counter and not a time: without giving way the other fiber never runs.
  it.live("gives way to others while candidates without end fail at once, and can be interrupted", () =>
    Effect.gen(function*() {
      let failed = 0
      const endless = function*() {
        // An end for the case that it is not true: the test fails then, and does not hang.
        while (failed < 100_000) yield failed++
      }
      const racing = Race.staggered(endless(), () => Effect.fail("no"), { delay: 250 })
      const fiber = yield* Effect.forkChild(Effect.scoped(racing))
      while (failed < 10_000) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const atEnd = failed
      yield* Effect.yieldNow
      assert.strictEqual(failed, atEnd)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    }))

  it.live("gives way while a Pull without end gives what fails at once", () =>
    Effect.gen(function*() {
      let asked = 0
      const pull = Effect.suspend(() => asked < 100_000 ? Effect.succeed(asked++) : Effect.die("never gave way"))
      const racing = Race.staggered(pull, () => Effect.fail("no"), { delay: 250 })
      const fiber = yield* Effect.forkChild(Effect.scoped(racing))
      while (asked < 10_000) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    }))
})

describe("a target that is none", () => {
  const lookup: Target.Lookup = { serviceNames: () => undefined, scopeIds: () => new Map() }

  it.each([
    [{ host: "a.example", ports: 443 }],
    [{ addresses: "1.2.3.4", port: 80 }],
    [{ addresses: null, port: 80 }],
    [{ path: 5 }],
    [{ host: "a.example", port: { port: null } }],
    [{ host: Object.create(null), port: 80 }],
    [{ host: "a.example", port: { port: 443, tls: "yes" } }],
    [{ host: "a.example", port: { port: 443, tls: null } }],
    [[Object.create(null)]],
    ["http://a.example/"],
    [{ host: "a.example", ports: ["443", "443/tls"] }]
  ])("is refused, and printed, whatever its shape: %j", (input) => {
    const target = input as unknown as Target.TargetInput
    assert.isTrue(Result.isFailure(Target.fromInput(target, lookup)))
    assert.isString(Target.formatInput(target))
    const { error } = connect({ world: {}, target, options: {} satisfies ConnectOptions.ConnectOptions })
    assert.strictEqual(error?.reason._tag, "InvalidTarget")
  })
})

describe("a dial that refuses interruption", () => {
  const timedOut = (dial: Effect.Effect<string>) =>
    VirtualTime.runUnsafe(
      Effect.gen(function*() {
        const { connectWith } = yield* Service
        const closed: Array<string> = []
        const error = yield* Effect.flip(Effect.scoped(
          connectWith("192.0.2.1:1", () =>
            Effect.andThen(
              Effect.acquireRelease(Effect.void, () => Effect.sync(() => void closed.push("closed"))),
              dial
            ), { timeout: 100 })
        ))
        return { tag: error.reason._tag, atMs: yield* Clock.currentTimeMillis, closed }
      }).pipe(Effect.provide(Layer.provide(Service.layer, SimulatedNetwork.layer({}))))
    )

  it("is waited for at the end of the whole time, so that nothing is open when connect fails", () => {
    const refusing = Effect.uninterruptible(Effect.as(Effect.sleep(300), "late"))
    assert.deepStrictEqual(timedOut(refusing), { tag: "TimedOut", atMs: 300, closed: ["closed"] })
  })

  it("is the exception: any other ends with the time", () => {
    assert.deepStrictEqual(timedOut(Effect.never), { tag: "TimedOut", atMs: 100, closed: ["closed"] })
  })
})

describe("options that are none", () => {
  it.each([null, 5, "fast", { timeout: null }, { tls: "yes" }])(
    "are refused by every way they may come: %j",
    (given) => {
      const options = given as unknown as ConnectOptions.ConnectOptions
      const byCall = connect({ world: {}, target: "192.0.2.1:1", options }).error
      assert.strictEqual(byCall?.reason._tag, "InvalidOptions")
      const byReference = Effect.flatMap(
        Service,
        ({ connect }) => ConnectOptions.withOptions(Effect.scoped(Effect.flip(connect("192.0.2.1:1"))), options)
      )
      const byLayer = Effect.flip(
        Effect.scoped(Layer.build(Layer.provide(Service.layerOptions(options), SimulatedNetwork.layer({}))))
      )
      const layer = Layer.provide(Service.layer, SimulatedNetwork.layer({}))
      assert.strictEqual(VirtualTime.runUnsafe(Effect.provide(byReference, layer)).reason._tag, "InvalidOptions")
      assert.strictEqual(VirtualTime.runUnsafe(byLayer)._tag, "InvalidOptions")
    }
  )
})

describe("an error", () => {
  it("says once what was wrong with TLS", () => {
    const endpoint = { address: NetAddress.unixPathAddress("/x"), tls: {}, host: undefined, payload: undefined }
    const failure = new Dialer.DialFailed({ endpoint, kind: "Tls", code: "ERR_X", cause: new Error("wrong version") })
    const error = VirtualTime.runUnsafe(
      Effect.flatMap(
        Service,
        ({ connectWith }) => Effect.scoped(Effect.flip(connectWith("192.0.2.1:1", () => Effect.fail(failure))))
      ).pipe(
        Effect.provide(Service.layer.pipe(Layer.provide(SimulatedNetwork.layer({}))))
      )
    )
    assert.strictEqual(
      error.message,
      "could not connect to 192.0.2.1:1: 192.0.2.1:1 failed the TLS handshake (wrong version, ERR_X) after 0 ms"
    )
  })
})
