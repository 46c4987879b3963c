import { assert, describe, it } from "@effect/vitest"
import { AddressPolicy, type ConnectOptions, Dialer, HappyEyeballs, Race, Resolver, Target } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime } from "@happy-eyeballs/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
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
})

describe("a target that is none", () => {
  const lookup: Target.Lookup = { serviceNames: () => undefined, scopeIds: () => new Map() }

  it.each([
    [{ host: "a.example", ports: 443 }],
    [{ addresses: "1.2.3.4", port: 80 }],
    [{ addresses: null, port: 80 }],
    [{ path: 5 }],
    [{ host: "a.example", port: { port: null } }],
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
