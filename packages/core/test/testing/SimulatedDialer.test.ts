import { assert, describe, it } from "@effect/vitest"
import { Dialer, type Endpoint } from "@happy-eyeballs/core"
import { SimulatedNetwork, VirtualTime, type World } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { inSimulatedTime } from "./runners.ts"

const endpoint = (text: string, tls?: Endpoint.TlsOptions): Endpoint.Endpoint => ({
  address: text.startsWith("/") ? NetAddress.unixPathAddress(text) : NetAddress.inetAddressFromStringUnsafe(text),
  tls,
  host: undefined,
  payload: undefined
})

const dial = (text: string, tls?: Endpoint.TlsOptions) =>
  Effect.flatMap(Dialer.Dialer, (dialer) => dialer.dial(endpoint(text, tls)))

/** How a dial ended and when: "connected", or kind and code. */
const outcome = (text: string, tls?: Endpoint.TlsOptions) =>
  Effect.scoped(Effect.match(dial(text, tls), {
    onFailure: ({ code, kind }) => `${kind} ${code}`,
    onSuccess: () => "connected"
  })).pipe(
    Effect.timeoutOrElse({ duration: "5 minutes", orElse: () => Effect.succeed("silence") }),
    Effect.flatMap((said) => Effect.map(Clock.currentTimeMillis, (now) => [said, now] as const))
  )

const timeline = Effect.gen(function*() {
  const network = yield* SimulatedNetwork.SimulatedNetwork
  yield* network.assertNothingOpen
  return (yield* network.timeline).map(({ address, atMs, event, port }) => `${atMs} ${event} ${address} ${port}`)
})

const inWorld =
  (world: World.World) => <A, E>(effect: Effect.Effect<A, E, SimulatedNetwork.SimulatedNetwork | Dialer.Dialer>) =>
    Effect.provide(effect, SimulatedNetwork.layer(world))

