import { assert, describe, it } from "@effect/vitest"
import { type ConnectEvent, ConnectOptions, type Dialer, Endpoint, HappyEyeballs, Resolver } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

const { HappyEyeballs: Service } = HappyEyeballs
const { SimulatedNetwork: Network } = SimulatedNetwork

const accept = (afterMs: number) => ({ outcome: "accept", afterMs } as const)
const drop = { outcome: "drop" } as const

/** Runs a program on a simulated network, in virtual time, and checks that nothing stays open. */
const onNetwork = <A, E>(
  world: World.World,
  program: Effect.Effect<A, E, HappyEyeballs.HappyEyeballs | SimulatedNetwork.SimulatedNetwork | Scope.Scope>,
  layer = Service.layer as Layer.Layer<HappyEyeballs.HappyEyeballs, unknown, Resolver.Resolver | Dialer.Dialer>
) =>
  VirtualTime.runUnsafe(
    Effect.scoped(program).pipe(
      Effect.tap(() => Effect.flatMap(Network, (network) => network.assertNothingOpen)),
      Effect.provide(layer.pipe(Layer.provideMerge(SimulatedNetwork.layer(world))))
    )
  )

const literal = { host: "192.0.2.1", port: 443 }

/** A resolver that answers from a list, says where from, and notes what it is asked. */
const resolverOf = (
  answers: (refresh: boolean) => ReadonlyArray<readonly [atMs: number, source: Resolver.AnswerSource, address: string]>,
  asked: Array<string> = []
) =>
  Layer.succeed(
    Resolver.Resolver,
    Resolver.Resolver.of({
      resolve: ({ name, refresh, types }) => {
        asked.push(`${types.join(",")}${refresh === true ? " refresh" : ""}`)
        return Stream.mergeAll(
          answers(refresh === true).map(([atMs, source, text]) => {
            const address = NetAddress.ipFromStringUnsafe(text)
            const answer: Resolver.Answer = {
              _tag: "Addresses",
              owner: name,
              type: NetAddress.isIpv6Address(address) ? "AAAA" : "A",
              addresses: [address],
              ttl: Duration.minutes(1),
              source
            }
            return Stream.fromEffect(atMs === 0 ? Effect.succeed(answer) : Effect.delay(Effect.succeed(answer), atMs))
          }),
          { concurrency: "unbounded" }
        )
      }
    })
  )

/** A program over a resolver of its own and the dialer of a simulated network. */
const withResolver = <A, E>(
  resolver: Layer.Layer<Resolver.Resolver>,
  network: World.World["network"],
  program: Effect.Effect<A, E, HappyEyeballs.HappyEyeballs | Scope.Scope>
) =>
  VirtualTime.runUnsafe(
    Effect.scoped(program).pipe(
      Effect.provide(Service.layer.pipe(Layer.provide(resolver), Layer.provide(SimulatedNetwork.layer({ network }))))
    )
  )

describe("HappyEyeballs.connect and its caller", () => {
  it("leaves nothing in a long-lived scope when a connection ends by itself", () => {
    const size = onNetwork(
      { network: { "192.0.2.1": { ...accept(1), serve: () => Effect.void } } },
      Effect.gen(function*() {
        const service = yield* Service
        const scope = yield* Scope.make()
        for (let n = 0; n < 100; n++) {
          const connection = yield* Scope.provide(service.connect(literal), scope)
          yield* Effect.callback<void>((resume) => connection.onClose(() => resume(Effect.void)))
        }
        return scope.state._tag === "Open" ? scope.state.finalizers?.size ?? (scope.state.finalizer ? 1 : 0) : 0
      })
    )
    assert.strictEqual(size, 0)
  })

  it("keeps nothing open in a long-lived scope when it is interrupted or fails", () => {
    onNetwork(
      { network: { "192.0.2.1": drop } },
      Effect.gen(function*() {
        const service = yield* Service
        const network = yield* Network
        const scope = yield* Scope.make()
        const fiber = yield* Effect.forkChild(Scope.provide(service.connect(literal), scope))
        yield* Effect.sleep(100)
        assert.strictEqual(yield* network.openSockets, 1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* network.openSockets, 0)
        yield* Effect.exit(Scope.provide(service.connect(literal, { timeout: 50 }), scope))
        assert.strictEqual(scope.state._tag, "Empty")
      })
    )
  })

  it("closes the connection with the caller's scope", () => {
    onNetwork(
      { network: { "192.0.2.1": accept(1) } },
      Effect.gen(function*() {
        const service = yield* Service
        const network = yield* Network
        yield* Effect.scoped(Effect.andThen(
          service.connect(literal),
          Effect.map(network.openSockets, (open) => assert.strictEqual(open, 1))
        ))
        assert.strictEqual(yield* network.openSockets, 0)
      })
    )
  })

  it("gives back the payload of the port that won", () => {
    const payload = onNetwork(
      { network: { "192.0.2.1:465": drop, "192.0.2.1:587": accept(1) } },
      Effect.gen(function*() {
        const { endpoint } = yield* (yield* Service).connect({
          host: "192.0.2.1",
          ports: [{ port: 465, payload: "implicit TLS" }, { port: 587, payload: "STARTTLS" }]
        })
        return endpoint.payload
      })
    )
    assert.strictEqual(payload, "STARTTLS")
  })

  it("looks for an option in the call, then around it, then in the layer", () => {
    const timeouts = onNetwork(
      { network: { "192.0.2.1": drop } },
      Effect.gen(function*() {
        const service = yield* Service
        const took = (options?: { readonly timeout: number }) =>
          Effect.map(Effect.flip(service.connect(literal, options)), ({ report }) => report.elapsedMs)
        return [
          yield* took(),
          yield* took().pipe(ConnectOptions.withOptions({ timeout: 20 })),
          yield* took({ timeout: 10 }).pipe(ConnectOptions.withOptions({ timeout: 20 }))
        ]
      }),
      Service.layerOptions({ timeout: 30 })
    )
    assert.deepStrictEqual(timeouts, [30, 20, 10])
  })

  it("refuses bad options of a layer when the layer is built", () => {
    const exit = VirtualTime.run(
      Effect.void.pipe(Effect.provide(
        Service.layerOptions({ connectionAttemptDelay: 5 }).pipe(Layer.provide(SimulatedNetwork.layer({})))
      ))
    )
    assert.isTrue(Exit.isFailure(exit))
  })
})

