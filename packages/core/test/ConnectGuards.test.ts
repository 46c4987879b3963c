import { assert, describe, it } from "@effect/vitest"
import {
  type ConnectEvent,
  type ConnectOptions,
  Dialer,
  Endpoint,
  HappyEyeballs,
  Resolver,
  SourceAddress,
  type Target
} from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { resolverOf, withService } from "./services.ts"
import { connect, names } from "./simulate.ts"

const accept = (afterMs: number) => ({ outcome: "accept", afterMs } as const)
const refuse = (afterMs: number) => ({ outcome: "refuse", afterMs } as const)

const { HappyEyeballs: Service } = HappyEyeballs

const dualName = Host.domainNameFromStringUnsafe("dual.example")

/** Gives each of its elements after so many milliseconds. */
const later = <A>(...elements: ReadonlyArray<readonly [afterMs: number, element: A]>): Stream.Stream<A> =>
  Stream.mapEffect(
    Stream.fromIterable(elements),
    ([afterMs, element]) => Effect.delay(Effect.succeed(element), afterMs)
  )

/** The endpoints that a connect dials, in order; each dial fails. */
const dialled = (target: Target.TargetInput, options?: ConnectOptions.ConnectOptions) => {
  const endpoints: Array<Endpoint.Endpoint> = []
  const { resolver } = resolverOf(() => Stream.make(["network", "192.0.2.1"] as const))
  withService(
    Effect.flatMap(Service, ({ connectWith }) =>
      Effect.exit(connectWith(target, (endpoint) => {
        endpoints.push(endpoint)
        return Effect.fail("refused")
      }, options))),
    { resolver }
  )
  return endpoints
}

