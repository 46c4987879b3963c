import { assert, describe, it } from "@effect/vitest"
import * as ConnectResult from "@happy-eyeballs/core/testing/ConnectResult"
import type { World } from "@happy-eyeballs/core/testing/World"
import * as Schema from "effect/Schema"
import { runCli } from "./simulated.ts"

const dual: World = {
  names: {
    "dual.example": [
      { type: "AAAA", afterMs: 20, addresses: ["2001:db8::1"], ttlSeconds: 60 },
      { type: "A", afterMs: 22, addresses: ["192.0.2.1"], ttlSeconds: 60 }
    ],
    "unknown.example": [
      { type: "AAAA", afterMs: 3, reason: "NotFound" },
      { type: "A", afterMs: 4, reason: "NotFound" }
    ]
  },
  network: { "192.0.2.1": { outcome: "accept", afterMs: 30 }, "192.0.2.2": { outcome: "refuse", afterMs: 5 } }
}

const json = (args: ReadonlyArray<string>, options?: { readonly interruptAfterMs?: number }) => {
  const { code, messages, results } = runCli([...args, "--json"], dual, options)
  assert.deepStrictEqual(messages, [])
  assert.strictEqual(results.length, 1)
  const result: unknown = JSON.parse(results[0]!)
  return { code, result: Schema.decodeUnknownSync(ConnectResult.ConnectResult, { onExcessProperty: "error" })(result) }
}

describe("connect --json", () => {
  it("prints the result of a race as it is documented", () => {
    const { code, result } = json(["connect", "dual.example", "443"])
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(result, {
      ok: true,
      target: { host: "dual.example", ports: [443] },
      winner: { address: "192.0.2.1", port: 443, family: "IPv4", protocol: "tcp" },
      elapsedMs: 300,
      attempts: [
        {
          address: "2001:db8::1",
          port: 443,
          startedAtMs: 20,
          endedAtMs: 300,
          outcome: "interrupted",
          kind: null,
          code: null
        },
        {
          address: "192.0.2.1",
          port: 443,
          startedAtMs: 270,
          endedAtMs: 300,
          outcome: "connected",
          kind: null,
          code: null
        }
      ],
      resolution: [
        { type: "AAAA", atMs: 20, addresses: ["2001:db8::1"], ttlSeconds: 60, reason: null },
        { type: "A", atMs: 22, addresses: ["192.0.2.1"], ttlSeconds: 60, reason: null }
      ],
      error: null,
      leaked: 0
    })
  })

  it("prints the result of an interrupted connect", () => {
    const { code, result } = json(["connect", "dual.example", "443"], { interruptAfterMs: 280 })
    assert.strictEqual(code, 130)
    assert.strictEqual(result.error?.tag, "Interrupted")
    assert.strictEqual(result.elapsedMs, 280)
    assert.deepStrictEqual(
      result.attempts.map(({ endedAtMs, outcome }) => [outcome, endedAtMs]),
      [["interrupted", 280], ["interrupted", 280]]
    )
  })

  it("prints one result whenever it is interrupted, and an exit code that agrees with it", () => {
    for (let interruptAfterMs = 0; interruptAfterMs <= 310; interruptAfterMs += 1) {
      const { code, result } = json(["connect", "dual.example", "443"], { interruptAfterMs })
      assert.strictEqual(code, result.ok ? 0 : 130)
      assert.strictEqual(result.ok ? undefined : result.error?.tag, result.ok ? undefined : "Interrupted")
      assert.isAtMost(result.elapsedMs, interruptAfterMs)
    }
  })

  it("says which protocol won", () => {
    assert.strictEqual(json(["connect", "192.0.2.1", "443/tls"]).result.winner?.protocol, "tls")
    assert.strictEqual(json(["connect", "192.0.2.1", "443", "--tls"]).result.winner?.protocol, "tls")
    assert.strictEqual(
      json(["connect", "192.0.2.1", "443/tcp", "--tls", "--allow-insecure"]).result.winner?.protocol,
      "tcp"
    )
  })

  it("hands its options on", () => {
    const starts = (...args: ReadonlyArray<string>) =>
      json(["connect", "192.0.2.8,192.0.2.9,192.0.2.1", "443", ...args]).result.attempts.map((attempt) =>
        attempt.startedAtMs
      )
    assert.deepStrictEqual(starts(), [0, 250, 500])
    assert.deepStrictEqual(starts("--connection-attempt-delay", "0.1s"), [0, 100, 200])
    assert.deepStrictEqual(starts("--attempt-timeout", "400ms", "--max-attempts-in-flight", "1"), [0, 400, 800])
    assert.deepStrictEqual(starts("--attempt-timeout", "400ms", "--max-open-attempts", "1"), [0, 400, 800])
    assert.deepStrictEqual(starts("--max-candidates", "1", "--timeout", "1m"), [0])
    assert.deepStrictEqual(starts("--timeout", "none"), [0, 250, 500])
    assert.deepStrictEqual(starts("--timeout", "100ms"), [0])
  })

  it.each([
    [1, "AllAttemptsFailed", ["192.0.2.2", "443"], "192.0.2.2"],
    [1, "NoAddresses", ["unknown.example", "443"], "unknown.example"],
    [1, "NoAddresses", ["::1", "443", "--family", "IPv4"], "::1"],
    [1, "TimedOut", ["192.0.2.9", "443", "--timeout", "1s"], "192.0.2.9"],
    [1, "TimedOut", ["silent.example", "443"], "silent.example"],
    [2, "InvalidTarget", ["", "443"], ""],
    [2, "InvalidTarget", ["host:99999", "-"], "host:99999"],
    [2, "InvalidTarget", ["host"], "host"],
    [2, "InvalidTarget", ["192.0.2.1,nonsense", "443"], "192.0.2.1,nonsense"],
    [2, "InvalidTarget", ["host", "nonsense"], "host"],
    [2, "InvalidTarget", ["host:443", "-", "80"], "host:443"],
    [2, "InvalidTarget", [], ""],
    [2, "InvalidOptions", ["host", "443", "--connection-attempt-delay", "5ms"], "host"],
    [2, "InvalidOptions", ["host", "443", "--max-open-attempts", "0"], "host"],
    [2, "InvalidOptions", ["host", "443/tls", "80"], "host"],
    [2, "InvalidOptions", ["host", "443", "--timeout", "5"], ""],
    [2, "InvalidOptions", ["host", "443", "--nonsense"], ""]
  ])("ends with %s and one value, tagged %s, for %j", (code, tag, args, host) => {
    const { code: actual, result } = json(["connect", ...args])
    assert.strictEqual(actual, code)
    assert.isFalse(result.ok)
    assert.strictEqual(result.error?.tag, tag)
    assert.match(result.error?.message ?? "", /^[^\n]+$/)
    assert.strictEqual(result.target.host, host)
    assert.strictEqual(result.winner, null)
    assert.strictEqual(result.leaked, 0)
  })
})

