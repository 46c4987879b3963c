import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Times from "../src/Times.ts"
import * as TimesTable from "../src/TimesTable.ts"
import { plain } from "./simulated.ts"

describe("Times.summarize", () => {
  it.each([
    [[], [null, null, null]],
    [[7], [7, 7, 7]],
    [[30, 10], [10, 10, 30]],
    [[3, 1, 2], [1, 2, 3]],
    [Array.from({ length: 100 }, (_, index) => 100 - index), [1, 50, 95]]
  ])("sums up %j", (times, [minMs, medianMs, p95Ms]) => {
    assert.deepStrictEqual<unknown>(Times.summarize(times), { minMs, medianMs, p95Ms })
  })

  it.prop("gives times that were measured, in order", [Schema.NonEmptyArray(Schema.Finite)], ([times]) => {
    const { medianMs, minMs, p95Ms } = Times.summarize(times)
    assert.isTrue([minMs, medianMs, p95Ms].every((ms) => ms !== null && times.includes(ms)))
    assert.isTrue(minMs! <= medianMs! && medianMs! <= p95Ms!)
  })
})

describe("Times.tally", () => {
  it("counts what has the same key, the most frequent first", () => {
    assert.deepStrictEqual(Times.tally(["a", "b", "c", "b"], (word) => word), [
      { item: "b", count: 2 },
      { item: "a", count: 1 },
      { item: "c", count: 1 }
    ])
  })
})

describe("TimesTable.linesTogether", () => {
  const row = (label: string, medianMs: number | null, p95Ms: number | null, ...cells: ReadonlyArray<string>) => ({
    ink: undefined,
    label,
    medianMs,
    p95Ms,
    instead: "no answer",
    cells
  })

  it("draws tables on one scale, with a thin line from the median to the 95th percentile", () => {
    const tables = [
      { columns: ["median", "p95"], rows: [row("a", 20, 40, "20 ms", "40 ms"), row("bb", null, null)] },
      { columns: ["median", "p95"], rows: [row("ccc", 40, 80, "40 ms", "80 ms")] }
    ]
    assert.deepStrictEqual(TimesTable.linesTogether(tables, { ...plain, columns: 60 }), [
      [
        "     0         20 ms     40 ms     60 ms       median    p95",
        "a    ━━━━━━━━━━──────────                       20 ms  40 ms",
        "bb   no answer"
      ],
      [
        "     0         20 ms     40 ms     60 ms       median    p95",
        "ccc  ━━━━━━━━━━━━━━━━━━━━────────────────────   40 ms  80 ms"
      ]
    ])
  })
})
