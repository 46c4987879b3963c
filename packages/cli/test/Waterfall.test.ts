import { assert, describe, it } from "@effect/vitest"
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as Schema from "effect/Schema"
import type { Style } from "../src/Style.ts"
import * as Waterfall from "../src/Waterfall.ts"
import { answer, attempt, failed, won } from "./reports.ts"

const plain: Style = { columns: 80, colour: false, unicode: true }

const draw = (report: ConnectReport.ConnectReport, style: Partial<Style> = {}) =>
  Waterfall.lines(report, { ...plain, ...style }).join("\n")

const milliseconds = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 600_000 }))

// oxlint-disable-next-line no-control-regex
const colours = /\x1b\[(\d+)m/g

const expectLines = (actual: string, expected: string) => assert.strictEqual(`\n${actual}\n`, expected)

describe("Waterfall.lines", () => {
  it("draws answers and attempts on one scale at 80 columns", () =>
    expectLines(
      draw(won),
      `
ygg.re, ports 443 and 80
                        0        250 ms
  AAAA 2001:db8::1, …   ┄●                       20 ms  2 addresses
  A    192.0.2.1, …     ┄●                       42 ms  3 addresses
· [2001:db8::1]:443      ────────────────────── 580 ms  interrupted
✗ 192.0.2.1:443                   ╶             2.4 ms  refused
· [2001:db8::2]:443               ╶──────────── 328 ms  interrupted
✗ 192.0.2.2:443                             ─╴   38 ms  TLS failed: UNABLE_TO_V…
✓ 192.0.2.3:443                              ╺━  40 ms  connected

✓ connected to 192.0.2.3:443 with TLS in 600 ms; 2 interrupted, 1 refused, 1 TLS failed
`
    ))

  it("gives the room of 120 columns to the bars and the reasons", () =>
    expectLines(
      draw(won, { columns: 120 }),
      `
ygg.re, ports 443 and 80
                        0                200 ms           400 ms
  AAAA 2001:db8::1, …   ┄●                                                   20 ms  2 addresses
  A    192.0.2.1, …     ┄┄┄●                                                 42 ms  3 addresses
· [2001:db8::1]:443      ╶───────────────────────────────────────────────── 580 ms  interrupted
✗ 192.0.2.1:443                                ╴                            2.4 ms  refused
· [2001:db8::2]:443                            ──────────────────────────── 328 ms  interrupted
✗ 192.0.2.2:443                                                     ╶──╴     38 ms  TLS failed: UNABLE_TO_VERIFY_LEAF_S…
✓ 192.0.2.3:443                                                        ╺━━━  40 ms  connected

✓ connected to 192.0.2.3:443 with TLS in 600 ms; 2 interrupted, 1 refused, 1 TLS failed
`
    ))

  it("writes ASCII where the terminal has nothing else", () =>
    expectLines(
      draw(won, { unicode: false }),
      `
ygg.re, ports 443 and 80
                        0        250 ms
  AAAA 2001:db8::1, ..  .o                       20 ms  2 addresses
  A    192.0.2.1, ..    .o                       42 ms  3 addresses
- [2001:db8::1]:443      ---------------------- 580 ms  interrupted
x 192.0.2.1:443                   -             2.4 ms  refused
- [2001:db8::2]:443               ------------- 328 ms  interrupted
x 192.0.2.2:443                             --   38 ms  TLS failed: UNABLE_TO_..
* 192.0.2.3:443                              ==  40 ms  connected

* connected to 192.0.2.3:443 with TLS in 600 ms; 2 interrupted, 1 refused, 1 TLS failed
`
    ))

  it("colours the winner, the failures and what was interrupted", () =>
    expectLines(
      draw(won, { colour: true }).replaceAll(colours, "<$1>"),
      `
<1>ygg.re, ports 443 and 80<22>
<2>                        0        250 ms<22>
  AAAA 2001:db8::1, …   <36>┄●                     <39>  20 ms  2 addresses
  A    192.0.2.1, …     <36>┄●                     <39>  42 ms  3 addresses
<2>· <22><2>[2001:db8::1]:443     <22><2> ──────────────────────<22><2> 580 ms<22><2>  interrupted<22>
<31>✗ <39>192.0.2.1:443         <31>          ╶            <39> 2.4 ms<31>  refused<39>
<2>· <22><2>[2001:db8::2]:443     <22><2>          ╶────────────<22><2> 328 ms<22><2>  interrupted<22>
<31>✗ <39>192.0.2.2:443         <31>                    ─╴ <39>  38 ms<31>  TLS failed: UNABLE_TO_V…<39>
<32>✓ <39><32>192.0.2.3:443         <39><32>                     ╺━<39><32>  40 ms<39><32>  connected<39>

<32>✓ connected to 192.0.2.3:443 with TLS in 600 ms; 2 interrupted, 1 refused, 1 TLS failed<39>
`
    ))

  it("colours a failure at 120 columns", () =>
    expectLines(
      draw(failed, { columns: 120, colour: true }).replaceAll(colours, "<$1>"),
      `
<1>dual.example, port 443<22>
<2>                        0           200 ms      400 ms      600 ms      800 ms      1 s<22>
<31>✗ <39>AAAA                  <31>●                                                                           <39>  12 ms<31>  not found<39>
  A    192.0.2.1, …     <36>┄●                                                                          <39>  20 ms  2 addresses
<31>✗ <39>192.0.2.1:443         <31> ───────────────────────────────────────────────────────────────────────────<39> 1.25 s<31>  reset<39>
<31>✗ <39>192.0.2.2:443         <31>                ╴                                                           <39>   5 ms<31>  unreachable<39>

<31>✗ could not connect to dual.example, port 443 after 1.27 s: 1 reset, 1 unreachable<39>
`
    ))

  it("says how each attempt of a failed connect ended", () =>
    expectLines(
      draw(failed),
      `
dual.example, port 443
                        0             500 ms        1 s
✗ AAAA                  ●                                     12 ms  not found
  A    192.0.2.1, …     ●                                     20 ms  2 addresses
✗ 192.0.2.1:443         ╶─────────────────────────────────── 1.25 s  reset
✗ 192.0.2.2:443                ╶                               5 ms  unreachable

✗ could not connect to dual.example, port 443 after 1.27 s: 1 reset, 1 unreachable
`
    ))

  it("draws no chart where nothing was answered and nothing tried", () => {
    const error = { tag: "InvalidTarget", message: "could not connect to host: no ports: give at least one" }
    const report: ConnectReport.ConnectReport = { ...failed, attempts: [], resolution: [], error }
    assert.deepStrictEqual(Waterfall.lines(report, plain), [`✗ ${error.message}`])
  })

  it("never cuts an address at 80 columns", () => {
    const address = "2001:0db8:85a3:1111:2222:8a2e:0370:7334"
    const report = {
      ...won,
      attempts: won.attempts.map(({ endedAtMs, kind, outcome, startedAtMs }) =>
        attempt(`[${address}]:65535`, startedAtMs, endedAtMs, outcome, kind, "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
      )
    }
    const chart = Waterfall.chart(report, plain)
    assert.strictEqual(chart.filter((line) => line.includes(`[${address}]:65535`)).length, 5)
    assert.isAtMost(Math.max(...chart.map((line) => line.length)), 80)
  })

  it("shows whole addresses of a long answer, and that there are more", () => {
    const addresses = Array.from({ length: 40 }, (_, index) => `192.0.2.${index}`)
    const [, , line = ""] = Waterfall.chart({ ...failed, resolution: [answer("A", 20, addresses)] }, plain)
    assert.match(line, /A {4}192\.0\.2\.0, … +─*.*40 addresses$/)
  })

  it("lets no control character reach the terminal", () => {
    const report: ConnectReport.ConnectReport = {
      ...failed,
      target: { host: "evil\u001b[2J.example", ports: [443] },
      resolution: [{ ...answer("A", 20, ["192.0.2.1"]), name: "x\u001b[31m" }],
      attempts: [attempt("192.0.2.1:443", 0, 1, "failed", "Unknown", "\u0007\n")],
      error: { tag: "NoAddresses", message: "a\nb" }
    }
    assert.notMatch(draw(report).replaceAll("\n", ""), /\p{Cc}/u)
    assert.strictEqual(draw(report).split("\n").length, 6)
  })

  it.prop(
    "fits in the columns, whatever the times are",
    {
      times: Schema.Array(Schema.Struct({ from: milliseconds, took: milliseconds })),
      columns: Schema.Int.check(Schema.isBetween({ minimum: 60, maximum: 120 })),
      unicode: Schema.Boolean
    },
    ({ columns, times, unicode }) => {
      const attempts = times.map(({ from, took }, index) =>
        attempt(`[2001:db8::${index}]:443`, from, from + took, index === 0 ? "connected" : "interrupted")
      )
      const chart = Waterfall.chart({ ...won, attempts }, { ...plain, columns, unicode })
      assert.isAtMost(Math.max(0, ...chart.map((line) => line.length)), columns)
      assert.isTrue(chart.every((line) => unicode || /^[ -~]*$/.test(line)))
    }
  )
})