describe("connect for people", () => {
  it("draws the race and says who won", () => {
    const { code, messages, results } = runCli(["connect", "dual.example", "443"], dual)
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(messages, [])
    assert.strictEqual(
      `\n${results.join("\n")}\n`,
      `
dual.example, port 443
                     0            100 ms       200 ms
  AAAA 2001:db8::1   ┄┄●                                      20 ms  1 address
  A    192.0.2.1     ┄┄┄●                                     22 ms  1 address
· [2001:db8::1]:443    ╶──────────────────────────────────── 280 ms  interrupted
✓ 192.0.2.1:443                                         ━━━━  30 ms  connected

  namelookup   connect   appconnect    total
       22 ms    300 ms            -   300 ms

✓ connected to 192.0.2.1:443 in 300 ms; 1 interrupted
`
    )
  })

  it("draws a failure on standard output and says it on standard error", () => {
    const { code, messages, results } = runCli(["connect", "192.0.2.2", "443"], dual)
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(messages, [
      "happy-eyeballs: could not connect to 192.0.2.2, port 443 after 5 ms: 1 refused"
    ])
    assert.match(results.join("\n"), /✗ 192\.0\.2\.2:443 .* 5 ms {2}refused\n$/)
  })

  it("says that it was interrupted, and after what", () => {
    const { code, messages, results } = runCli(["connect", "dual.example", "443"], dual, { interruptAfterMs: 280 })
    assert.strictEqual(code, 130)
    assert.deepStrictEqual(messages, ["happy-eyeballs: interrupted after 280 ms (2 interrupted)"])
    assert.strictEqual(results.length, 7)
  })

  it.each([
    ["an empty host", ["", "443"], /the host is empty: give a name or an address/],
    ["a port beyond 65535", ["host:99999", "-"], /99999 is not a port: give a number from 1 to 65535/],
    ["no ports", ["host"], /no ports: give at least one, such as 443/],
    [
      "a delay below 10 ms",
      ["host", "443", "--connection-attempt-delay", "5ms"],
      /^happy-eyeballs: --connection-attempt-delay: give a duration of at least 10 ms, such as 250ms \(got 5ms\)$/
    ],
    ["TLS and plain ports", ["host", "443/tls", "80"], /--allow-insecure/],
    [
      "a bare number as duration",
      ["host", "443", "--timeout", "5"],
      /--timeout: "5" is not a duration: write 250ms, 2s, 1m or none \(see happy-eyeballs connect --help\)$/
    ],
    ["a missing value", ["host", "443", "--timeout"], /--timeout needs a value/],
    ["an unknown choice", ["host", "443", "--family", "6"], /--family: "6" is not one of IPv4, IPv6/],
    ["an unknown flag", ["host", "443", "--timeoit", "5s"], /--timeoit is not an option: did you mean --timeout\?/],
    ["no host", [], /HOST is missing/]
  ])("refuses %s in one line that says what to do", (_, args, expected) => {
    const { code, messages, results } = runCli(["connect", ...args])
    assert.strictEqual(code, 2)
    assert.deepStrictEqual(results, [])
    assert.strictEqual(messages.length, 1)
    assert.match(messages[0]!, expected)
    assert.match(messages[0]!, /^happy-eyeballs: [^\n]+$/)
  })
})

