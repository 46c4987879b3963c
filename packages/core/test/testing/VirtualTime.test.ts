import { assert, describe, it } from "@effect/vitest"
import { VirtualTime } from "@happy-eyeballs/core/testing"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

const traced = (program: (say: (what: string) => Effect.Effect<void>) => Effect.Effect<void>) => {
  const lines: Array<string> = []
  const say = (what: string) =>
    Clock.clockWith((clock) =>
      Effect.sync(() => {
        lines.push(`${clock.currentTimeMillisUnsafe()} ${what}`)
      })
    )
  const exit = VirtualTime.run(program(say))
  assert.deepStrictEqual(exit, Exit.void)
  return lines
}

describe("VirtualTime.run", () => {
  it("advances by itself to each timer in turn", () => {
    const lines = traced((say) =>
      Effect.gen(function*() {
        const slow = yield* Effect.forkChild(Effect.andThen(Effect.sleep("10 minutes"), say("slow")))
        const fast = yield* Effect.forkChild(Effect.andThen(Effect.sleep(20), say("fast")))
        yield* say("started")
        yield* Fiber.join(slow)
        yield* Fiber.join(fast)
      })
    )
    assert.deepStrictEqual(lines, ["0 started", "20 fast", "600000 slow"])
  })

  it("fires timers of one instant in the order in which they were set", () => {
    const lines = traced((say) =>
      Effect.forEach(["a", "b", "c", "d"], (name, index) =>
        Effect.andThen(
          Effect.andThen(Effect.sleep(index % 2 === 0 ? 10 : 4), Effect.sleep(index % 2 === 0 ? 10 : 16)),
          say(name)
        ), { concurrency: "unbounded", discard: true })
    )
    assert.deepStrictEqual(lines, ["20 b", "20 d", "20 a", "20 c"])
  })

  it("lets everything that one timer wakes come to rest before the next one fires", () => {
    const lines = traced((say) =>
      Effect.gen(function*() {
        const woken = yield* Deferred.make<void>()
        yield* Effect.forkChild(
          Effect.andThen(Effect.andThen(Effect.sleep(5), Deferred.succeed(woken, undefined)), say("first"))
        )
        yield* Effect.forkChild(Effect.andThen(Effect.sleep(5), say("second")))
        yield* Deferred.await(woken)
        yield* Effect.yieldNow
        yield* say("woken")
        yield* Effect.sleep(1)
      })
    )
    assert.deepStrictEqual(lines, ["5 first", "5 woken", "5 second"])
  })

  it("forgets the timer of an interrupted sleep", () => {
    const lines = traced((say) =>
      Effect.gen(function*() {
        yield* Effect.timeoutOrElse(Effect.sleep(1000), { duration: 30, orElse: () => Effect.void })
        yield* say("timed out")
        yield* Effect.sleep(10)
        yield* say("later")
      })
    )
    assert.deepStrictEqual(lines, ["30 timed out", "40 later"])
    const timedOut = Effect.timeoutOrElse(Effect.sleep(1000), { duration: 30, orElse: () => Effect.never })
    assert.deepStrictEqual(VirtualTime.run(timedOut), Exit.fail(new VirtualTime.Deadlock({ atMs: 30 })))
  })

  it("runs fibers of lower priority numbers first", () => {
    const lines = traced((say) =>
      Effect.forEach([2, 0, 1, 0], (priority) => Effect.andThen(Effect.yieldNowWith(priority), say(`${priority}`)), {
        concurrency: "unbounded",
        discard: true
      })
    )
    assert.deepStrictEqual(lines, ["0 0", "0 0", "0 1", "0 2"])
  })

  it("begins at the given time and counts monotonic time from zero", () => {
    const times = VirtualTime.runUnsafe(
      Effect.gen(function*() {
        yield* Effect.sleep(1.5)
        return [
          yield* Clock.currentTimeMillis,
          yield* Clock.currentTimeNanos,
          yield* Clock.monotonicTimeNanos
        ]
      }),
      { startMs: 1_700_000_000_000 }
    )
    assert.deepStrictEqual(times, [1_700_000_000_001.5, 1_700_000_000_001_500_000n, 1_500_000n])
  })

  it("returns failures and defects as they are", () => {
    const defect = new Error("bug")
    assert.deepStrictEqual(VirtualTime.run(Effect.andThen(Effect.sleep(1), Effect.fail("no"))), Exit.fail("no"))
    assert.deepStrictEqual(VirtualTime.run(Effect.andThen(Effect.sleep(1), Effect.die(defect))), Exit.die(defect))
  })

  it("draws the same numbers for the same seed, and others for another", () => {
    const draw = Effect.all([Random.next, Random.nextInt, Random.nextIntBetween(0, 1000)])
    const first = VirtualTime.runUnsafe(draw, { seed: 7 })
    assert.deepStrictEqual(VirtualTime.runUnsafe(draw, { seed: 7 }), first)
    assert.deepStrictEqual(VirtualTime.runUnsafe(draw), VirtualTime.runUnsafe(draw))
    assert.notDeepEqual(VirtualTime.runUnsafe(draw, { seed: 8 }), first)
    assert.deepStrictEqual(first, Effect.runSync(Random.withSeed(draw, 7)))
  })

  it("runs inside another run without touching its time", () => {
    const times = VirtualTime.runUnsafe(
      Effect.gen(function*() {
        yield* Effect.sleep(5)
        const inner = VirtualTime.runUnsafe(Effect.andThen(Effect.sleep(100), Clock.currentTimeMillis))
        return [inner, yield* Clock.currentTimeMillis]
      })
    )
    assert.deepStrictEqual(times, [100, 5])
  })

  it("says where to look when nothing can happen any more, and releases what was held", () => {
    let released = -1
    const exit = VirtualTime.run(
      Effect.gen(function*() {
        yield* Effect.addFinalizer(() =>
          Effect.andThen(
            Effect.sleep(10),
            Effect.map(Clock.currentTimeMillis, (now) => {
              released = now
            })
          )
        )
        yield* Effect.sleep(270)
        return yield* Effect.never
      }).pipe(Effect.scoped)
    )
    assert.deepStrictEqual(exit, Exit.fail(new VirtualTime.Deadlock({ atMs: 270 })))
    assert.match(new VirtualTime.Deadlock({ atMs: 270 }).message, /after 270 ms: no fiber is runnable.*promise/)
    assert.strictEqual(released, 280)
  })

  it("takes a promise for a deadlock, since nothing real happens in virtual time", () => {
    const exit = VirtualTime.run(Effect.promise(() => Promise.resolve(1)))
    assert.deepStrictEqual(exit, Exit.fail(new VirtualTime.Deadlock({ atMs: 0 })))
  })

  it.each<[string, Effect.Effect<unknown>]>([
    ["yields for ever", Effect.forever(Effect.void)],
    ["never yields", Effect.forever(Effect.void, { disableYield: true })],
    ["sleeps for ever", Effect.repeat(Effect.void, Schedule.spaced(0.001))],
    [
      "waits while another fiber repeats",
      Effect.andThen(Effect.forkChild(Effect.repeat(Effect.void, Schedule.spaced(1000))), Effect.never)
    ]
  ])("gives up an effect that %s", (_, effect) => {
    let released = false
    const exit = VirtualTime.run(
      Effect.ensuring(
        effect,
        Effect.sync(() => {
          released = true
        })
      ),
      { maxSteps: 500 }
    )
    assert.isTrue(Exit.isFailure(exit))
    assert.match(String(exit), /StepLimitReached: the effect has not ended after 500 steps/)
    assert.isTrue(released)
  })
})

describe("VirtualTime.runUnsafe", () => {
  it("throws the failure of the effect", () => {
    assert.throws(() => VirtualTime.runUnsafe(Effect.fail(new Error("no luck"))), /no luck/)
    assert.throws(() => VirtualTime.runUnsafe(Effect.never), /nothing can happen any more/)
  })
})