describe("HappyEyeballs.connectWith", () => {
  it("races a dial of the caller's own, and keeps what the winner opened", () => {
    const log: Array<string> = []
    const won = onNetwork(
      {},
      Effect.gen(function*() {
        const service = yield* Service
        return yield* service.connectWith(["192.0.2.1:1", "192.0.2.2:2"], (endpoint) =>
          Effect.acquireRelease(
            Effect.sync(() => void log.push(`open ${Endpoint.format(endpoint)}`)),
            () => Effect.sync(() => void log.push(`close ${Endpoint.format(endpoint)}`))
          ).pipe(
            Effect.andThen(Effect.sleep(Endpoint.port(endpoint) === 1 ? 900 : 10)),
            Effect.as(Endpoint.format(endpoint))
          ))
      })
    )
    assert.strictEqual(won, "192.0.2.2:2")
    assert.deepStrictEqual(log, [
      "open 192.0.2.1:1",
      "open 192.0.2.2:2",
      "close 192.0.2.1:1",
      "close 192.0.2.2:2"
    ])
  })

  it("reads the kind of a failure from its code, and keeps the cause", () => {
    const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })
    const error = onNetwork(
      {},
      Effect.flatMap(Service, (service) => Effect.flip(service.connectWith(literal, () => Effect.fail(cause))))
    )
    assert.strictEqual(error.reason._tag, "AllAttemptsFailed")
    assert.strictEqual(
      error.message,
      "could not connect to 192.0.2.1:443: 192.0.2.1:443 refused the connection (ECONNREFUSED) after 0 ms"
    )
  })

  it("passes a bug of the dial on as a bug", () => {
    assert.throws(
      () => onNetwork({}, Effect.flatMap(Service, (service) => service.connectWith(literal, () => Effect.die("bug")))),
      "bug"
    )
  })
})

