import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as CliDuration from "../src/CliDuration.ts"

const millis = (text: string) =>
  Result.getOrThrow(Result.map(CliDuration.fromString(text), (input) => Duration.toMillis(input)))

const failure = (text: string, words: ReadonlyArray<CliDuration.Word> = []) => {
  const result = CliDuration.fromString<CliDuration.Word>(text, words)
  return Result.isFailure(result) ? result.failure : undefined
}

describe("CliDuration.fromString", () => {
  it.each([["250ms", 250], ["0ms", 0], ["0.5ms", 0.5], ["2s", 2000], ["1.5s", 1500], ["1m", 60_000]] as const)(
    "reads %s",
    (text, expected) => assert.strictEqual(millis(text), expected)
  )

  it("reads none as no limit and adaptive as itself, where they are allowed", () => {
    assert.deepStrictEqual(CliDuration.fromString("none", ["none"]), Result.succeed(Duration.infinity))
    assert.deepStrictEqual(CliDuration.fromString("adaptive", ["adaptive"]), Result.succeed<"adaptive">("adaptive"))
    assert.strictEqual(failure("none"), "\"none\" is not a duration: write 250ms, 2s or 1m")
    assert.strictEqual(failure("none", ["adaptive"]), "\"none\" is not a duration: write 250ms, 2s, 1m or adaptive")
  })

  it.each(["", "250", "ms", "-1s", "1h", "1 s", "1S", "1e3ms", "1.ms", "Infinity", "NaNms", "5s "])(
    "refuses %j",
    (text) => assert.strictEqual(failure(text), `"${text}" is not a duration: write 250ms, 2s or 1m`)
  )
})

describe("CliDuration.rewrite", () => {
  it("puts the library's durations into the form of the command line", () => {
    assert.strictEqual(
      CliDuration.rewrite("give at least 10 ms, such as \"250 millis\" (got \"5 millis\")"),
      "give at least 10 ms, such as 250ms (got 5ms)"
    )
  })
})
