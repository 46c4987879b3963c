import { assert, describe, it } from "@effect/vitest"
import { AddressSelection, Answers, ConnectOptions, Race, SourceAddress, Target } from "@happy-eyeballs/core"
import { VirtualTime } from "@happy-eyeballs/core/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import { type Next, run } from "../src/internal/race.ts"
import { countingSleepers } from "./services.ts"

const ip = NetAddress.ipFromStringUnsafe

/** A log with times, and attempts that write their start and their close to it. */
const makeLog = () => {
  const log: Array<string> = []
  const note = (event: string) => Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${now} ${event}`))
  const open = (name: string) => Effect.acquireRelease(note(`start ${name}`), () => note(`close ${name}`))
  return { log, note, open }
}

// How many steps a fiber may take before others have their turn. With few, the
// fibers of one tick interleave; at which place depends on the number.
const stepsBeforeYield = [4, 5, 6, 7, 8, 9, 10, 11, 12, 2048]

describe("Race.AllFailed", () => {
  it("reads like the failures, and says where there was nothing to try", () => {
    const of = (...errors: ReadonlyArray<unknown>) =>
      new Race.AllFailed({ failures: errors.map((error) => ({ candidate: 0, error })) }).message
    assert.strictEqual(of(new Error("refused"), "no route"), "refused; no route")
    assert.strictEqual(of(), "there was nothing to try")
  })
})

describe("Race.staggered", () => {
  it("asks for no further candidate once there is none, or asking has failed", () => {
    const ends: ReadonlyArray<Pull.Pull<never, string>> = [Cause.done(), Effect.fail("broken")]
    for (const last of ends) {
      for (const given of [0, 1]) {
        let asked = 0
        const pull: Pull.Pull<string, string> = Effect.suspend(() => {
          asked++
          // Asked too often, it waits: a loop would never end.
          return asked <= given ? Effect.succeed("a") : asked === given + 1 ? last : Effect.never
        })
        const attempt = () => Effect.andThen(Effect.sleep(1000), Effect.fail("refused"))
        VirtualTime.run(Effect.scoped(Race.staggered(pull, attempt, { delay: 250 })), { maxSteps: 1000 })
        assert.strictEqual(asked, given + 1)
      }
    }
  })

  it("reports each of ten thousand attempts that fail at once", () => {
    const exit = VirtualTime.run(Effect.scoped(
      Race.staggered(Array.from({ length: 10_000 }, (_, n) => n), (n) => Effect.fail(n), { delay: 250 })
    ))
    const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
    assert.isTrue(failure instanceof Race.AllFailed)
    assert.strictEqual(failure instanceof Race.AllFailed ? failure.failures.length : 0, 10_000)
  })

  it("sets no timer after an attempt that wins while it starts", () => {
    const race = (names: ReadonlyArray<string>) =>
      Race.staggered(names, (name) => name === "quick" ? Effect.succeed(name) : Effect.never, { delay: 10 })
    countingSleepers((sleeping) =>
      Effect.gen(function*() {
        yield* Effect.scoped(race(["quick", "unused"]))
        assert.strictEqual(sleeping(), 0)
        yield* Effect.scoped(race(["slow", "quick", "unused"]))
        assert.strictEqual(sleeping(), 0)
      })
    )
  })

  it("drops the delay of an attempt that fails while it starts", () => {
    const { log, open } = makeLog()
    const delays: Record<string, number> = { a: 100, b: 300, c: 50 }
    countingSleepers((sleeping) =>
      Effect.scoped(Race.staggered(
        ["a", "b", "c"],
        (name) =>
          name === "a"
            ? Effect.fail(name)
            : Effect.andThen(open(name), name === "c" ? Effect.succeed(name) : Effect.never),
        { delay: (name) => delays[name]! }
      )).pipe(Effect.map((won) => assert.deepStrictEqual([won, sleeping()], ["c", 0])))
    )
    assert.deepStrictEqual(log.slice(0, 2), ["0 start b", "300 start c"])
  })

  it("turns a throw of the attempt or the delay function into a defect, also for a later candidate", () => {
    for (const thrower of ["attempt", "delay"]) {
      const { log, open } = makeLog()
      const exit = VirtualTime.run(Effect.scoped(Race.staggered(
        ["a", "b"],
        (name) => {
          if (name === "b" && thrower === "attempt") throw new Error("thrown")
          return Effect.andThen(open(name), Effect.never)
        },
        {
          delay: (name) => {
            if (name === "b" && thrower === "delay") throw new Error("thrown")
            return 250
          }
        }
      )))
      assert.isTrue(Exit.hasDies(exit), thrower)
      assert.isTrue(log.includes("250 close a"), thrower)
    }
  })

  it("ends with a defect that comes beside a failure", () => {
    const both = Effect.failCause(Cause.combine(Cause.fail("refused"), Cause.die("bug")))
    const exit = VirtualTime.run(Effect.scoped(Race.staggered([0], () => both, { delay: 250 })))
    assert.isTrue(Exit.hasDies(exit))
  })

  it("returns the first of two winners in one tick, and closes the second before that", () => {
    for (const steps of stepsBeforeYield) {
      const { log, note, open } = makeLog()
      const program = Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* Effect.forkChild(Effect.andThen(Effect.sleep(300), Deferred.succeed(gate, undefined)))
        return yield* Race.staggered(
          ["a", "b"],
          (name) => Effect.andThen(open(name), Effect.as(Deferred.await(gate), name)),
          { delay: 250 }
        ).pipe(Effect.tap((name) => note(`won ${name}`)))
      })
      const won = VirtualTime.runUnsafe(
        Effect.provideService(Effect.scoped(program), Scheduler.MaxOpsBeforeYield, steps)
      )
      assert.deepStrictEqual([won, ...log], [
        "a",
        "0 start a",
        "250 start b",
        "300 close b",
        "300 won a",
        "300 close a"
      ])
    }
  })

  it("keeps no winner when the attempt that wins while it starts interrupts the caller", () => {
    const { log, open } = makeLog()
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const caller = yield* Effect.forkChild(Effect.withFiber<string, unknown>((caller) =>
        Scope.provide(
          Race.staggered(["a"], (name) =>
            Effect.andThen(
              open(name),
              Effect.sync(() => {
                caller.interruptUnsafe()
                return name
              })
            ), { delay: 250 }),
          scope
        )
      ))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(caller)))
      return [...log]
    })
    assert.deepStrictEqual(VirtualTime.runUnsafe(program), ["0 start a", "0 close a"])
  })

  it("starts no candidate that is given once its caller was interrupted", () => {
    const { log, open } = makeLog()
    const program = Effect.gen(function*() {
      let asked = 0
      const caller: Fiber.Fiber<never, unknown> = yield* Effect.forkChild(Effect.scoped(Race.staggered(
        Effect.sync(() => {
          if (asked++ === 0) return "a"
          caller.interruptUnsafe()
          return "b"
        }),
        (name) => Effect.andThen(open(name), Effect.never),
        { delay: 250 }
      )))
      yield* Fiber.await(caller)
    })
    VirtualTime.runUnsafe(program)
    assert.deepStrictEqual(log, ["0 start a", "250 close a"])
  })

  it("starts nothing more once its caller was interrupted by an attempt that starts", () => {
    const { log, open } = makeLog()
    const left = countingSleepers((sleeping) =>
      Effect.gen(function*() {
        const caller: Fiber.Fiber<string, unknown> = yield* Effect.forkChild(Effect.scoped(Race.staggered(
          ["a", "b", "c"],
          (name) =>
            Effect.sync(() => name === "b" ? caller.interruptUnsafe() : undefined).pipe(
              Effect.andThen(open(name)),
              Effect.andThen(Effect.never)
            ),
          { delay: 250 }
        )))
        yield* Fiber.await(caller)
        const left = sleeping()
        yield* Effect.sleep(1000)
        return left
      })
    )
    assert.strictEqual(left, 0)
    assert.isFalse(log.some((line) => line.includes("start c")))
  })

  it("leaves no timer behind, however it ends", () => {
    const race = (second: Effect.Effect<string, string>) =>
      Race.staggered(
        ["slow", "second", "third"],
        (name) => name === "second" ? Effect.andThen(Effect.yieldNow, second) : Effect.never,
        { delay: (name) => name === "slow" ? 10 : 1000 }
      )
    countingSleepers((sleeping) =>
      Effect.gen(function*() {
        yield* Effect.scoped(race(Effect.succeed("second")))
        assert.strictEqual(sleeping(), 0)
        yield* Effect.exit(Effect.scoped(race(Effect.die("bug"))))
        assert.strictEqual(sleeping(), 0)
        const caller = yield* Effect.forkChild(Effect.scoped(race(Effect.never)))
        yield* Effect.sleep(20)
        yield* Fiber.interrupt(caller)
        assert.strictEqual(sleeping(), 0)
      })
    )
  })

  it("closes the winner too when a loser breaks while it closes", () => {
    const { log, open } = makeLog()
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const exit = yield* Effect.exit(Scope.provide(
        Race.staggered(
          ["broken", "quick"],
          (name) =>
            name === "broken"
              ? Effect.andThen(Effect.addFinalizer(() => Effect.die("broken close")), Effect.never)
              : Effect.andThen(open(name), Effect.succeed(name)),
          { delay: 10 }
        ),
        scope
      ))
      assert.deepStrictEqual(exit, Exit.die("broken close"))
      return [...log]
    })
    assert.deepStrictEqual(VirtualTime.runUnsafe(program), ["10 start quick", "10 close quick"])
  })

  it("asks one question at a time, whatever fails meanwhile", () => {
    let open = 0
    let most = 0
    const plans = ["a", "b", "c", "d"]
    const pull: Pull.Pull<string> = Effect.suspend(() => {
      const plan = plans.shift()
      if (plan === undefined) return Cause.done()
      most = Math.max(most, ++open)
      return Effect.as(Effect.ensuring(Effect.sleep(plan === "c" ? 500 : 10), Effect.sync(() => void open--)), plan)
    })
    const attempt = (name: string) => Effect.andThen(Effect.sleep(name === "a" ? 400 : 300), Effect.fail(name))
    VirtualTime.run(Effect.scoped(Race.staggered(pull, attempt, { delay: 50 })))
    assert.strictEqual(most, 1)
  })

  it("keeps to a delay that is shorter than the one before it", () => {
    const { log, open } = makeLog()
    countingSleepers((sleeping) =>
      Effect.scoped(Race.staggered(
        ["a", "b", "c"],
        (name) =>
          Effect.andThen(
            open(name),
            name === "a"
              ? Effect.andThen(Effect.sleep(10), Effect.fail(name))
              : name === "b"
              ? Effect.never
              : Effect.void
          ),
        { delay: (name) => name === "a" ? 1000 : 50 }
      )).pipe(Effect.map(() => assert.strictEqual(sleeping(), 0)))
    )
    assert.deepStrictEqual(log.filter((line) => line.includes("start")), ["0 start a", "10 start b", "60 start c"])
  })

  it("closes the second of two winners as an attempt that was interrupted", () => {
    for (const steps of stepsBeforeYield) {
      const closed: Array<string> = []
      const program = Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* Effect.forkChild(Effect.andThen(Effect.sleep(300), Deferred.succeed(gate, undefined)))
        return yield* Race.staggered(
          ["a", "b"],
          (name) =>
            Effect.acquireRelease(
              Effect.succeed(name),
              (_, exit) =>
                Effect.sync(() =>
                  void closed.push(`${name} ${Exit.isSuccess(exit) ? "kept" : Exit.hasInterrupts(exit) ? "lost" : ""}`)
                )
            ).pipe(Effect.tap(() => Deferred.await(gate))),
          { delay: 250 }
        )
      })
      VirtualTime.runUnsafe(Effect.provideService(Effect.scoped(program), Scheduler.MaxOpsBeforeYield, steps))
      assert.deepStrictEqual(closed, ["b lost", "a kept"])
    }
  })

  it("ends with the bug that ended it, though a loser breaks while it closes", () => {
    const exit = VirtualTime.run(Effect.scoped(Race.staggered(
      ["broken", "bug"],
      (name) =>
        name === "broken"
          ? Effect.andThen(Effect.addFinalizer(() => Effect.die("broken close")), Effect.never)
          : Effect.die("bug"),
      { delay: 10 }
    )))
    assert.deepStrictEqual(exit, Exit.die("bug"))
  })
})

describe("internal/race", () => {
  it("sets no timer for a wait that is over", () => {
    const answers: Array<Next<string, never>> = [
      { _tag: "Start", candidate: "a" },
      { _tag: "Wait", until: 100 },
      { _tag: "Done" }
    ]
    let wake = () => {}
    const race = Effect.clockWith((clock) =>
      run<string, string, never, never, never>({
        now: () => clock.currentTimeMillisUnsafe(),
        poll: () => answers.shift()!,
        onWake: (ask) => {
          wake = ask
        },
        attempt: (name) => Effect.as(Effect.sleep(500), name),
        delayAfter: () => 10,
        maxInFlight: Infinity
      })
    )
    const woken = Effect.andThen(Effect.sleep(50), Effect.sync(() => wake()))
    const exit = VirtualTime.run(
      Effect.scoped(Effect.andThen(Effect.forkChild(woken), race)),
      { maxSteps: 1000 }
    )
    assert.deepStrictEqual(exit, Exit.succeed({ attempt: 0, value: "a" }))
  })

  it("gives no attempt its time again once it is over", () => {
    let again = () => {}
    countingSleepers((sleeping) =>
      Effect.scoped(run<string, string, never, never, never>({
        now: () => 0,
        poll: () => ({ _tag: "Start", candidate: "a" }),
        onWake: () => {},
        attempt: (name, self, race) => {
          again = () => race.restart(self)
          return Effect.as(Effect.yieldNow, name)
        },
        delayAfter: () => 10,
        maxInFlight: Infinity,
        attemptTimeout: { ms: 100, error: () => assert.fail("timed out") }
      })).pipe(Effect.map(() => {
        again()
        assert.strictEqual(sleeping(), 0)
      }))
    )
  })
})

describe("Answers.addresses", () => {
  it("gives the addresses of one family beside the failure of the other", () => {
    const owner = Host.domainNameFromStringUnsafe("dual.example")
    const common = { owner, ttl: undefined, source: "network" } as const
    const error = new Dns.DnsError({ reason: "ServerFailure", method: "resolve", hostname: owner })
    const answers = [
      { ...common, _tag: "Failed", type: "AAAA", error },
      { ...common, _tag: "Addresses", type: "A", addresses: [ip("192.0.2.1")] }
    ] as const
    assert.deepStrictEqual(Answers.addresses(answers.reduce(Answers.add, Answers.empty)), [ip("192.0.2.1")])
  })
})

describe("AddressSelection.sort", () => {
  it("lets the first rank decide where the second says otherwise", () => {
    const ranks: Record<string, readonly [number, number]> = { "192.0.2.1": [1, 2], "192.0.2.2": [2, 1] }
    const sorted = (...addresses: ReadonlyArray<string>) =>
      AddressSelection.sort(addresses, {
        address: ip,
        source: () => SourceAddress.unknown,
        between: [(address) => ranks[address]![0], (address) => ranks[address]![1]]
      })
    assert.deepStrictEqual(sorted("192.0.2.1", "192.0.2.2"), ["192.0.2.1", "192.0.2.2"])
    assert.deepStrictEqual(sorted("192.0.2.2", "192.0.2.1"), ["192.0.2.1", "192.0.2.2"])
  })
})

describe("Target.fromInput", () => {
  const lookup: Target.Lookup = { serviceNames: () => undefined, scopeIds: () => new Map() }
  const ports = (...inputs: ReadonlyArray<Target.PortInput>) =>
    Result.getOrThrow(Target.fromInput({ host: "a.example", ports: inputs }, lookup)).ports
      .map(({ number, secure, tls }) => ({ number, tls, secure }))
  const refusal = (input: unknown) =>
    Result.match(Target.fromInput(input as Target.TargetInput, lookup), {
      onFailure: ({ message }) => message,
      onSuccess: () => "accepted"
    })

  it("reads from the text of a port whether it speaks TLS, also in an object", () => {
    assert.deepStrictEqual(ports("80/tcp", { port: "993/tls" }, { port: "995/tls", tls: false }), [
      { number: 80, tls: false, secure: false },
      { number: 993, tls: {}, secure: false },
      { number: 995, tls: false, secure: false }
    ])
  })

  it("keeps that a port upgrades by itself", () => {
    assert.deepStrictEqual(ports({ port: 587, secure: true }), [{ number: 587, tls: undefined, secure: true }])
  })

  it.each([
    [
      "https://a.example:443",
      "\"https://a.example:443\" is a URL: give its host and its port, such as example.com:443"
    ],
    [{ host: "a.example", port: 65_536 }, "65536 is not a port: give a number from 1 to 65535"],
    [{ host: "a.example", ports: 443 }, "no ports: give at least one, such as 443"],
    [["192.0.2.1:0"], "\"192.0.2.1:0\" is not an address with a port, such as 192.0.2.1:443"],
    [{ addresses: ["192.0.2.1"], ports: [] }, "no ports: give at least one, such as 443"]
  ])("refuses %j and says what to do", (input, message) => {
    assert.strictEqual(refusal(input), message)
  })
})

describe("ConnectOptions.toSettings", () => {
  it("tells the first of several faults", () => {
    const settings = ConnectOptions.toSettings({ family: "IPv5" as never, timeout: -1, maxCandidates: 0 })
    assert.strictEqual(Result.isFailure(settings) ? settings.failure.option : undefined, "family")
  })

  it("takes infinity for no limit", () => {
    const settings = Result.getOrThrow(ConnectOptions.toSettings({ maxAttemptsInFlight: Infinity, timeout: Infinity }))
    assert.deepStrictEqual([settings.maxAttemptsInFlight, settings.timeout], [Infinity, Infinity])
  })
})
