import { assert, describe, it } from "@effect/vitest"
import * as ConnectResult from "@happy-eyeballs/core/testing/ConnectResult"
import * as Scenario from "@happy-eyeballs/core/testing/Scenario"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Simulate from "../src/commands/Simulate.ts"
import { Output } from "../src/Output.ts"
import { runCli } from "./simulated.ts"

const blackhole = {
  name: "v6 blackhole",
  source: "RFC 8305 §5",
  target: { host: "dual.example", ports: [443] },
  resolver: [
    { type: "AAAA", atMs: 20, addresses: ["2001:db8::1"], ttlSeconds: 60 },
    { type: "A", atMs: 22, addresses: ["192.0.2.1"], ttlSeconds: 60 }
  ],
  network: { "192.0.2.1": { outcome: "accept", afterMs: 30 } }
}

const refused = {
  name: "refused twice",
  target: { host: "192.0.2.1", ports: [443] },
  network: { "192.0.2.1": { outcome: "refuse", afterMs: 4 } },
  repeat: 2
}

const files: Record<string, string | undefined> = {
  "folder": undefined,
  "blackhole.json": JSON.stringify(blackhole, null, 2),
  "refused.json": JSON.stringify(refused),
  "list.json": JSON.stringify([blackhole, refused], null, 2),
  "lines.ndjson": `${JSON.stringify(blackhole)}\n\n${JSON.stringify(refused)}\n`,
  "once.json": JSON.stringify({ ...refused, repeat: 1 }),
  "lossy.json": JSON.stringify({
    ...blackhole,
    network: { "192.0.2.1": { outcome: "accept", afterMs: 30, loss: 0.5 } },
    repeat: 20
  }),
  "wrong.json": JSON.stringify([
    blackhole,
    { ...refused, tiemout: 5, network: { nonsense: { outcome: "drop" } } }
  ]),
  "broken.ndjson": `${JSON.stringify(blackhole)}\n{"name":\n`,
  "numbers.json": JSON.stringify(Array.from({ length: 20 }, () => 5))
}

const decode = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Union([ConnectResult.ConnectResult, Schema.NonEmptyArray(ConnectResult.ConnectResult)])
  ),
  { onExcessProperty: "error" }
)

const simulate = (args: ReadonlyArray<string>, stdin?: string) => {
  const ran = runCli(["simulate", ...args], {}, stdin === undefined ? { files } : { files, stdin })
  return { ...ran, lines: ran.results.flatMap((result) => result.split("\n")) }
}

describe("simulate --json", () => {
  it("prints a line a scenario, and an array for one that is repeated", () => {
    const { code, lines: printed, messages } = simulate(["list.json", "--json"])
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(messages, [])
    const [first, second] = printed.map((line) => decode(line))
    assert.deepInclude(first, { name: "v6 blackhole", ok: true, elapsedMs: 300, leaked: 0 })
    assert.isArray(second)
    assert.deepStrictEqual((second as ReadonlyArray<ConnectResult.ConnectResult>).map(({ ok }) => ok), [false, false])
  })

  it("gives the same bytes for a file, an array, lines and several files", () => {
    const one = simulate(["list.json", "--json"])
    assert.deepStrictEqual(simulate(["lines.ndjson", "--json"]), one)
    assert.deepStrictEqual(simulate(["blackhole.json", "refused.json", "--json"]), one)
  })

  it("gives the same bytes for the same seed, and others for another", () => {
    const seeded = simulate(["lossy.json", "--json", "--seed", "7"])
    assert.deepStrictEqual(simulate(["lossy.json", "--json", "--seed", "7"]), seeded)
    assert.notDeepEqual(simulate(["lossy.json", "--json", "--seed", "8"]), seeded)
  })

  it("reads standard input for -, also between files", () => {
    const fromFiles = simulate(["blackhole.json", "refused.json", "--json"])
    assert.deepStrictEqual(simulate(["blackhole.json", "-", "--json"], JSON.stringify(refused)), fromFiles)
  })

  it("ends 0 whatever the outcome of a scenario is", () => {
    assert.strictEqual(simulate(["once.json", "--json"]).code, 0)
  })
})

describe("simulate --report", () => {
  it("writes every scenario as a page, and prints what it prints without it", () => {
    const { code, lines, written } = simulate(["list.json", "--json", "--report", "played.html"])
    assert.deepStrictEqual([code, lines], [0, simulate(["list.json", "--json"]).lines])
    const page = written.get("played.html") ?? ""
    assert.include(page, "<h1>2 scenarios</h1><p>1 of 3 connects succeeded in virtual time, seed 0</p>")
    assert.strictEqual(page.match(/<figure/g)?.length, 3)
    for (const line of lines) assert.include(page, line.replaceAll("\"", "&quot;"))
  })

  it("draws a hundred connects at most, and says how many it does not draw", () => {
    const many = JSON.stringify(Array.from({ length: 120 }, (_, index) => ({ ...blackhole, name: `${index}` })))
    const { written } = simulate(["-", "--report", "played.html"], many)
    const page = written.get("played.html") ?? ""
    assert.include(page, "120 of 120 connects succeeded in virtual time, seed 0; the last 20 are not drawn")
    assert.strictEqual(page.match(/<figure/g)?.length, 100)
  })

  it("refuses a file that cannot be written before anything is played", () => {
    const { code, messages, results } = simulate(["list.json", "--report", "missing/played.html"])
    assert.deepStrictEqual([code, results], [2, []])
    assert.match(messages[0] ?? "", /there is no such folder$/)
  })
})

