import { assert, describe, it } from "@effect/vitest"
import type { World } from "@happy-eyeballs/core/testing/World"
import * as Schema from "effect/Schema"
import * as Watch from "../src/Watch.ts"
import * as WatchRound from "../src/WatchRound.ts"
import { attempt, failed, won } from "./reports.ts"
import { runCli } from "./simulated.ts"

const world: World = {
  names: {
    "dual.example": [
      { type: "AAAA", afterMs: 20, addresses: ["2001:db8::1"] },
      { type: "A", afterMs: 22, addresses: ["192.0.2.2", "192.0.2.1"] }
    ],
    "unknown.example": [{ type: "AAAA", afterMs: 3, reason: "NotFound" }, { type: "A", afterMs: 4, reason: "NotFound" }]
  },
  network: {
    "192.0.2.1": { outcome: "accept", afterMs: 30 },
    "192.0.2.2": { outcome: "refuse", afterMs: 5 }
  }
}

const run = (args: ReadonlyArray<string>, options?: Parameters<typeof runCli>[2]) =>
  runCli(["watch", ...args], world, options)

const decode = Schema.decodeUnknownSync(WatchRound.Round, { onExcessProperty: "error" })

const rounds = (args: ReadonlyArray<string>, options?: Parameters<typeof runCli>[2]) => {
  const { code, messages, results } = run([...args, "--json"], options)
  assert.deepStrictEqual(messages, [])
  return { code, rounds: results.map((line) => decode(JSON.parse(line))) }
}

describe("watch --json", () => {
  it("prints a line each round, with its connect and the counts until then", () => {
    const { code, rounds: [first, second, third] } = rounds(["dual.example", "443", "--count", "3"])
    assert.strictEqual(code, 0)
    assert.deepStrictEqual([first, second, third].map((round) => [round?.round, round?.atMs]), [
      [1, 0],
      [2, 1000],
      [3, 2000]
    ])
    assert.deepInclude(third?.result, { ok: true, elapsedMs: 305, leaked: 0 })
    assert.deepStrictEqual(third?.addresses, [
      { address: "2001:db8::1", port: 443, attempts: 3, wins: 0, losses: 3, failures: 0, p50Ms: null, p95Ms: null },
      { address: "192.0.2.2", port: 443, attempts: 3, wins: 0, losses: 0, failures: 3, p50Ms: null, p95Ms: null },
      { address: "192.0.2.1", port: 443, attempts: 3, wins: 3, losses: 0, failures: 0, p50Ms: 30, p95Ms: 30 }
    ])
    assert.deepStrictEqual(third?.families, [
      { family: "IPv6", attempts: 3, wins: 0, losses: 3, failures: 0, p50Ms: null, p95Ms: null },
      { family: "IPv4", attempts: 6, wins: 3, losses: 0, failures: 3, p50Ms: 30, p95Ms: 30 }
    ])
  })

  it("keeps its rhythm, and makes up for no round that a long connect left out", () => {
    const at = (...args: ReadonlyArray<string>) =>
      rounds(["dual.example", "443", "--count", "3", ...args]).rounds.map(({ atMs }) => atMs)
    assert.deepStrictEqual(at("--every", "400ms"), [0, 400, 800])
    assert.deepStrictEqual(at("--every", "100ms"), [0, 305, 610])
  })

  it("goes on until it is interrupted, and ends 130 with what was whole", () => {
    for (const [interruptAfterMs, whole] of [[0, 0], [300, 0], [310, 1], [1300, 1], [1310, 2], [10_500, 11]] as const) {
      const { code, rounds: printed } = rounds(["dual.example", "443"], { interruptAfterMs })
      assert.deepStrictEqual([code, printed.length], [130, whole], `${interruptAfterMs}`)
    }
  })

  it("ends 1 when a round could not connect, and tries on all the same", () => {
    const { code, rounds: printed } = rounds(["unknown.example", "443", "--count", "2"])
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(printed.map(({ result }) => result.error?.tag), ["NoAddresses", "NoAddresses"])
  })

  it.each([
    ["InvalidTarget", ["", "443"]],
    ["InvalidTarget", ["host:99999", "-"]],
    ["InvalidOptions", ["host", "443/tls", "80"]],
    ["InvalidOptions", ["host", "443", "--every", "9ms"]],
    ["InvalidOptions", ["host", "443", "--every", "often"]],
    ["InvalidOptions", ["host", "443", "--count", "1.5"]],
    ["InvalidOptions", ["host", "443", "--report", "missing/watch.html"]]
  ])("refuses, tagged %s, %j", (tag, args) => {
    const { code, messages, results } = run([...args, "--json"])
    assert.deepStrictEqual([code, messages, results.length], [2, [], 1])
    assert.strictEqual(JSON.parse(results[0]!).error.tag, tag)
  })
})