describe("HappyEyeballs.connect and what is answered", () => {
  it("counts the resolution delay from the first address that can be connected to", () => {
    const unusable = connect({
      world: {
        names: {
          "dual.example": [
            { type: "A", afterMs: 10, addresses: ["0.0.0.0"] },
            { type: "A", afterMs: 100, addresses: ["192.0.2.1"] }
          ]
        },
        network: { "192.0.2.1": accept(1) }
      }
    })
    const twice = connect({
      world: {
        names: {
          "dual.example": [
            { type: "A", afterMs: 10, addresses: ["192.0.2.1"] },
            { type: "A", afterMs: 40, addresses: ["192.0.2.1", "192.0.2.2"] }
          ]
        },
        network: { "192.0.2.1": accept(1) }
      }
    })
    assert.deepStrictEqual([unusable.starts, twice.starts], [{ "192.0.2.1": 150 }, { "192.0.2.1": 60 }])
  })

  it("asks for the name with the first port, and for one family where only one is wanted", () => {
    const { asked, resolver } = resolverOf(() => Stream.empty)
    withService(
      Effect.flatMap(Service, ({ connect }) =>
        Effect.all([
          Effect.exit(connect({ host: "dual.example", ports: [8443, 80] })),
          Effect.exit(connect("dual.example:1", { family: "IPv6" })),
          Effect.exit(connect("dual.example:1", { family: "IPv4" }))
        ])),
      { resolver }
    )
    assert.deepStrictEqual(asked, [
      { name: dualName, types: ["AAAA", "A"], port: 8443 },
      { name: dualName, types: ["AAAA"], port: 1 },
      { name: dualName, types: ["A"], port: 1 }
    ])
  })

  it("asks once more at most, and says that it does", () => {
    const { asked, resolver } = resolverOf((_, times) =>
      // Asked too often, it does not answer: a loop would never end.
      times > 2 ? Stream.never : Stream.make(["cache", "192.0.2.1"] as const)
    )
    const tags = withService(
      Effect.flatMap(Service, ({ connect }) => Effect.flip(connect("dual.example:443"))),
      { resolver, network: { "192.0.2.1": refuse(1) } }
    )
    assert.strictEqual(tags.reason._tag, "AllAttemptsFailed")
    assert.deepStrictEqual(asked.map(({ refresh }) => refresh === true), [false, true])
  })

  it("tries what is new in a refresh, though its first answer is not", () => {
    const { resolver } = resolverOf(({ refresh }) =>
      refresh === true
        ? later([10, ["network", "192.0.2.1"]], [10, ["network", "2001:db8::9"]])
        : Stream.make(["cache", "192.0.2.1"])
    )
    const report = withService(
      Effect.flatMap(Service, ({ connect }) => Effect.map(connect("dual.example:443"), ({ report }) => report)),
      { resolver, network: { "192.0.2.1": refuse(5), "2001:db8::9": accept(1) } }
    )
    assert.deepStrictEqual(report.attempts.map(({ address, startedAtMs }) => [address, startedAtMs]), [
      ["192.0.2.1", 0],
      ["2001:db8::9", 25]
    ])
  })

  it("tries at once what a refresh answers at once", () => {
    const { resolver } = resolverOf(({ refresh }) =>
      refresh === true ? Stream.make(["network", "2001:db8::9"]) : Stream.make(["cache", "192.0.2.1"])
    )
    const report = withService(
      Effect.flatMap(Service, ({ connect }) => Effect.map(connect("dual.example:443"), ({ report }) => report)),
      { resolver, network: { "192.0.2.1": refuse(5), "2001:db8::9": accept(1) } }
    )
    assert.deepStrictEqual(report.attempts.map(({ startedAtMs }) => startedAtMs), [0, 5])
  })

  it("neither asks again nor waits for answers once it may try no more", () => {
    const { asked, resolver } = resolverOf(() => Stream.make(["cache", "192.0.2.1"] as const))
    const options = { resolver, network: { "192.0.2.1": refuse(1) }, layer: { maxCandidates: 1 } }
    const program = Effect.flatMap(Service, ({ connect }) => Effect.flip(connect("dual.example:443")))
    assert.strictEqual(withService(program, options).reason._tag, "AllAttemptsFailed")
    assert.strictEqual(asked.length, 1)
    const { atMs, error } = connect({
      world: { names: names(["AAAA", 0, "2001:db8::1"]), network: { "2001:db8::1": refuse(20) } },
      options: { maxCandidates: 1 }
    })
    assert.deepStrictEqual([atMs, error?.reason._tag], [20, "AllAttemptsFailed"])
  })

  it("hears no more than 256 answers to one query", () => {
    const heard: Array<ConnectEvent.ConnectEvent> = []
    const { resolver } = resolverOf(() => Stream.repeat(Stream.make(["network", "192.0.2.1"]), Schedule.recurs(299)))
    withService(
      Effect.gen(function*() {
        const { connect, events } = yield* Service
        yield* Effect.forkScoped(
          Stream.runForEach(events, (event) => Effect.sync(() => void heard.push(event))),
          { startImmediately: true }
        )
        yield* Effect.exit(connect("dual.example:443"))
        yield* Effect.sleep(1)
      }),
      { resolver, network: { "192.0.2.1": refuse(1) } }
    )
    assert.strictEqual(heard.filter(({ _tag }) => _tag === "Answered").length, 256)
  })

  it("learns how the host would reach an address before it decides on the order", () => {
    const known = new Set<string>()
    const sources: SourceAddress.SourceAddresses = {
      peek: (address) =>
        known.has(NetAddress.formatIp(address)) && NetAddress.isIpv6Address(address)
          ? SourceAddress.noRoute
          : SourceAddress.unknown,
      fill: (addresses) =>
        Effect.sync(() => {
          for (const address of addresses) known.add(NetAddress.formatIp(address))
        }),
      route: () => SourceAddress.unknown,
      network: () => ""
    }
    const { resolver } = resolverOf(() => Stream.make(["network", "192.0.2.1"], ["network", "2001:db8::1"]))
    const report = withService(
      Effect.flatMap(Service, ({ connect }) => Effect.map(connect("dual.example:443"), ({ report }) => report)),
      { resolver, sources, network: { "192.0.2.1": accept(1), "2001:db8::1": accept(1) } }
    )
    assert.strictEqual(report.winner?.address, "192.0.2.1")
  })

  it("fails as without an answer when the service ends while a name is asked for", () => {
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        Service.layer.pipe(Layer.provide(SimulatedNetwork.layer({ names: {} }))),
        scope
      )
      const { connect } = Context.get(context, Service)
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.flip(connect("dual.example:443"))))
      yield* Effect.sleep(20)
      yield* Scope.close(scope, Exit.void)
      return yield* Fiber.join(fiber)
    })
    const error = VirtualTime.runUnsafe(program)
    assert.deepStrictEqual([error.reason._tag, error.report.elapsedMs], ["NoAddresses", 20])
  })

  it("ends a lookup within a second whose query interrupts the caller", () => {
    const ended: Array<number> = []
    const program = Effect.gen(function*() {
      const { connect } = yield* Service
      const fiber = yield* Effect.forkChild(
        Effect.withFiber<unknown, unknown, Scope.Scope>((fiber) => {
          caller = fiber
          return connect("dual.example:443")
        })
      )
      yield* Fiber.await(fiber)
      yield* Effect.sleep("5 seconds")
    })
    let caller: Fiber.Fiber<unknown, unknown> | undefined
    const { resolver } = resolverOf(({ refresh }) =>
      refresh !== true ? Stream.make(["cache", "192.0.2.1"]) : Stream.unwrap(Effect.sync(() => {
        caller?.interruptUnsafe()
        return Stream.ensuring(Stream.never, Effect.map(Clock.currentTimeMillis, (now) => void ended.push(now)))
      }))
    )
    withService(program, { resolver, network: { "192.0.2.1": refuse(5) } })
    assert.deepStrictEqual(ended, [1005])
  })

  it("can be interrupted at each step of its start", () => {
    for (let steps = 3; steps <= 16; steps++) {
      for (let turns = 0; turns <= 16; turns++) {
        const { resolver } = resolverOf(() => Stream.make(["network", "192.0.2.1"]))
        const exit = withService(
          Effect.gen(function*() {
            const { connect } = yield* Service
            const fiber = yield* Effect.forkChild(
              Effect.provideService(Effect.scoped(connect("dual.example:443")), Scheduler.MaxOpsBeforeYield, steps),
              { startImmediately: true }
            )
            for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
            yield* Fiber.interrupt(fiber)
            return yield* Fiber.await(fiber)
          }),
          { resolver }
        )
        assert.isTrue(Exit.isFailure(exit) && Exit.hasInterrupts(exit) && !Exit.hasDies(exit))
      }
    }
  })

  it("lets lookups that outlive a connect wait on the background clock", () => {
    let slept = 0
    const background = (clock: Clock.Clock): Clock.Clock => ({
      ...clock,
      sleep: (duration) => Effect.suspend(() => (slept++, clock.sleep(duration)))
    })
    const { resolver } = resolverOf(() => Stream.concat(Stream.make(["network", "2001:db8::1"] as const), Stream.never))
    VirtualTime.runUnsafe(Effect.scoped(Effect.clockWith((clock) =>
      Effect.gen(function*() {
        yield* (yield* Service).connect("dual.example:443")
        yield* Effect.sleep("2 seconds")
      }).pipe(
        Effect.provide(Service.layer.pipe(
          Layer.provide(Layer.succeed(HappyEyeballs.BackgroundClock, background(clock))),
          Layer.provide(Layer.succeed(Resolver.Resolver, resolver)),
          Layer.provide(SimulatedNetwork.layer({ network: { "2001:db8::1": accept(1) } }))
        ))
      )
    )))
    assert.strictEqual(slept, 1)
  })
})

