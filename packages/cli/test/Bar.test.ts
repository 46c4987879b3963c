import { assert, describe, it } from "@effect/vitest"
import * as Bar from "../src/Bar.ts"
import { formatMs } from "../src/ReportText.ts"

const scale: Bar.Scale = { cells: 10, spanMs: 1000, unicode: true }

describe("Bar.draw", () => {
  it("is exact to half a cell", () => {
    assert.strictEqual(Bar.draw(scale, "heavy", 0, 1000), "━━━━━━━━━━")
    assert.strictEqual(Bar.draw(scale, "heavy", 250, 1000), "  ╺━━━━━━━")
    assert.strictEqual(Bar.draw(scale, "light", 300, 650), "   ───╴   ")
  })

  it("leaves a trace of what took no time, also at the ends", () => {
    assert.strictEqual(Bar.draw(scale, "light", 0, 0), "╴         ")
    assert.strictEqual(Bar.draw(scale, "light", 1000, 1000), "         ╶")
    assert.strictEqual(Bar.draw(scale, "light", 500, 500), "     ╴    ")
  })

  it("ends what arrived in a point", () => {
    assert.strictEqual(Bar.draw(scale, "dotted", 0, 0), "●         ")
    assert.strictEqual(Bar.draw(scale, "dotted", 0, 450), "┄┄┄┄●     ")
    assert.strictEqual(Bar.draw(scale, "dotted", 0, 1000), "┄┄┄┄┄┄┄┄┄●")
  })

  it("has ASCII for each stroke", () => {
    const ascii = { ...scale, unicode: false }
    assert.strictEqual(Bar.draw(ascii, "heavy", 250, 1000), "  ========")
    assert.strictEqual(Bar.draw(ascii, "light", 300, 650), "   ----   ")
    assert.strictEqual(Bar.draw(ascii, "dotted", 0, 450), "....o     ")
  })

  it("stays on the scale where times go beyond it", () => {
    assert.strictEqual(Bar.draw(scale, "heavy", 900, 5000), "         ━")
    assert.strictEqual(Bar.draw(scale, "heavy", 4000, 5000), "         ╺")
  })
})

describe("Bar.withPhase", () => {
  const heavy = Bar.draw(scale, "heavy", 200, 800)

  it("draws what comes after a time as a phase of its own", () => {
    assert.strictEqual(Bar.withPhase(scale, heavy, 500), "  ━━━═══  ")
    assert.strictEqual(
      Bar.withPhase({ ...scale, unicode: false }, Bar.draw({ ...scale, unicode: false }, "light", 200, 800), 500),
      "  ---###  "
    )
  })

  it("leaves a trace of a phase that took no time", () => {
    assert.strictEqual(Bar.withPhase(scale, heavy, 800), "  ━━━━━═  ")
    assert.strictEqual(Bar.withPhase(scale, heavy, 200), "  ══════  ")
  })
})

describe("Bar.axis", () => {
  it("writes round times where they are, and only those that fit", () => {
    assert.strictEqual(
      Bar.axis({ cells: 40, spanMs: 1000, unicode: true }, formatMs),
      "0         250 ms    500 ms    750 ms"
    )
    assert.strictEqual(Bar.axis({ cells: 40, spanMs: 3, unicode: true }, formatMs), "0            1 ms         2 ms")
    assert.strictEqual(Bar.axis({ cells: 8, spanMs: 1000, unicode: true }, formatMs), "0")
  })
})