describe("watch for people", () => {
  const table = `
dual.example, port 443: 2 rounds

                   0             20 ms    tried  won  lost  failed    p50    p95
[2001:db8::1]:443                             2    0     2       0
192.0.2.2:443                                 2    0     0       2
192.0.2.1:443      ━━━━━━━━━━━━━━━━━━━━━      2    2     0       0  30 ms  30 ms

IPv6                                          2    0     2       0
IPv4               ━━━━━━━━━━━━━━━━━━━━━      4    2     0       2  30 ms  30 ms

✓ connected to 192.0.2.1:443 in 305 ms; 1 interrupted, 1 refused
`

  it("prints a line each round where there is no terminal, and the table at the end", () => {
    const { code, results } = run(["dual.example", "443", "--count", "2"])
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(results.slice(0, 3), [
      "1 at 0 ms: ✓ connected to 192.0.2.1:443 in 305 ms; 1 interrupted, 1 refused",
      "2 at 1 s: ✓ connected to 192.0.2.1:443 in 305 ms; 1 interrupted, 1 refused",
      ""
    ])
    assert.strictEqual(`\n${results.slice(3).join("\n")}\n`, table)
  })

  it("draws the table anew while it watches, and leaves it when it is over", () => {
    const { code, pictures, restored, results } = run(["dual.example", "443", "--count", "2"], { keys: [] })
    assert.deepStrictEqual([code, restored], [0, true])
    assert.strictEqual(`\n${results.join("\n")}\n`, table)
    assert.strictEqual(pictures[0], "connecting to dual.example for the first time; q stops")
    assert.match(pictures.at(-1) ?? "", /^dual\.example, port 443: 1 round\n/)
  })

  it("stops at q, and at no other key", () => {
    const { code, restored, results } = run(["dual.example", "443"], { keys: [[1000, "x"], [2000, "q"], [0, "z"]] })
    assert.deepStrictEqual([code, restored], [0, true])
    assert.match(results[0] ?? "", /: 3 rounds$/)
  })

  it("leaves the terminal as it was when it is interrupted, with the table of what was whole", () => {
    const { code, restored, results } = run(["dual.example", "443"], { keys: [], interruptAfterMs: 1200 })
    assert.deepStrictEqual([code, restored], [130, true])
    assert.match(results[0] ?? "", /: 1 round$/)
  })

  it("writes a page of the last hundred rounds, with the counts of all", () => {
    const { written } = run(["dual.example", "443", "--count", "120", "--report", "watch.html"])
    const page = written.get("watch.html") ?? ""
    assert.include(page, "<h1>Watch of dual.example, port 443</h1><p>120 rounds, the last: connected to 192.0.2.1:443")
    assert.strictEqual(page.match(/&quot;round&quot;:/g)?.length, 100)
    assert.include(page, "<th scope=\"row\">192.0.2.1:443</th><td class=\"number\">120</td>")
  })
})

describe("Watch.Watch", () => {
  const result = { ...won, leaked: 0 }

  it("forgets the oldest of more addresses than it remembers, and the oldest times of one", () => {
    const watch = new Watch.Watch()
    for (let index = 0; index < Watch.maximumAddresses + 10; index++) {
      watch.add(index, { ...result, attempts: [attempt(`192.0.${index >> 8}.${index & 255}:443`, 0, 1, "connected")] })
    }
    for (let index = 0; index < 2 * Watch.maximumTimes; index++) {
      watch.add(index, { ...result, attempts: [attempt("198.51.100.1:443", 0, index, "connected")] })
    }
    const { addresses, families } = watch.add(0, result)
    assert.strictEqual(addresses.length, Watch.maximumAddresses)
    assert.notInclude(addresses.map(({ address }) => address), "192.0.0.0")
    const last = addresses.find(({ address }) => address === "198.51.100.1")
    assert.deepInclude(last, { wins: 2 * Watch.maximumTimes, p50Ms: 1499 })
    assert.strictEqual(families.find(({ family }) => family === "IPv4")?.wins, 266 + 2 * Watch.maximumTimes + 1)
  })

  it("says whether every round has connected", () => {
    const watch = new Watch.Watch()
    watch.add(0, result)
    assert.isTrue(watch.ok)
    watch.add(1, { ...failed, leaked: 0 })
    watch.add(2, result)
    assert.isFalse(watch.ok)
  })
})