describe("HappyEyeballs and its resolver", () => {
  const name = "dual.example:443"

  it("passes a bug of the resolver on as a bug", () => {
    const broken = Layer.succeed(Resolver.Resolver, Resolver.Resolver.of({ resolve: () => Stream.die("bug") }))
    assert.throws(
      () => withResolver(broken, {}, Effect.flatMap(Service, (service) => service.connect(name))),
      "bug"
    )
  })

  it("asks for AAAA first, and for A at once after it", () => {
    const asked: Array<string> = []
    withResolver(
      resolverOf(() => [[0, "network", "192.0.2.1"]], asked),
      { "192.0.2.1": accept(5) },
      Effect.flatMap(Service, (service) => service.connect(name))
    )
    assert.deepStrictEqual(asked, ["AAAA,A"])
  })

  it("asks once more, past the cache, when every cached address has failed", () => {
    const asked: Array<string> = []
    const resolver = resolverOf(
      (refresh) => refresh ? [[20, "network", "192.0.2.9"], [20, "network", "192.0.2.1"]] : [[0, "cache", "192.0.2.1"]],
      asked
    )
    const report = withResolver(
      resolver,
      { "192.0.2.1": { outcome: "refuse", afterMs: 5 }, "192.0.2.9": accept(5) },
      Effect.flatMap(Service, (service) => Effect.map(service.connect(name), (connection) => connection.report))
    )
    assert.deepStrictEqual(asked, ["AAAA,A", "AAAA,A refresh"])
    assert.deepStrictEqual(report.attempts.map(({ address, startedAtMs }) => [address, startedAtMs]), [
      ["192.0.2.1", 0],
      ["192.0.2.9", 25]
    ])
  })

  it("asks no more when the addresses were fresh, or after a refresh", () => {
    const asked: Array<string> = []
    const run = (source: Resolver.AnswerSource) =>
      withResolver(
        resolverOf(() => [[0, source, "192.0.2.1"]], asked),
        { "192.0.2.1": { outcome: "refuse", afterMs: 5 } },
        Effect.flatMap(Service, (service) => Effect.flip(service.connect(name)))
      ).reason._tag
    assert.deepStrictEqual([run("network"), asked.length], ["AllAttemptsFailed", 1])
    assert.deepStrictEqual([run("cache"), asked.length], ["AllAttemptsFailed", 3])
  })

  it("waits for cached attempts that still run before it asks anew", () => {
    const asked: Array<string> = []
    const report = withResolver(
      resolverOf((refresh) => refresh ? [] : [[0, "cache", "192.0.2.1"], [0, "cache", "2001:db8::1"]], asked),
      { "192.0.2.1": { outcome: "refuse", afterMs: 5 }, "2001:db8::1": accept(800) },
      Effect.flatMap(Service, (service) => Effect.map(service.connect(name), (connection) => connection.report))
    )
    assert.deepStrictEqual([report.winner?.address, asked.length], ["2001:db8::1", 1])
  })

  it("lets a lookup finish within a second of the win, and no longer", () => {
    const heard: Array<string> = []
    const resolver = Layer.succeed(
      Resolver.Resolver,
      Resolver.Resolver.of({
        resolve: ({ name }) =>
          Stream.mergeAll(
            [0, 900, 1200].map((atMs) =>
              Stream.fromEffect(Effect.gen(function*() {
                yield* Effect.sleep(atMs)
                heard.push(`answer ${yield* Clock.currentTimeMillis}`)
                return {
                  _tag: "Addresses",
                  owner: name,
                  type: "AAAA",
                  addresses: [NetAddress.ipFromStringUnsafe("2001:db8::1")],
                  ttl: undefined,
                  source: "network"
                } as const
              })).pipe(Stream.ensuring(Effect.map(Clock.currentTimeMillis, (at) => void heard.push(`end ${at}`))))
            ),
            { concurrency: "unbounded" }
          )
      })
    )
    withResolver(
      resolver,
      { "2001:db8::1": accept(10) },
      Effect.gen(function*() {
        const { report } = yield* (yield* Service).connect(name)
        assert.strictEqual(report.elapsedMs, 10)
        yield* Effect.sleep("5 seconds")
      })
    )
    assert.deepStrictEqual(heard, ["answer 0", "end 0", "answer 900", "end 900", "end 1010"])
  })

  it("ends a lookup with the service", () => {
    const heard: Array<string> = []
    const never = Layer.succeed(
      Resolver.Resolver,
      Resolver.Resolver.of({
        resolve: () =>
          Stream.fromEffect(Effect.onInterrupt(
            Effect.never,
            () => Effect.map(Clock.currentTimeMillis, (at) => void heard.push(`interrupted ${at}`))
          ))
      })
    )
    withResolver(never, {}, Effect.flatMap(Service, (service) => Effect.flip(service.connect(name, { timeout: 50 }))))
    assert.deepStrictEqual(heard, ["interrupted 50"])
  })

  it("B14: leaves no timer and no fiber behind its scope", () => {
    let sleeping = 0
    const counted = Effect.clockWith((clock) =>
      Effect.succeed({
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        sleep: (duration: Duration.Duration) =>
          Effect.suspend(() => {
            sleeping++
            return Effect.ensuring(clock.sleep(duration), Effect.sync(() => void sleeping--))
          })
      })
    )
    const program = Effect.gen(function*() {
      const service = yield* Service
      for (let n = 0; n < 20; n++) {
        yield* Effect.exit(Effect.scoped(service.connect(name, { timeout: 400 + n })))
        const fiber = yield* Effect.forkChild(Effect.scoped(service.connect(name)))
        yield* Effect.sleep(n * 30)
        yield* Fiber.interrupt(fiber)
      }
    })
    const left = VirtualTime.runUnsafe(Effect.flatMap(counted, (clock) =>
      program.pipe(
        Effect.provide(Service.layer.pipe(Layer.provide(SimulatedNetwork.layer({
          names: { "dual.example": [{ type: "A", afterMs: 5, addresses: ["192.0.2.1", "192.0.2.2"] }] },
          network: { "192.0.2.2": { outcome: "refuse", afterMs: 100 } }
        })))),
        Effect.andThen(Effect.yieldNow),
        Effect.map(() => sleeping),
        Effect.provideService(Clock.Clock, clock)
      )))
    assert.strictEqual(left, 0)
  })

  it.effect("asks any Dns of effect/net once per family", () =>
    Effect.gen(function*() {
      const { resolve } = yield* Resolver.Resolver
      const answers = yield* Stream.runCollect(resolve({
        name: Host.domainNameFromStringUnsafe("svc.test"),
        types: ["AAAA", "A", "HTTPS"]
      }))
      assert.deepStrictEqual(
        answers.map((answer) => [
          answer.type,
          answer._tag === "Addresses" ? answer.addresses.map(NetAddress.formatIp) : answer._tag
        ]).toSorted(),
        [["A", ["192.0.2.1"]], ["AAAA", "Failed"], ["HTTPS", "Failed"]]
      )
    }).pipe(Effect.provide(
      Resolver.Resolver.layerDns.pipe(Layer.provide(Dns.layerStatic({ hosts: { "svc.test": ["192.0.2.1"] } })))
    )))
})