describe("the dialer of a simulated network", () => {
  const endings: ReadonlyArray<[World.Behaviour, string, number]> = [
    [{ outcome: "accept", afterMs: 30 }, "connected", 30],
    [{ outcome: "accept" }, "connected", 0],
    [{ outcome: "refuse", afterMs: 12.5 }, "Refused ECONNREFUSED", 12.5],
    [{ outcome: "refuse" }, "Refused ECONNREFUSED", 0],
    [{ outcome: "unreachable", afterMs: 3 }, "Unreachable EHOSTUNREACH", 3],
    [{ outcome: "reset", afterMs: 40 }, "Reset ECONNRESET", 40],
    [{ outcome: "congested", afterMs: 2 }, "Congested EMFILE", 2],
    [{ outcome: "drop" }, "silence", 300_000]
  ]
  for (const [behaviour, said, atMs] of endings) {
    inSimulatedTime(
      `ends with ${said} at ${atMs} ms where the world says ${JSON.stringify(behaviour)}`,
      () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* outcome("192.0.2.1:443"), [said, atMs])
          const events = said === "connected" ? ["connected", "closed"] : [said === "silence" ? "closed" : "failed"]
          assert.deepStrictEqual(yield* timeline, [
            "0 open 192.0.2.1 443",
            ...events.map((event) => `${atMs} ${event} 192.0.2.1 443`)
          ])
        }).pipe(inWorld({ network: { "192.0.2.1": behaviour } }))
    )
  }

  inSimulatedTime("hears nothing from an address that is not listed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* outcome("[2001:db8::1]:443"), ["silence", 300_000])
    }).pipe(inWorld({ network: { "192.0.2.1": { outcome: "accept" } } })))

  inSimulatedTime(
    "lets what is said of an address and port win over what is said of the address",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* outcome("[2001:db8::1]:443"), ["connected", 1])
        assert.deepStrictEqual(yield* outcome("[2001:db8::1]:80"), ["Refused ECONNREFUSED", 3])
        assert.deepStrictEqual(yield* outcome("192.0.2.1:80"), ["connected", 6])
        assert.deepStrictEqual(yield* outcome("192.0.2.1:443"), ["Reset ECONNRESET", 10])
      }).pipe(inWorld({
        network: {
          // Not the canonical spelling.
          "2001:DB8:0::1": { outcome: "refuse", afterMs: 2 },
          "[2001:db8::1]:443": { outcome: "accept", afterMs: 1 },
          "192.0.2.1": { outcome: "reset", afterMs: 4 },
          "192.0.2.1:80": { outcome: "accept", afterMs: 3 }
        }
      }))
  )

  inSimulatedTime("connects to a zone's address and to the path of a Unix socket", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* outcome("[fe80::1%2]:22"), ["connected", 1])
      assert.deepStrictEqual(yield* outcome("[fe80::1%3]:22"), ["Refused ECONNREFUSED", 1])
      assert.deepStrictEqual(yield* outcome("/run/app.sock"), ["connected", 3])
      assert.deepStrictEqual(yield* timeline, [
        "0 open fe80::1%2 22",
        "1 connected fe80::1%2 22",
        "1 closed fe80::1%2 22",
        "1 open fe80::1%3 22",
        "1 failed fe80::1%3 22",
        "1 open /run/app.sock null",
        "3 connected /run/app.sock null",
        "3 closed /run/app.sock null"
      ])
    }).pipe(inWorld({
      network: {
        "fe80::1%2": { outcome: "accept", afterMs: 1 },
        "fe80::1%3": { outcome: "refuse" },
        "/run/app.sock": { outcome: "accept", afterMs: 2 }
      }
    })))

  const handshakes: ReadonlyArray<[World.TlsBehaviour | undefined, string, number]> = [
    [undefined, "connected", 30],
    [{ outcome: "ok" }, "connected", 30],
    [{ outcome: "ok", afterMs: 40 }, "connected", 70],
    [{ outcome: "fail", afterMs: 10 }, "Tls ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", 40],
    [{ outcome: "stall" }, "silence", 300_000]
  ]
  for (const [tls, said, atMs] of handshakes) {
    inSimulatedTime(
      `ends a TLS dial with ${said} at ${atMs} ms where the handshake is ${JSON.stringify(tls)}`,
      () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* outcome("192.0.2.1:443", {}), [said, atMs])
          const plain = yield* outcome("192.0.2.1:443")
          assert.deepStrictEqual(plain, ["connected", atMs + 30])
          yield* timeline
        }).pipe(inWorld({ network: { "192.0.2.1": { outcome: "accept", afterMs: 30, tls } } }))
    )
  }

  inSimulatedTime(
    "fails at once where this host has no route, by family or by destination, which wins",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* outcome("[2001:db8::1]:443"), ["Unreachable ENETUNREACH", 0])
        assert.deepStrictEqual(yield* outcome("[2001:db8::2]:443"), ["connected", 5])
        assert.deepStrictEqual(yield* outcome("192.0.2.1:443"), ["connected", 10])
        assert.deepStrictEqual(yield* outcome("192.0.2.2:443"), ["Unreachable ENETUNREACH", 10])
      }).pipe(inWorld({
        network: {
          "2001:db8::1": { outcome: "accept", afterMs: 5 },
          "2001:db8::2": { outcome: "accept", afterMs: 5 },
          "192.0.2.1": { outcome: "accept", afterMs: 5 },
          "192.0.2.2": { outcome: "accept", afterMs: 5 }
        },
        sources: { IPv6: null, "2001:db8::2": "2001:db8::100/64", "192.0.2.2": null }
      }))
  )
})

describe("loss in a simulated network", () => {
  // One number a SYN, from the list.
  const draws = (...numbers: ReadonlyArray<number>) => {
    const left = [...numbers]
    return Effect.provideService(Random.Random, {
      nextDoubleUnsafe: () => left.shift() ?? assert.fail("no number was expected to be drawn"),
      nextIntUnsafe: () => assert.fail("no integer was expected to be drawn")
    })
  }

  inSimulatedTime("sends a lost SYN again 1, 3 and 7 s after the first", () =>
    Effect.gen(function*() {
      const world = { network: { "192.0.2.1": { outcome: "accept", afterMs: 20, loss: 0.5 } } } as const
      const at = (...numbers: ReadonlyArray<number>) => inWorld(world)(draws(...numbers)(outcome("192.0.2.1:443")))
      assert.deepStrictEqual(yield* at(0.5), ["connected", 20])
      assert.deepStrictEqual(yield* at(0.49, 0.5), ["connected", 20 + 1020])
      assert.deepStrictEqual(yield* at(0, 0.1, 0.9), ["connected", 20 + 1020 + 3020])
      assert.deepStrictEqual(yield* at(0, 0, 0, 0.5), ["connected", 20 + 1020 + 3020 + 7020])
      assert.deepStrictEqual(yield* at(0, 0, 0, 0), ["silence", 20 + 1020 + 3020 + 7020 + 300_000])
    }))

  inSimulatedTime(
    "takes the times of retransmission from the world, and loses refusals too",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* draws(0, 0, 1)(outcome("192.0.2.1:443")), ["Refused ECONNREFUSED", 55])
      }).pipe(inWorld({
        network: { "192.0.2.1": { outcome: "refuse", afterMs: 5, loss: 0.3 } },
        synRetransmitsMs: [10, 50]
      }))
  )

  it("gives the same timeline for the same seed, and another for some other", () => {
    const twenty = (seed: number) =>
      VirtualTime.runUnsafe(
        Effect.gen(function*() {
          yield* Effect.forEach(Array.from({ length: 20 }, (_, index) => index), () => outcome("192.0.2.1:443"), {
            concurrency: "unbounded"
          })
          return yield* timeline
        }).pipe(inWorld({ network: { "192.0.2.1": { outcome: "accept", afterMs: 20, loss: 0.5 } } })),
        { seed }
      )
    assert.deepStrictEqual(twenty(1), twenty(1))
    assert.notDeepEqual(twenty(1), twenty(2))
  })
})