describe("HappyEyeballs.connect and its candidates", () => {
  it("holds a port back for the start of the port before it, not of the first", () => {
    const { starts } = connect({
      world: { network: { "192.0.2.1:3": accept(1) } },
      target: { host: "192.0.2.1", ports: [1, 2, 3] },
      options: { portOrder: "preferFirst", headStart: 400 }
    })
    assert.deepStrictEqual(starts, { "192.0.2.1 1": 0, "192.0.2.1 2": 400, "192.0.2.1 3": 800 })
  })

  it("holds no port back in another port order, whatever the head start", () => {
    const { starts } = connect({
      world: { network: { "192.0.2.1:2": accept(1) } },
      target: { host: "192.0.2.1", ports: [1, 2] },
      options: { headStart: "5 seconds" }
    })
    assert.deepStrictEqual(starts, { "192.0.2.1 1": 0, "192.0.2.1 2": 250 })
  })

  it("waits for what runs when a port that was held back is no longer answered", () => {
    const { atMs, starts } = connect({
      world: {
        names: {
          "dual.example": [
            { type: "AAAA" },
            { type: "A", addresses: ["192.0.2.1"] },
            { type: "A", afterMs: 300, addresses: [] }
          ]
        },
        network: { "192.0.2.1:1": accept(2000) }
      },
      target: { host: "dual.example", ports: [1, 2] },
      options: { portOrder: "preferFirst", headStart: "1 second" }
    })
    assert.deepStrictEqual([atMs, starts], [2000, { "192.0.2.1": 0 }])
  })

  it("counts each candidate once among those that it leaves out, and says nothing where there are none", () => {
    const left = (maxCandidates: number) =>
      connect({
        world: { network: { "192.0.2.1": refuse(1), "192.0.2.2": refuse(1), "192.0.2.3": refuse(1) } },
        target: { addresses: ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3", "192.0.2.1"], port: 1 },
        options: { maxCandidates }
      }).events.flatMap((event) => event._tag === "LeftOut" ? [event.count] : [])
    assert.deepStrictEqual([left(1), left(3)], [[2], []])
  })

  it("tries one address on each port that it is given with", () => {
    const address = NetAddress.ipFromStringUnsafe("192.0.2.1")
    const targets = [853, 53].map((port) => NetAddress.inetAddressUnsafe(address, port))
    assert.deepStrictEqual(dialled(targets).map(Endpoint.format), ["192.0.2.1:853", "192.0.2.1:53"])
  })

  it("dials each endpoint with its zone, its name, its payload and its way to speak", () => {
    const [literal] = dialled("[fe80::1%3]:443")
    assert.deepStrictEqual([Endpoint.format(literal!), literal!.host], ["[fe80::1%3]:443", undefined])
    const tls = { servername: "other.example" }
    const ports = [443, { port: 80, tls: false, payload: "plain" }, { port: 993, tls }]
    assert.deepStrictEqual(
      dialled({ host: "dual.example", ports }, { tls: true, allowInsecure: true })
        .map(({ host, payload, tls }) => ({ host, payload, tls })),
      [
        { host: dualName, payload: undefined, tls: {} },
        { host: dualName, payload: "plain", tls: undefined },
        { host: dualName, payload: undefined, tls }
      ]
    )
  })
})

describe("HappyEyeballs.events", () => {
  it("ends each connect with its end, though its lookups go on", () => {
    const seen: Array<ConnectEvent.ConnectEvent> = []
    const { resolver } = resolverOf(() =>
      Stream.concat(
        Stream.make(["network", "2001:db8::1"] as const),
        Stream.fromEffect(Effect.delay(Effect.succeed(["network", "192.0.2.1"] as const), 500))
      )
    )
    withService(
      Effect.gen(function*() {
        const { connect, events } = yield* Service
        yield* Effect.forkScoped(Stream.runForEach(events, (event) => Effect.sync(() => void seen.push(event))), {
          startImmediately: true
        })
        yield* connect("dual.example:443")
        yield* Effect.sleep("1 second")
      }),
      { resolver, network: { "2001:db8::1": accept(1) } }
    )
    assert.strictEqual(seen.at(-1)?._tag, "Ended")
  })

  it("says that a name is asked for once more", () => {
    const seen: Array<string> = []
    const { resolver } = resolverOf(() => Stream.make(["cache", "192.0.2.1"] as const))
    withService(
      Effect.gen(function*() {
        const { connect, events } = yield* Service
        yield* Effect.forkScoped(
          Stream.runForEach(events, ({ _tag }) => Effect.sync(() => void seen.push(_tag))),
          { startImmediately: true }
        )
        yield* Effect.exit(connect("dual.example:443"))
        yield* Effect.sleep(1)
      }),
      { resolver, network: { "192.0.2.1": refuse(1) } }
    )
    assert.deepStrictEqual(seen, [
      "Started",
      "Answered",
      "AttemptStarted",
      "AttemptFailed",
      "Refreshed",
      "Answered",
      "Ended"
    ])
  })

  it("are all for every reader", () => {
    const seen: Array<string> = []
    const { resolver } = resolverOf(() => Stream.empty)
    withService(
      Effect.gen(function*() {
        const { connect, events } = yield* Service
        const read = (reader: string) =>
          Effect.forkScoped(
            Stream.runForEach(events, ({ _tag }) => Effect.sync(() => void seen.push(`${reader} ${_tag}`))),
            { startImmediately: true }
          )
        yield* read("first")
        yield* read("second")
        yield* Effect.exit(connect("192.0.2.1:443"))
        yield* Effect.sleep(1)
      }),
      { resolver, network: { "192.0.2.1": accept(1) } }
    )
    const all = ["Started", "AttemptStarted", "AttemptConnected", "Ended"]
    assert.sameMembers(seen, all.flatMap((event) => [`first ${event}`, `second ${event}`]))
  })

  it("end with the service", () => {
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Service.layer.pipe(Layer.provide(SimulatedNetwork.layer({}))), scope)
      const fiber = yield* Effect.forkChild(Stream.runDrain(Context.get(context, Service).events), {
        startImmediately: true
      })
      yield* Effect.sleep(1)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(fiber)
      return "ended"
    })
    assert.strictEqual(VirtualTime.runUnsafe(program), "ended")
  })

  it("have ended when they are first read after the service", () => {
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Service.layer.pipe(Layer.provide(SimulatedNetwork.layer({}))), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Stream.runDrain(Context.get(context, Service).events)
      return "ended"
    })
    assert.strictEqual(VirtualTime.runUnsafe(program), "ended")
  })
})

describe("HappyEyeballs.connect and the connection that it gives", () => {
  it("closes what the dial has opened when the connection ends by itself", () => {
    const log: Array<string> = []
    let hangUp = () => {}
    const dialer = Dialer.Dialer.of({
      dial: (endpoint) =>
        Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => void log.push("closed"))),
          {
            endpoint,
            socket: undefined as never,
            native: undefined,
            onClose: (listener: () => void) => {
              hangUp = listener
            }
          }
        )
    })
    withService(
      Effect.gen(function*() {
        yield* (yield* Service).connect("192.0.2.1:1")
        hangUp()
        yield* Effect.sleep(1)
        assert.deepStrictEqual(log, ["closed"])
      }),
      { dialer }
    )
  })
})