describe("Simulate.run", () => {
  const layer = (messages: Array<string>) =>
    Layer.mergeAll(
      Layer.succeed(Output, {
        result: () => Effect.void,
        message: (line) => Effect.sync(() => void messages.push(line)),
        style: { columns: 80, colour: false, unicode: true },
        screen: undefined
      }),
      FileSystem.layerNoop({ readFileString: () => Effect.succeed(files["list.json"] ?? "") }),
      Stdio.layerTest({})
    )

  it.effect("ends 1 and says so when sockets were left open", () =>
    Effect.gen(function*() {
      const messages: Array<string> = []
      const leaky: typeof Scenario.run = (scenario) => {
        const played = Scenario.run(scenario)
        return "ok" in played ? { ...played, leaked: 1 } : played.map((result) => Object.assign(result, { leaked: 2 }))
      }
      const input = { files: ["list.json"], json: true, report: undefined, seed: "0", stats: false }
      const ending = yield* Effect.provide(Effect.flip(Simulate.run(input, leaky)), layer(messages))
      assert.strictEqual(ending.code, 1)
      assert.deepStrictEqual(messages, ["happy-eyeballs: 5 sockets were left open: please report this"])
    }))
})

describe("simulate for people", () => {
  it("names each scenario and draws it", () => {
    const { code, lines: printed, messages } = simulate(["blackhole.json"])
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(messages, [])
    assert.strictEqual(
      `\n${printed.join("\n")}\n`,
      `
v6 blackhole (RFC 8305 §5)
dual.example, port 443
                     0            100 ms       200 ms
  AAAA 2001:db8::1   ┄┄●                                      20 ms  1 address
  A    192.0.2.1     ┄┄┄●                                     22 ms  1 address
· [2001:db8::1]:443    ╶──────────────────────────────────── 280 ms  interrupted
✓ 192.0.2.1:443                                         ━━━━  30 ms  connected

✓ connected to 192.0.2.1:443 in 300 ms; 1 interrupted

`
    )
  })

  it("numbers the connects of one that is repeated", () => {
    const { lines: printed } = simulate(["list.json"])
    assert.include(printed, "connect 1 of 2")
    assert.include(printed, "connect 2 of 2")
  })

  it("says how fast it was, apart from the results", () => {
    const { lines: printed, messages } = simulate(["list.json", "--json", "--stats"])
    assert.strictEqual(printed.length, 2)
    assert.strictEqual(messages.length, 1)
    assert.match(messages[0]!, /2 scenarios ran in .*: \d+ a second$/)
  })
})

describe("simulate with input that is not valid", () => {
  it("runs nothing and names the file, the place and the key", () => {
    const { code, messages, results } = simulate(["blackhole.json", "wrong.json"])
    assert.strictEqual(code, 2)
    assert.deepStrictEqual(results, [])
    assert.strictEqual(messages.length, 2)
    assert.isTrue(messages.every((message) => message.startsWith("happy-eyeballs: wrong.json: [1].")))
    assert.match(messages.join("\n"), /tiemout/)
    assert.match(messages.join("\n"), /network\.nonsense/)
  })

  it("names the line of NDJSON", () => {
    const { code, messages, results } = simulate(["broken.ndjson"])
    assert.deepStrictEqual([code, results, messages.length], [2, [], 1])
    assert.include(messages[0], "broken.ndjson: line 2")
  })

  it("says which file is not there, and which is none", () => {
    const { code, messages } = simulate(["none.json", "folder"])
    assert.strictEqual(code, 2)
    assert.deepStrictEqual(messages, [
      "happy-eyeballs: none.json: cannot be read: there is no such file",
      "happy-eyeballs: folder: cannot be read: it is not a file"
    ])
  })

  it("names eight faults at most", () => {
    const { messages } = simulate(["numbers.json"])
    assert.strictEqual(messages.length, 9)
    assert.strictEqual(messages[8], "happy-eyeballs: and 12 more faults")
  })

  it("is one result with --json", () => {
    const { code, messages, results } = simulate(["wrong.json", "--json"])
    assert.deepStrictEqual([code, messages, results.length], [2, [], 1])
    const result = decode(results[0]!)
    assert.deepInclude(result, { ok: false, leaked: 0 })
    assert.match((result as ConnectResult.ConnectResult).error?.message ?? "", /wrong\.json: \[1\]\.tiemout/)
  })

  it("needs a file", () => {
    const { code, messages } = simulate([])
    assert.deepStrictEqual([code, messages], [
      2,
      ["happy-eyeballs: FILE is missing (see happy-eyeballs simulate --help)"]
    ])
  })
})
