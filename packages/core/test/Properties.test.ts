import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { allows, hasTies, isSame, predict } from "./model.ts"
import { connect, open, perform, runOut, tell } from "./perform.ts"
import { familyOf, type Trial, trial, wildTrial } from "./worlds.ts"

const runs = (count: number) => ({
  timeout: 240_000,
  // A fixed seed: the suite says the same of the same code every time.
  arbitrary: { runs: count, seed: "happy eyeballs", size: 12, maxShrinks: 4000 }
})

const between = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

describe("HappyEyeballs.connect on random networks", () => {
  it.prop("comes to what the rules say: the same end and instant, by the same attempts", [trial], ([trial]) => {
    const { outcome, timeline } = perform(trial)
    assert.deepStrictEqual(
      timeline.filter((line) => line.includes(" open ")),
      outcome.attempts.map(({ endpoint, startedAtMs }) => `${startedAtMs} open ${endpoint}`)
    )
    const expected = predict(trial)
    if (isSame(outcome, expected) || allows(trial, outcome)) return
    assert.fail(`the rules say ${JSON.stringify(expected)}, the library did ${JSON.stringify(outcome)}`)
  }, runs(10_000))

  it.effect("is asked about connects of every kind, most of which can end in one way only", () =>
    Effect.gen(function*() {
      const trials = yield* Arbitrary.sampleEffect(trial, { count: 2000, size: 12, seed: "every kind" })
      const outcomes = trials.map((trial) => predict(trial))
      const ends = Object.groupBy(outcomes, ({ end }) => end)
      for (const end of ["Connected", "NoAddresses", "AllAttemptsFailed", "TimedOut", "WaitsForEver"] as const) {
        assert.isAbove(ends[end]?.length ?? 0, 20, end)
      }
      assert.isAbove(outcomes.filter(({ attempts }) => attempts.length > 2).length, 600)
      assert.isBelow(trials.filter(hasTies).length, 300)
    }))

  it.prop("wins with the first attempt that can succeed, at the instant it does", [trial], ([trial]) => {
    const { attempts, elapsedMs, end, winner } = perform(trial).outcome
    if (end === "WaitsForEver") return
    const attemptTimeout = trial.options.attemptTimeout ?? Infinity
    const successes = attempts.map(({ endpoint, startedAtMs }) => ({
      endpoint,
      startedAtMs,
      atMs: startedAtMs + successAfterMs(trial, endpoint)
    }))
    // One that succeeds in the very millisecond of its timeout may do either.
    const certain = successes.filter(({ atMs, startedAtMs }) => atMs < startedAtMs + attemptTimeout)
    assert.isAtLeast(Math.min(...certain.map(({ atMs }) => atMs)), elapsedMs)
    if (end === "Connected") {
      assert.strictEqual(successes.find(({ endpoint }) => endpoint === winner)?.atMs, elapsedMs)
    }
  }, runs(1000))

  it.prop("keeps every limit, whatever is lost and however long it takes", [wildTrial], ([trial]) => {
    const { mostAcquired, outcome: { attempts, elapsedMs } } = perform(trial)
    const { connectionAttemptDelay, maxAttemptsInFlight, maxCandidates, timeout } = trial.options
    assert.strictEqual(new Set(attempts.map(({ endpoint }) => endpoint)).size, attempts.length)
    assert.isAtMost(attempts.length, maxCandidates)
    assert.isAtMost(elapsedMs, timeout ?? Infinity)
    assert.isAtMost(mostAcquired, maxAttemptsInFlight ?? Infinity)
    for (const [index, { startedAtMs }] of attempts.entries()) {
      const earlier = attempts.slice(0, index)
      const latest = earlier.at(-1)
      if (latest !== undefined && !(latest.outcome === "failed" && latest.endedAtMs <= startedAtMs)) {
        assert.isAtLeast(startedAtMs - latest.startedAtMs, connectionAttemptDelay)
      }
      const running = earlier.filter(({ endedAtMs, outcome }) => outcome !== "failed" || endedAtMs > startedAtMs)
      assert.isBelow(running.length, maxAttemptsInFlight ?? Infinity)
    }
  }, runs(1500))

  it.prop("leaves one socket open after a success and none after a failure, and no timer or lookup behind", [
    wildTrial
  ], ([trial]) => {
    const { lingeredMs, lookups, openAfterwards, openAtReturn, outcome, timeline } = perform(trial)
    assert.deepStrictEqual(openAtReturn, outcome.end === "Connected" ? [1, 1] : [0, 0])
    assert.deepStrictEqual(openAfterwards, [0, 0])
    // A lookup may go on for a second to fill a cache.
    assert.isAtMost(lingeredMs, trial.list === null ? 1000 : 0)
    assert.strictEqual(lookups, 0)
    assert.isTrue(timeline.every((line) => Number(line.split(" ")[0]) <= outcome.elapsedMs))
  }, runs(1500))

  it.prop("does not depend on the order in which simultaneous answers arrive", [trial], ([trial]) => {
    // Coarser times, so that most answers have company.
    const answers = trial.answers.map((answer) => ({ ...answer, atMs: answer.atMs - answer.atMs % 50 }))
    // Only the first answers, and while there is a delay to wait for the second.
    const of = (type: string) => answers.filter((answer) => answer.type === type).slice(0, 1)
    const options = { ...trial.options, resolutionDelay: Math.max(1, trial.options.resolutionDelay) }
    const answered = (answers: Trial["answers"]) =>
      perform({
        ...trial,
        options,
        stepsBeforeYield: 2048,
        answers: answers.toSorted((one, other) => one.atMs - other.atMs)
      })
    const one = answered([...of("AAAA"), ...of("A")])
    const other = answered([...of("A"), ...of("AAAA")])
    assert.deepStrictEqual({ ...one.outcome, resolution: [] }, { ...other.outcome, resolution: [] })
  }, runs(1500))

  it.prop("ends at once and leaves nothing open when it is interrupted, in any instant and at any step", [
    wildTrial,
    between(0, 24),
    between(0, 800),
    between(0, 120)
  ], ([trial, pick, anyMs, turns]) => {
    const { outcome, timeline } = perform(trial)
    // Most interruptions hit an instant in which something happens.
    const instants = [...new Set([0, ...timeline.map((line) => Number(line.split(" ")[0])), outcome.elapsedMs])]
    const atMs = instants[pick] ?? anyMs
    const ran = runOut(
      trial,
      0,
      Effect.gen(function*() {
        const caller = yield* Scope.make()
        const fiber = yield* Effect.forkChild(Scope.provide(connect(trial), caller))
        yield* Effect.sleep(atMs)
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        const endedAtMs = yield* Clock.currentTimeMillis
        const won = Exit.isSuccess(yield* Fiber.await(fiber))
        const before = { open: yield* open, finalizers: finalizers(caller) }
        yield* Scope.close(caller, Exit.void)
        return { won, endedAtMs, before, after: yield* open }
      })
    )
    // The caller's scope lives on, and yet holds nothing but what was won.
    const won = ran?.value.won ? 1 : 0
    assert.deepStrictEqual(ran?.value, {
      won: won === 1,
      endedAtMs: atMs,
      before: { open: [won, won], finalizers: won },
      after: [0, 0]
    })
    assert.isAtMost(ran!.lingeredMs, trial.list === null ? 1000 : 0)
    assert.strictEqual(ran!.lookups, 0)
  }, runs(3000))

  it.prop("says the same, byte for byte, for the same seed", [wildTrial, between(0, 1000)], ([trial, seed]) => {
    assert.strictEqual(tell(trial, seed), tell(trial, seed))
  }, runs(500))

  it.effect("says something else for another seed, where packets are lost", () =>
    Effect.gen(function*() {
      const trials = yield* Arbitrary.sampleEffect(wildTrial, { count: 200, size: 12, seed: "another" })
      assert.isAbove(trials.filter((trial) => tell(trial, 1) !== tell(trial, 2)).length, 10)
    }))
})

const finalizers = ({ state }: Scope.Scope): number =>
  state._tag === "Open" ? (state.finalizers?.size ?? 0) + (state.finalizer === undefined ? 0 : 1) : 0

/** How long after its start an attempt succeeds, if nothing ends it before; infinite where it cannot. */
const successAfterMs = ({ hosts, noRoute, options }: Trial, endpoint: string): number => {
  const address = endpoint.replace(/:\d+$/, "").replace(/[[\]]/g, "")
  const fate = hosts[endpoint] ?? hosts[address]
  if (fate?.outcome !== "accept" || noRoute.includes(address) || noRoute.includes(familyOf(address))) return Infinity
  if (options.tls && fate.tls.outcome !== "ok") return Infinity
  return fate.afterMs + (options.tls ? fate.tls.afterMs : 0)
}
