import { assert, describe, it } from "@effect/vitest"
import { HappyEyeballs } from "@happy-eyeballs/core/HappyEyeballs"
import * as SimulatedNetwork from "@happy-eyeballs/core/testing/SimulatedNetwork"
import type { World } from "@happy-eyeballs/core/testing/World"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Bench from "../src/Bench.ts"
import * as BenchResult from "../src/BenchResult.ts"
import { plain, runCli } from "./simulated.ts"

/** The article's three addresses, a silent one and one that refuses. */
const world: World = {
  names: {
    "google.example": [
      { type: "AAAA", afterMs: 10, addresses: ["2001:db8::1"] },
      { type: "A", afterMs: 12, addresses: ["192.0.2.80", "192.0.2.8", "192.0.2.35", "192.0.2.1"] }
    ],
    "unknown.example": [{ type: "AAAA", afterMs: 3, reason: "NotFound" }, {
      type: "A",
      afterMs: 4,
      reason: "NotFound"
    }],
    "refused.example": [
      { type: "AAAA", afterMs: 3, reason: "NotFound" },
      { type: "A", afterMs: 4, addresses: ["192.0.2.1"] }
    ]
  },
  network: {
    "192.0.2.8": { outcome: "accept", afterMs: 8 },
    "192.0.2.35": { outcome: "accept", afterMs: 35 },
    "192.0.2.80": { outcome: "accept", afterMs: 80, tls: { outcome: "ok", afterMs: 20 } },
    "192.0.2.1": { outcome: "refuse", afterMs: 3 }
  }
}

const run = (args: ReadonlyArray<string>, options?: Parameters<typeof runCli>[2]) =>
  runCli(["bench", ...args], world, options)

const decode = Schema.decodeUnknownSync(BenchResult.Bench, { onExcessProperty: "error" })

const bench = (args: ReadonlyArray<string>, options?: Parameters<typeof runCli>[2]) => {
  const { code, messages, results } = run([...args, "--json"], options)
  assert.deepStrictEqual([messages, results.length], [[], 1])
  return { code, bench: decode(JSON.parse(results[0]!)) }
}

const byAddress = ({ resolvers }: BenchResult.Bench) =>
  new Map(resolvers[0]!.addresses.map((address) => [address.address, address]))

describe("bench --json", () => {
  it("measures servers of 8, 35 and 80 ms exactly, each by itself", () => {
    const { bench: measured, code } = bench(["google.example", "443", "--count", "4"])
    assert.strictEqual(code, 0)
    assert.deepInclude(measured, {
      ok: true,
      target: { host: "google.example", ports: [443] },
      count: 4,
      rounds: 4,
      error: null
    })
    const addresses = byAddress(measured)
    for (const [address, ms] of [["192.0.2.8", 8], ["192.0.2.35", 35], ["192.0.2.80", 80]] as const) {
      assert.deepStrictEqual(addresses.get(address), {
        address,
        port: 443,
        family: "IPv4",
        protocol: "tcp",
        tries: 4,
        failures: [],
        minMs: ms,
        medianMs: ms,
        p95Ms: ms,
        timesMs: [ms, ms, ms, ms]
      })
    }
  })

  it("counts failures by their kind, and stops asking what never says anything", () => {
    const addresses = byAddress(bench(["google.example", "443", "--count", "5"]).bench)
    assert.deepInclude(addresses.get("192.0.2.1"), {
      tries: 5,
      failures: [{ kind: "Refused", code: "ECONNREFUSED", count: 5 }],
      medianMs: null
    })
    assert.deepInclude(addresses.get("2001:db8::1"), {
      tries: 3,
      failures: [{ kind: "Timeout", code: "ETIMEDOUT", count: 3 }],
      timesMs: []
    })
  })

  it("measures the race beside them, names included, and says who won", () => {
    const { resolvers: [resolver] } = bench(["google.example", "443", "--count", "3"]).bench
    // IPv6 is silent and has its head start of 250 ms; then IPv4 in the order of the answer.
    assert.deepStrictEqual(resolver?.race, {
      tries: 3,
      failures: [],
      wins: [{ address: "192.0.2.80", port: 443, count: 3 }],
      minMs: 340,
      medianMs: 340,
      p95Ms: 340,
      timesMs: [340, 340, 340]
    })
    assert.strictEqual(resolver?.lookupMs, 12)
    assert.deepStrictEqual(resolver?.resolution.map(({ atMs, type }) => [type, atMs]), [["AAAA", 10], ["A", 12]])
  })

  it("counts the handshake where TLS is spoken, and measures every port", () => {
    const { bench: measured } = bench(["192.0.2.80,192.0.2.8", "443/tls", "80/tcp", "--allow-insecure", "--count", "1"])
    assert.deepStrictEqual(
      measured.resolvers[0]?.addresses.map((
        { address, medianMs, port, protocol }
      ) => [address, port, protocol, medianMs]),
      [
        ["192.0.2.80", 443, "tls", 100],
        ["192.0.2.8", 443, "tls", 8],
        ["192.0.2.80", 80, "tcp", 80],
        ["192.0.2.8", 80, "tcp", 8]
      ]
    )
    assert.strictEqual(measured.resolvers[0]?.lookupMs, null)
  })

  it("gives what it has when it is interrupted, whenever that is", () => {
    for (let interruptAfterMs = 0.5; interruptAfterMs < 700; interruptAfterMs += 7) {
      const { bench: measured, code } = bench(["192.0.2.8,192.0.2.35", "443"], { interruptAfterMs })
      assert.strictEqual(code, interruptAfterMs < 510 ? 130 : 0, `${interruptAfterMs}`)
      assert.strictEqual(measured.error?.tag ?? null, code === 0 ? null : "Interrupted")
      const rounds = Math.min(10, Math.floor(interruptAfterMs / 51))
      assert.strictEqual(measured.rounds, rounds)
    }
  })

  it.each([
    [1, "NoAddresses", ["unknown.example", "443"]],
    [1, "AllAttemptsFailed", ["refused.example", "443"]],
    [1, "TimedOut", ["silent.example", "443"]]
  ])("ends %s, tagged %s, for %j", (code, tag, args) => {
    const { bench: measured, code: actual } = bench([...args, "--count", "2"])
    assert.deepStrictEqual([actual, measured.ok, measured.error?.tag], [code, false, tag])
  })

  it.each([
    ["InvalidTarget", ["", "443"]],
    ["InvalidTarget", ["host:99999", "-"]],
    ["InvalidOptions", ["host", "443/tls", "80"]],
    ["InvalidOptions", ["host", "443", "--count", "0"]],
    ["InvalidOptions", ["host", "443", "--dns", "nonsense"]],
    ["InvalidOptions", ["host", "443", "--report", "missing/bench.html"]]
  ])("refuses, tagged %s, %j", (tag, args) => {
    const { code, messages, results } = run([...args, "--json"])
    assert.deepStrictEqual([code, messages, results.length], [2, [], 1])
    assert.strictEqual(JSON.parse(results[0]!).error.tag, tag)
  })
})