describe("HappyEyeballs with many callers", () => {
  it("opens no more attempts at once than its limit, and serves callers in turn", () => {
    const starts = onNetwork(
      { network: { "192.0.2.1": accept(100) } },
      Effect.gen(function*() {
        const service = yield* Service
        const reports = yield* Effect.all(
          Array.from({ length: 6 }, () => Effect.scoped(service.connect(literal))),
          { concurrency: "unbounded" }
        )
        const network = yield* Network
        let open = 0
        let most = 0
        for (const { event } of yield* network.timeline) {
          if (event === "open") most = Math.max(most, ++open)
          if (event === "connected") open--
        }
        assert.strictEqual(most, 2)
        return reports.map(({ report }) => report.attempts[0]?.startedAtMs)
      }),
      Service.layerOptions({ maxOpenAttempts: 2 })
    )
    assert.deepStrictEqual(starts, [0, 0, 100, 100, 200, 200])
  })

  it("gives a permit back when a caller is interrupted while it waits or dials", () => {
    onNetwork(
      { network: { "192.0.2.1": drop, "192.0.2.2": accept(1) } },
      Effect.gen(function*() {
        const service = yield* Service
        const fibers = yield* Effect.all(
          Array.from({ length: 3 }, () => Effect.forkChild(Effect.scoped(service.connect(literal))))
        )
        yield* Effect.sleep(50)
        yield* Fiber.interruptAll(fibers)
        const { report } = yield* service.connect({ host: "192.0.2.2", port: 443 })
        assert.strictEqual(report.elapsedMs, 1)
      }),
      Service.layerOptions({ maxOpenAttempts: 1 })
    )
  })
})

describe("HappyEyeballs.layerEvents", () => {
  it("hands every event to a function, in order", () => {
    const seen: Array<string> = []
    const handle = (event: ConnectEvent.ConnectEvent) =>
      Effect.sync(() => void seen.push(`${event.connect} ${event.atMs} ${event._tag}`))
    onNetwork(
      {
        names: {
          "dual.example": [{ type: "AAAA", afterMs: 5, addresses: ["2001:db8::1"] }, { type: "A", afterMs: 5 }]
        },
        network: { "2001:db8::1": accept(10) }
      },
      Effect.gen(function*() {
        yield* (yield* Service).connect("dual.example:443")
        yield* Effect.sleep(1)
      }),
      Service.layerEvents(handle).pipe(Layer.provideMerge(Service.layer))
    )
    assert.deepStrictEqual(seen, [
      "0 0 Started",
      "0 5 Answered",
      "0 5 AttemptStarted",
      "0 5 Answered",
      "0 15 AttemptConnected",
      "0 15 Ended"
    ])
  })

  it("ends every connect with an event, also one that is interrupted or breaks", () => {
    const tags = onNetwork(
      { network: { "192.0.2.1": drop } },
      Effect.gen(function*() {
        const service = yield* Service
        const ended: Array<string | undefined> = []
        yield* Effect.forkScoped(
          Stream.runForEach(
            service.events,
            (event) => Effect.sync(() => event._tag === "Ended" ? void ended.push(event.error?.tag) : undefined)
          ),
          { startImmediately: true }
        )
        const fiber = yield* Effect.forkChild(Effect.scoped(service.connect(literal)))
        yield* Effect.sleep(10)
        yield* Fiber.interrupt(fiber)
        yield* Effect.exit(service.connectWith(literal, () => Effect.die(new Error("bug"))))
        yield* Effect.sleep(1)
        return ended
      })
    )
    assert.deepStrictEqual(tags, ["Interrupted", "Defect"])
  })
})