describe("SimulatedNetwork.update", () => {
  inSimulatedTime("changes how later packets fare, and not those that are underway", () =>
    Effect.gen(function*() {
      const network = yield* SimulatedNetwork.SimulatedNetwork
      const underway = yield* Effect.forkChild(outcome("192.0.2.1:443"), { startImmediately: true })
      const silent = yield* Effect.forkChild(outcome("192.0.2.2:443"), { startImmediately: true })
      yield* Effect.sleep(10)
      yield* network.update({
        network: { "192.0.2.1": { outcome: "refuse" }, "192.0.2.2": { outcome: "accept", afterMs: 4 } },
        sources: { IPv6: null }
      })
      assert.deepStrictEqual(yield* outcome("192.0.2.1:443"), ["Refused ECONNREFUSED", 10])
      assert.deepStrictEqual(yield* outcome("192.0.2.3:443"), ["connected", 16])
      assert.deepStrictEqual(yield* outcome("[2001:db8::1]:443"), ["Unreachable ENETUNREACH", 16])
      assert.deepStrictEqual(yield* Fiber.join(underway), ["connected", 30])
      // Its SYN was dropped at 0 and is sent again after a second, to an address that answers by now.
      assert.deepStrictEqual(yield* Fiber.join(silent), ["connected", 1004])
      yield* network.assertNothingOpen
    }).pipe(inWorld({
      network: {
        "192.0.2.1": { outcome: "accept", afterMs: 30 },
        "192.0.2.2": { outcome: "drop" },
        "192.0.2.3": { outcome: "accept", afterMs: 6 }
      }
    })))
})

describe("interrupting a dial", () => {
  const world: World.World = {
    network: {
      "192.0.2.1": { outcome: "accept", afterMs: 4, loss: 0.5, tls: { outcome: "ok", afterMs: 4 }, latencyMs: 1 },
      "192.0.2.2": { outcome: "refuse", afterMs: 4 },
      "192.0.2.3": { outcome: "accept" }
    },
    synRetransmitsMs: [2, 6]
  }
  const instants = Array.from({ length: 33 }, (_, index) => index / 2)

  for (const address of ["192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443", "192.0.2.4:443"]) {
    inSimulatedTime(
      `leaves nothing open at any instant of a dial to ${address}`,
      () =>
        Effect.forEach(instants, (atMs) =>
          Effect.gen(function*() {
            const network = yield* SimulatedNetwork.SimulatedNetwork
            const scope = yield* Scope.make()
            const dialling = yield* Effect.forkChild(Scope.provide(dial(address, {}), scope), {
              startImmediately: true
            })
            yield* Effect.sleep(atMs)
            yield* Fiber.interrupt(dialling)
            const exit = yield* Fiber.await(dialling)
            // The scope is still open: an interrupted dial closes its socket by itself.
            assert.strictEqual(yield* network.openSockets, Exit.isSuccess(exit) ? 1 : 0)
            yield* Scope.close(scope, Exit.void)
            yield* network.assertNothingOpen
            const events = (yield* network.timeline).map(({ event }) => event)
            assert.deepStrictEqual(
              events,
              Exit.isSuccess(exit)
                ? ["open", "connected", "closed"]
                : Exit.hasInterrupts(exit)
                ? ["open", "closed"]
                : ["open", "failed"]
            )
          }).pipe(inWorld(world)), { discard: true })
    )
  }

  inSimulatedTime("closes the socket in the instant of the interruption", () =>
    Effect.gen(function*() {
      const network = yield* SimulatedNetwork.SimulatedNetwork
      const dialling = yield* Effect.forkChild(Effect.scoped(dial("192.0.2.9:443")), { startImmediately: true })
      yield* Effect.sleep(70)
      assert.strictEqual(yield* network.openSockets, 1)
      yield* Fiber.interrupt(dialling)
      yield* Effect.sleep(5)
      assert.deepStrictEqual(yield* timeline, ["0 open 192.0.2.9 443", "70 closed 192.0.2.9 443"])
    }).pipe(inWorld(world)))
})