describe("Bench.Run", () => {
  it.live("measures servers of 8, 35 and 80 ms within 3 ms by this machine's own clock", () =>
    Effect.gen(function*() {
      const running = new Bench.Run({
        target: { addresses: ["192.0.2.8", "192.0.2.35", "192.0.2.80"], port: 443 },
        options: {},
        count: 10,
        upstreams: [{ server: null, happyEyeballs: yield* HappyEyeballs }]
      })
      yield* running.measure
      for (const [index, ms] of [8, 35, 80].entries()) {
        assert.closeTo(running.bench.resolvers[0]?.addresses[index]?.minMs ?? NaN, ms, 3)
      }
      yield* SimulatedNetwork.SimulatedNetwork.use(({ assertNothingOpen }) => assertNothingOpen)
    }).pipe(Effect.provide(Layer.provideMerge(HappyEyeballs.layer, SimulatedNetwork.layer(world)))))
})

describe("bench for people", () => {
  it("draws a table with a bar for each address, and the race beside them", () => {
    const { code, messages, results } = run(["google.example", "443", "--count", "4"])
    assert.deepStrictEqual([code, messages], [0, []])
    assert.strictEqual(
      `\n${results.join("\n")}\n`,
      `
google.example, port 443: each address 4 times, one at a time

this machine's resolver: AAAA: 1 address, A: 4 addresses in 12 ms
                   0                200 ms           min  median     p95  failed
[2001:db8::1]:443  timed out 3                                               3/3
192.0.2.80:443     ━━━━━━━                         80 ms   80 ms   80 ms     0/4
192.0.2.8:443      ╸                                8 ms    8 ms    8 ms     0/4
192.0.2.35:443     ━━━                             35 ms   35 ms   35 ms     0/4
192.0.2.1:443      refused 4                                                 4/4
the race           ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  340 ms  340 ms  340 ms     0/4

the race took 340 ms (median), names included: 192.0.2.80:443 won 4 of 4
`
    )
  })

  it("says how far it has come while it runs", () => {
    const { pictures, restored } = run(["google.example", "443", "--count", "4"], { keys: [] })
    assert.isTrue(restored)
    assert.match(pictures[0] ?? "", /^round 1 of 4\n\ngoogle\.example, port 443: each address 4 times, one at a time\n/)
    assert.match(pictures.at(-1) ?? "", /^round 4 of 4\n/)
    assert.isAbove(pictures.length, 100)
  })

  it("writes a page with a chart and a table for each resolver", () => {
    const { written } = run(["google.example", "443", "--count", "4", "--report", "bench.html"])
    const page = written.get("bench.html") ?? ""
    assert.include(page, "<h1>Bench of google.example, port 443</h1>")
    assert.include(page, "<td class=\"number\">35 ms</td>")
    assert.include(page, "<th scope=\"row\">--count</th><td>4</td><td>given</td>")
    assert.strictEqual(page.match(/<figure/g)?.length, 1)
  })

  it("fits at 60 columns, in ASCII too", () => {
    const { results } = run(["google.example", "443", "--count", "2"], {
      style: { ...plain, columns: 60, unicode: false }
    })
    const table = results.filter((line) => /192|race|p95/.test(line) && !line.startsWith("the race"))
    assert.isAtMost(Math.max(...table.map((line) => line.length)), 60)
    assert.isTrue(table.every((line) => /^[ -~]*$/.test(line)))
  })
})