describe("connect with TLS", () => {
  const world: World = {
    network: {
      "192.0.2.1": { outcome: "accept", afterMs: 30, tls: { outcome: "ok", afterMs: 300 } },
      "192.0.2.2": { outcome: "accept", afterMs: 200, tls: { outcome: "stall" } }
    }
  }
  const args = ["connect", "192.0.2.2,192.0.2.1", "443", "--tls"]

  it("tells the handshake from the connect, in the waterfall and in the phases", () => {
    const { results } = runCli(args, world)
    assert.strictEqual(
      `\n${results.join("\n")}\n`,
      `
192.0.2.2, 192.0.2.1, port 443
                 0         200 ms     400 ms
· 192.0.2.2:443  ──────────═════════════════════ 580 ms  interrupted, TLS 380 ms
✓ 192.0.2.1:443               ╺━════════════════ 330 ms  connected, TLS 300 ms

  namelookup   connect   appconnect    total
           -    280 ms       580 ms   580 ms

✓ connected to 192.0.2.1:443 with TLS in 580 ms; 1 interrupted
`
    )
  })

  it("says while it runs what each attempt is at", () => {
    const { pictures } = runCli(args, world, { keys: [] })
    const notes = pictures.map((picture) => picture.split("\n").slice(2).map((line) => line.split(" ms  ").at(-1)))
    assert.deepStrictEqual(notes.slice(0, 4), [
      ["connecting"],
      ["TLS handshake", "connecting"],
      ["TLS handshake", "TLS handshake"],
      ["TLS handshake", "TLS handshake"]
    ])
  })

  it("has the handshake in its page", () => {
    const { written } = runCli([...args, "--report", "tls.html"], world)
    const page = written.get("tls.html") ?? ""
    assert.strictEqual(page.match(/<rect class="tls"/g)?.length, 2)
    assert.include(page, "<th scope=\"row\">connect</th><td class=\"number\">280 ms</td>")
  })
})

describe("connect --report", () => {
  it("writes the race as a page, with its options and the JSON that --json prints", () => {
    const people = runCli(["connect", "dual.example", "443", "--timeout", "3s", "--report", "race.html"], dual)
    const programs = runCli(
      ["connect", "dual.example", "443", "--timeout", "3s", "--report", "race.html", "--json"],
      dual
    )
    const page = people.written.get("race.html") ?? ""
    assert.strictEqual(programs.written.get("race.html"), page)
    assert.match(
      page,
      /<h1>dual\.example, port 443<\/h1><p>connected to 192\.0\.2\.1:443 in 300 ms; 1 interrupted<\/p>/
    )
    assert.include(page, programs.results[0]!.replaceAll("\"", "&quot;"))
    assert.include(page, `<th scope="row">--timeout</th><td>3 s</td><td>given</td>`)
    assert.strictEqual(page.match(/<rect class="bar"/g)?.length, 4)
  })

  it("writes what came of a connect that was interrupted, or could not connect", () => {
    const interrupted = runCli(["connect", "dual.example", "443", "--report", "race.html"], dual, {
      interruptAfterMs: 280
    })
    assert.strictEqual(interrupted.code, 130)
    assert.include(interrupted.written.get("race.html"), "<p>interrupted after 280 ms (2 interrupted)</p>")
    const failed = runCli(["connect", "192.0.2.2", "443", "--report", "race.html"], dual)
    assert.strictEqual(failed.code, 1)
    assert.include(failed.written.get("race.html"), "after 5 ms: 1 refused</p>")
  })

  it("refuses a file that cannot be written before anything is tried", () => {
    const { code, messages, results } = runCli(
      ["connect", "dual.example", "443", "--report", "missing/race.html"],
      dual
    )
    assert.deepStrictEqual([code, results], [2, []])
    assert.deepStrictEqual(messages, [
      "happy-eyeballs: --report: \"missing/race.html\" cannot be written: there is no such folder"
    ])
  })
})

