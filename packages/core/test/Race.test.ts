import { assert, describe, it } from "@effect/vitest"
import { Race } from "@happy-eyeballs/core"
import { VirtualTime } from "@happy-eyeballs/core/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

interface Plan {
  readonly name: string
  readonly ms: number
  readonly ends: "ok" | "refused" | "never"
}

const ok = (name: string, ms: number): Plan => ({ name, ms, ends: "ok" })
const refused = (name: string, ms: number): Plan => ({ name, ms, ends: "refused" })
const never = (name: string): Plan => ({ name, ms: 0, ends: "never" })

/** A log with times, and attempts that write their start and close to it. */
const journal = () => {
  const log: Array<string> = []
  const note = (event: string) => Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${now} ${event}`))
  const attempt = ({ ends, ms, name }: Plan) =>
    Effect.acquireRelease(note(`start ${name}`), () => note(`close ${name}`)).pipe(
      Effect.andThen(ends === "never" ? Effect.never : ms === 0 ? Effect.void : Effect.sleep(ms)),
      Effect.andThen(ends === "refused" ? Effect.fail(name) : Effect.succeed(name))
    )
  return { log, note, attempt }
}

/** Runs a race in virtual time and gives how it ended and everything that happened. */
const run = (plans: Iterable<Plan>, options: Race.Options<Plan>) => {
  const { attempt, log, note } = journal()
  const exit = VirtualTime.run(
    Effect.scoped(Effect.tap(Race.staggered(plans, attempt, options), (name) => note(`won ${name}`)))
  )
  return { exit, log }
}

const failures = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit)
    ? exit.cause.reasons.flatMap((reason) =>
      Cause.isFailReason(reason) && reason.error instanceof Race.AllFailed
        ? reason.error.failures.map(({ error }) => error)
        : []
    )
    : []

describe("Race.staggered", () => {
  it("starts the next attempt when the delay has passed, and keeps the earlier one running", () => {
    const { exit, log } = run([ok("a", 400), ok("b", 1000)], { delay: 250 })
    assert.deepStrictEqual(exit, Exit.succeed("a"))
    assert.deepStrictEqual(log, ["0 start a", "250 start b", "400 close b", "400 won a", "400 close a"])
  })

  it("starts no second attempt when the first connects within the delay", () => {
    const { log } = run([ok("a", 249), ok("b", 1)], { delay: 250 })
    assert.deepStrictEqual(log, ["0 start a", "249 won a", "249 close a"])
  })

  it("starts the next attempt at once when the latest fails", () => {
    const { log } = run([refused("a", 10), ok("b", 10)], { delay: 250 })
    assert.deepStrictEqual(log, ["0 start a", "10 close a", "10 start b", "20 won b", "20 close b"])
  })

  it("keeps to the delay when an attempt fails that was not the latest", () => {
    const { log } = run([refused("a", 300), never("b"), ok("c", 1)], { delay: 250 })
    assert.deepStrictEqual(log, [
      "0 start a",
      "250 start b",
      "300 close a",
      "500 start c",
      "501 close b",
      "501 won c",
      "501 close c"
    ])
  })

  it("counts the delay of the next attempt from its own start after a failure", () => {
    const { log } = run([refused("a", 10), never("b"), ok("c", 1)], { delay: 250 })
    assert.deepStrictEqual(log.filter((line) => line.includes("start")), ["0 start a", "10 start b", "260 start c"])
  })

  it("asks the delay of each candidate", () => {
    const { log } = run([never("a"), never("b"), ok("c", 1)], { delay: ({ name }) => name === "a" ? 100 : 30 })
    assert.deepStrictEqual(log.filter((line) => line.includes("start")), ["0 start a", "100 start b", "130 start c"])
  })

  it("starts the next only on failure when the delay is infinite", () => {
    const { log } = run([refused("a", 9000), ok("b", 1)], { delay: "Infinity" })
    assert.deepStrictEqual(log.filter((line) => line.includes("start")), ["0 start a", "9000 start b"])
  })

  it("reports every failure in the order the attempts started", () => {
    const { exit, log } = run([refused("a", 900), refused("b", 10), refused("c", 10)], { delay: 250 })
    assert.deepStrictEqual(failures(exit), ["a", "b", "c"])
    assert.strictEqual(log.at(-1), "900 close a")
  })

  it("fails with no failures where there is nothing to try", () => {
    assert.deepStrictEqual(failures(run([], { delay: 250 }).exit), [])
    assert.isTrue(Exit.isFailure(run([], { delay: 250 }).exit))
  })

  it("closes every loser before it returns", () => {
    const { log } = run([never("a"), never("b"), ok("c", 5)], { delay: 10 })
    assert.deepStrictEqual(log.slice(-4), ["25 close a", "25 close b", "25 won c", "25 close c"])
  })

  it("waits until a slow loser has closed", () => {
    const { note } = journal()
    const closing = { name: "slow" }
    const program = Effect.gen(function*() {
      const lines: Array<string> = []
      const now = Clock.currentTimeMillis
      const attempt = (name: string) =>
        name === "slow"
          ? Effect.andThen(
            Effect.addFinalizer(() =>
              Effect.andThen(Effect.sleep(40), Effect.map(now, (at) => void lines.push(`${at} closed`)))
            ),
            Effect.never
          )
          : Effect.as(Effect.sleep(5), name)
      const won = yield* Race.staggered([closing.name, "quick"], attempt, { delay: 10 })
      lines.push(`${yield* now} won ${won}`)
      yield* note("end")
      return lines
    })
    assert.deepStrictEqual(VirtualTime.run(Effect.scoped(program)), Exit.succeed(["55 closed", "55 won quick"]))
  })

  it("closes the second of two attempts that succeed in one tick", () => {
    const { attempt, log, note } = journal()
    const program = Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      yield* Effect.forkChild(Effect.andThen(Effect.sleep(300), Deferred.succeed(gate, undefined)))
      // Uninterruptible, as a connect is whose handshake has already finished.
      return yield* Race.staggered(
        ["a", "b"],
        (name) => Effect.uninterruptible(Effect.andThen(attempt(ok(name, 0)), Effect.as(Deferred.await(gate), name))),
        { delay: 250 }
      ).pipe(Effect.tap((name) => note(`won ${name}`)))
    })
    assert.deepStrictEqual(VirtualTime.run(Effect.scoped(program)), Exit.succeed("a"))
    assert.deepStrictEqual(log, ["0 start a", "250 start b", "300 close b", "300 won a", "300 close a"])
  })

  it("waits at the cap for an attempt to end, and sacrifices none", () => {
    const { exit, log } = run([refused("a", 700), ok("b", 900), ok("c", 1)], { delay: 100, maxInFlight: 2 })
    assert.deepStrictEqual(exit, Exit.succeed("c"))
    assert.deepStrictEqual(log.filter((line) => line.includes("start")), ["0 start a", "100 start b", "700 start c"])
  })

  it("does not skip the delay at the cap when an earlier attempt ends first", () => {
    const { log } = run([refused("a", 120), never("b"), ok("c", 1)], { delay: 100, maxInFlight: 2 })
    assert.deepStrictEqual(log.filter((line) => line.includes("start")), ["0 start a", "100 start b", "200 start c"])
  })

  it("runs one attempt at a time at least", () => {
    const { exit } = run([refused("a", 1), ok("b", 1)], { delay: 100, maxInFlight: 0 })
    assert.deepStrictEqual(exit, Exit.succeed("b"))
  })

  it("ends with the defect of an attempt and closes the others", () => {
    const { attempt, log } = journal()
    const exit = VirtualTime.run(Effect.scoped(
      Race.staggered([0, 1], (n) => n === 0 ? attempt(never("a")) : Effect.die("bug"), { delay: 250 })
    ))
    assert.deepStrictEqual(exit, Exit.die("bug"))
    assert.deepStrictEqual(log, ["0 start a", "250 close a"])
  })

  it("counts a failure that brings a defect with it as a defect", () => {
    const exit = VirtualTime.run(Effect.scoped(
      Race.staggered(
        [1],
        () => Effect.andThen(Effect.addFinalizer(() => Effect.die("broken close")), Effect.fail("refused")),
        { delay: 250 }
      )
    ))
    assert.isTrue(Exit.hasDies(exit))
  })

  it("turns a throw of the attempt function into a defect", () => {
    const exit = VirtualTime.run(Effect.scoped(
      Race.staggered([1], (): Effect.Effect<never> => {
        throw new Error("thrown")
      }, { delay: 250 })
    ))
    assert.isTrue(Exit.hasDies(exit))
  })

  it("turns a throw of the delay function into a defect and closes what runs", () => {
    const { attempt, log } = journal()
    const exit = VirtualTime.run(Effect.scoped(
      Race.staggered([never("a")], attempt, {
        delay: () => {
          throw new Error("thrown")
        }
      })
    ))
    assert.isTrue(Exit.hasDies(exit))
    assert.deepStrictEqual(log, ["0 start a", "0 close a"])
  })

  it("ends when an attempt interrupts itself", () => {
    const { attempt, log } = journal()
    const exit = VirtualTime.run(Effect.scoped(
      Race.staggered([0, 1], (n) => n === 0 ? attempt(never("a")) : Effect.interrupt, { delay: 250 })
    ))
    assert.isTrue(Exit.hasInterrupts(exit))
    assert.deepStrictEqual(log, ["0 start a", "250 close a"])
  })

  it("does not hide a loser that breaks while it closes", () => {
    const { attempt, log } = journal()
    const broken = Effect.andThen(Effect.addFinalizer(() => Effect.die("broken close")), Effect.never)
    const exit = VirtualTime.run(Effect.scoped(
      Race.staggered([0, 1], (n) => n === 0 ? broken : attempt(ok("b", 1)), { delay: 10 })
    ))
    assert.deepStrictEqual(exit, Exit.die("broken close"))
    assert.deepStrictEqual(log, ["10 start b", "11 close b"])
  })

  it("closes everything when the caller is interrupted", () => {
    const { attempt, log } = journal()
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const fiber = yield* Effect.forkChild(
        Scope.provide(Race.staggered([never("a"), never("b")], attempt, { delay: 250 }), scope)
      )
      yield* Effect.sleep(400)
      yield* Fiber.interrupt(fiber)
      return [...log]
    })
    assert.deepStrictEqual(
      VirtualTime.run(program),
      Exit.succeed(["0 start a", "250 start b", "400 close a", "400 close b"])
    )
  })

  it("keeps no winner when the caller is interrupted while a loser closes", () => {
    const { attempt, log } = journal()
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const loser = Effect.andThen(Effect.addFinalizer(() => Effect.sleep(100)), Effect.never)
      const fiber = yield* Effect.forkChild(
        Scope.provide(
          // The interruption waits for the close, and lands behind the race: what
          // the race handed over is then the caller's, whose scope closes it.
          Effect.andThen(
            Race.staggered([0, 1], (n) => n === 0 ? loser : attempt(ok("b", 10)), { delay: 10 }),
            Effect.never
          ),
          scope
        ).pipe(Effect.onExit((exit) => Scope.close(scope, exit)))
      )
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(fiber)
      return [...log]
    })
    assert.deepStrictEqual(VirtualTime.run(program), Exit.succeed(["10 start b", "120 close b"]))
  })

  it("keeps no winner when the winning attempt interrupts the caller", () => {
    const { log, note } = journal()
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const caller: Fiber.Fiber<string, unknown> = yield* Effect.forkChild(
        Scope.provide(
          Race.staggered(["a"], (name) =>
            Effect.acquireRelease(note("start a"), () => note("close a")).pipe(
              Effect.andThen(Effect.sleep(10)),
              Effect.andThen(Effect.sync(() => caller.interruptUnsafe())),
              Effect.as(name),
              Effect.uninterruptible
            ), { delay: 250 }),
          scope
        )
      )
      yield* Fiber.await(caller)
      return [...log]
    })
    assert.deepStrictEqual(VirtualTime.run(program), Exit.succeed(["0 start a", "10 close a"]))
  })

  it("closes an attempt that interrupts the caller while it starts", () => {
    const { attempt, log } = journal()
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const caller: Fiber.Fiber<string, unknown> = yield* Effect.forkChild(
        Scope.provide(
          Race.staggered(
            [0, 1],
            (n) =>
              n === 0
                ? attempt(never("a"))
                : Effect.andThen(Effect.sync(() => caller.interruptUnsafe()), attempt(never("b"))),
            { delay: 250 }
          ),
          scope
        )
      )
      yield* Fiber.await(caller)
      return log.filter((line) => line.includes("start")).length - log.filter((line) => line.includes("close")).length
    })
    assert.deepStrictEqual(VirtualTime.run(program), Exit.succeed(0))
  })

  it("survives ten thousand attempts that fail at once", () => {
    const plans = Array.from({ length: 10_000 }, (_, n) => n)
    const exit = VirtualTime.run(Effect.scoped(Race.staggered(plans, (n) => Effect.fail(n), { delay: 250 })))
    assert.isTrue(Exit.isFailure(exit))
  })

  it("leaves no finalizer of a loser in the caller's scope", () => {
    const { attempt } = journal()
    const program = Effect.gen(function*() {
      const scope = yield* Scope.make()
      for (let n = 0; n < 100; n++) {
        const child = yield* Scope.fork(scope)
        yield* Scope.provide(Race.staggered([never("a"), ok("b", 1)], attempt, { delay: 10 }), child)
        yield* Scope.close(child, Exit.void)
      }
      return scope.state._tag === "Open" ? scope.state.finalizers?.size ?? (scope.state.finalizer ? 1 : 0) : 0
    })
    assert.deepStrictEqual(VirtualTime.run(program), Exit.succeed(0))
  })

  it("takes the attempt first when it is piped", () => {
    const { attempt } = journal()
    const exit = VirtualTime.run(Effect.scoped(Race.staggered(attempt, { delay: 250 })([ok("a", 10)])))
    assert.deepStrictEqual(exit, Exit.succeed("a"))
  })

  it("can be run twice", () => {
    const { attempt } = journal()
    const raced = Effect.scoped(Race.staggered([refused("a", 10), ok("b", 10)], attempt, { delay: 250 }))
    assert.deepStrictEqual(VirtualTime.runUnsafe(Effect.all([raced, raced])), ["b", "b"])
  })
})

describe("Race.staggered with a Pull", () => {
  /** Candidates that become available at given times. */
  const arriving = (items: ReadonlyArray<readonly [at: number, plan: Plan]>): Pull.Pull<Plan> => {
    let index = 0
    return Effect.suspend(() => {
      const item = items[index++]
      if (item === undefined) return Cause.done()
      return Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => Effect.as(Effect.sleep(Math.max(0, item[0] - now)), item[1])
      )
    })
  }

  const runPull = <E>(pull: Pull.Pull<Plan, E>, options: Race.Options<Plan>) => {
    const { attempt, log } = journal()
    const exit = VirtualTime.run(Effect.scoped(Race.staggered(pull, attempt, options)))
    return { exit, starts: log.filter((line) => line.includes("start")), log }
  }

  it("asks anew before every start, at the moment of the start", () => {
    const asked: Array<number> = []
    const plans = [never("a"), refused("b", 10), ok("c", 1)]
    const pull: Pull.Pull<Plan> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      asked.push(now)
      const plan = plans[asked.length - 1]
      return plan === undefined ? Cause.done() : Effect.succeed(plan)
    })
    runPull(pull, { delay: 250 })
    assert.deepStrictEqual(asked, [0, 250, 260])
  })

  it("starts a candidate that arrives after the delay at once", () => {
    const { starts } = runPull(arriving([[0, never("a")], [600, ok("b", 1)]]), { delay: 250 })
    assert.deepStrictEqual(starts, ["0 start a", "600 start b"])
  })

  it("holds the next candidate back for a whole delay when the latest failed while one was awaited", () => {
    const { starts } = runPull(arriving([[0, refused("a", 300)], [400, never("b")], [400, ok("c", 1)]]), {
      delay: 250
    })
    assert.deepStrictEqual(starts, ["0 start a", "400 start b", "650 start c"])
  })

  it("waits for attempts in flight when there are no more candidates", () => {
    const { exit } = runPull(arriving([[0, ok("a", 5000)]]), { delay: 250 })
    assert.deepStrictEqual(exit, Exit.succeed("a"))
  })

  it("fails with the failure of the candidates, and closes what runs", () => {
    let first = true
    const pull: Pull.Pull<Plan, string> = Effect.suspend(() => {
      if (!first) return Effect.fail("no more")
      first = false
      return Effect.succeed(never("a"))
    })
    const { exit, log } = runPull(pull, { delay: 250 })
    assert.deepStrictEqual(exit, Exit.fail("no more"))
    assert.deepStrictEqual(log, ["0 start a", "250 close a"])
  })

  it("interrupts a pending question when an attempt wins", () => {
    const { log, note } = journal()
    let first = true
    const pull: Pull.Pull<Plan> = Effect.suspend(() => {
      if (!first) return Effect.onInterrupt(Effect.never, () => note("question interrupted"))
      first = false
      return Effect.succeed(ok("a", 400))
    })
    const { attempt } = journal()
    const exit = VirtualTime.run(Effect.scoped(Race.staggered(pull, attempt, { delay: 250 })))
    assert.deepStrictEqual(exit, Exit.succeed("a"))
    assert.deepStrictEqual(log, ["400 question interrupted"])
  })

  it("interrupts a question that interrupts the caller while it is asked", () => {
    const { log, note } = journal()
    const { attempt } = journal()
    const program = Effect.gen(function*() {
      let asked = 0
      const caller: Fiber.Fiber<string, unknown> = yield* Effect.forkChild(Effect.scoped(Race.staggered(
        Effect.suspend((): Pull.Pull<Plan> => {
          if (asked++ === 0) return Effect.succeed(never("a"))
          caller.interruptUnsafe()
          return Effect.onInterrupt(Effect.never, () => note("question interrupted"))
        }),
        attempt,
        { delay: 250 }
      )))
      yield* Fiber.await(caller)
      return [...log]
    })
    assert.deepStrictEqual(VirtualTime.run(program), Exit.succeed(["250 question interrupted"]))
  })

  it("takes candidates from a stream", () => {
    const { attempt, log } = journal()
    const stream = Stream.make(refused("a", 5), never("b"), ok("c", 5))
    const exit = VirtualTime.run(Effect.scoped(
      Effect.flatMap(Race.fromStream(stream), (pull) => Race.staggered(pull, attempt, { delay: 250 }))
    ))
    assert.deepStrictEqual(exit, Exit.succeed("c"))
    assert.deepStrictEqual(log.filter((line) => line.includes("start")), ["0 start a", "5 start b", "255 start c"])
  })
})