describe("SimulatedNetwork.assertNothingOpen", () => {
  inSimulatedTime("dies naming each socket that is open, and since when", () =>
    Effect.gen(function*() {
      const network = yield* SimulatedNetwork.SimulatedNetwork
      yield* Effect.forkChild(Effect.scoped(dial("[2001:db8::9]:443")), { startImmediately: true })
      yield* Effect.sleep(250)
      const scope = yield* Scope.make()
      yield* Scope.provide(dial("192.0.2.1:443"), scope)
      const exit = yield* Effect.exit(network.assertNothingOpen)
      assert.match(
        String(exit),
        /left open: \[2001:db8::9\]:443 \(connecting, opened at 0 ms\), 192\.0\.2\.1:443 \(connected, opened at 250 ms\)/
      )
      yield* Scope.close(scope, Exit.void)
    }).pipe(inWorld({ network: { "192.0.2.1": { outcome: "accept", afterMs: 5 } } })))
})

describe("Dialed.onClose of a simulated connection", () => {
  inSimulatedTime("calls each listener once, also one that comes too late", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const scope = yield* Scope.make()
      const dialed = yield* Scope.provide(dial("192.0.2.1:443"), scope)
      dialed.onClose(() => calls.push("first"))
      dialed.onClose(() => calls.push("second"))
      assert.deepStrictEqual(calls, [])
      yield* Scope.close(scope, Exit.void)
      dialed.onClose(() => calls.push("late"))
      assert.deepStrictEqual(calls, ["first", "second", "late"])
    }).pipe(inWorld({ network: { "192.0.2.1": { outcome: "accept" } } })))
})

describe("an invalid world", () => {
  it.each<[string, World.World, string]>([
    [
      "address",
      { network: { "192.0.2.256": { outcome: "drop" } } },
      "network[\"192.0.2.256\"]: expected an address, an address:port, an [address]:port or the path of a Unix socket, " +
      "got \"192.0.2.256\""
    ],
    [
      "port",
      { network: { "192.0.2.1:99999": { outcome: "drop" } } },
      "network[\"192.0.2.1:99999\"]: expected an address, an address:port, an [address]:port or the path of a Unix " +
      "socket, got \"192.0.2.1:99999\""
    ],
    [
      "source",
      { sources: { IPv6: "fe80" } },
      "sources[\"IPv6\"]: expected an IP address, or ADDR/PREFIXLENGTH, got \"fe80\""
    ],
    [
      "family",
      { sources: { IPv5: null } },
      "sources[\"IPv5\"]: expected \"IPv4\", \"IPv6\" or an IP address, got \"IPv5\""
    ],
    [
      "prefix length",
      { sources: { IPv4: "192.0.2.1/33" } },
      "sources[\"IPv4\"]: expected an IP address, or ADDR/PREFIXLENGTH, got \"192.0.2.1/33\""
    ],
    ["name", { names: { "a..b": [] } }, "names[\"a..b\"]: expected a domain name, got \"a..b\""],
    [
      "answer",
      { names: { "a.example": [{ type: "A", addresses: ["::1"] }] } },
      "names[\"a.example\"][0].addresses[0]: expected an IPv4 address, got \"::1\""
    ],
    [
      "hint",
      { names: { "a.example": [{ type: "HTTPS", records: [{ priority: 1, target: ".", ipv6hint: ["1.2.3.4"] }] }] } },
      "names[\"a.example\"][0].records[0].ipv6hint[0]: expected an IPv6 address, got \"1.2.3.4\""
    ],
    [
      "service parameter",
      { names: { "a.example": [{ type: "HTTPS", records: [{ priority: 1, target: ".", mandatory: ["prot"] }] }] } },
      "names[\"a.example\"][0].records[0].mandatory[0]: expected the name or the number of a service parameter, got \"prot\""
    ]
  ])("is refused with a message that names the %s", (_, world, message) => {
    const exit = VirtualTime.run(inWorld(world)(Effect.void))
    assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
    assert.include(String(exit), `InvalidWorld: invalid world: ${message}`)
  })

  inSimulatedTime("changes nothing when it is an update", () =>
    Effect.gen(function*() {
      const network = yield* SimulatedNetwork.SimulatedNetwork
      const exit = yield* Effect.exit(network.update({
        network: { "192.0.2.1": { outcome: "refuse" }, nowhere: { outcome: "refuse" } }
      }))
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(yield* outcome("192.0.2.1:443"), ["connected", 0])
    }).pipe(inWorld({ network: { "192.0.2.1": { outcome: "accept" } } })))
})