describe("connect on a terminal", () => {
  it("draws the race while it runs, and the result when it is over", () => {
    const { code, pictures, restored, results } = runCli(["connect", "dual.example", "443"], dual, { keys: [] })
    assert.deepStrictEqual([code, restored], [0, true])
    assert.deepStrictEqual(results, runCli(["connect", "dual.example", "443"], dual).results)
    assert.strictEqual(pictures.length, 2)
    assert.strictEqual(
      `\n${pictures[0]}\n`,
      `
dual.example, port 443
                     0            50 ms        100 ms
  AAAA 2001:db8::1   ┄┄┄┄┄●                                    20 ms  1 address
  A    192.0.2.1     ┄┄┄┄┄┄●                                   22 ms  1 address
› [2001:db8::1]:443       ╶────────────────────────────────── 130 ms  connecting
`
    )
  })

  it("draws nothing for what is over at once, nor beside JSON", () => {
    assert.deepStrictEqual(runCli(["connect", "192.0.2.1", "443"], dual, { keys: [] }).pictures, [])
    assert.deepStrictEqual(runCli(["connect", "dual.example", "443", "--json"], dual, { keys: [] }).pictures, [])
  })

  it("leaves the terminal as it was, and agrees with its exit code, whenever it is interrupted", () => {
    for (let interruptAfterMs = 0; interruptAfterMs <= 310; interruptAfterMs += 1) {
      const options = { interruptAfterMs, keys: [] }
      const { code, messages, restored, results } = runCli(["connect", "dual.example", "443"], dual, options)
      assert.isTrue(restored)
      const said = [...messages, ...results.slice(-1)].filter((line) => /connected to|: interrupted/.test(line))
      assert.deepStrictEqual([said.length, /connected/.test(said[0] ?? "")], [1, code === 0], `${interruptAfterMs}`)
    }
  })
})

describe("the command line", () => {
  it("refuses a command it does not have", () => {
    const { code, messages, results } = runCli(["conect", "host"])
    assert.strictEqual(code, 2)
    assert.deepStrictEqual(results, [])
    assert.deepStrictEqual(messages, [
      "happy-eyeballs: \"conect\" is not a command: did you mean connect? (see happy-eyeballs --help)"
    ])
  })

  it("shows its help on standard error where no command is given, and on standard output where it is asked for", () => {
    const missing = runCli([])
    assert.deepStrictEqual([missing.code, missing.results, missing.messages.length], [2, [], 1])
    const asked = runCli(["--help"])
    assert.deepStrictEqual([asked.code, asked.results, asked.messages], [0, missing.messages, []])
  })

  it("has a flag for every option of a connect", () => {
    const { code, results } = runCli(["connect", "--help"])
    assert.strictEqual(code, 0)
    const flags: ReadonlyArray<string> = results.join("\n").match(/--[a-z-]+/g) ?? []
    for (
      const flag of [
        "--resolution-delay",
        "--connection-attempt-delay",
        "--attempt-timeout",
        "--timeout",
        "--first-address-family-count",
        "--port-order",
        "--head-start",
        "--max-attempts-in-flight",
        "--max-candidates",
        "--max-open-attempts",
        "--family",
        "--tls",
        "--allow-insecure",
        "--json"
      ]
    ) assert.include(flags, flag)
  })

  it("says its version", () => {
    const { code, messages, results } = runCli(["--version"])
    assert.deepStrictEqual([code, results, messages], [0, ["0.1.0"], []])
  })
})
