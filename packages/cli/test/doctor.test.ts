import { assert, describe, expect, it } from "@effect/vitest"
import * as Path from "node:path"
import type * as BenchResult from "../src/BenchResult.ts"
import * as Doctor from "../src/Doctor.ts"
import type * as DoctorResult from "../src/DoctorResult.ts"
import * as DoctorText from "../src/DoctorText.ts"
import { inEveryStyle, plain, runCli } from "./simulated.ts"

const answer = (
  type: "AAAA" | "A",
  rcode: string | null,
  addresses: ReadonlyArray<string> = [],
  elapsedMs = 12
): DoctorResult.ResolverAnswer => ({ type, rcode, addresses, elapsedMs })

const resolver = (
  server: string,
  answers: ReadonlyArray<DoctorResult.ResolverAnswer>,
  ours = true
): DoctorResult.ResolverFacts => ({
  server,
  ours,
  answers
})

const knows = (server: string, address = "192.0.2.1", ours = true) =>
  resolver(server, [answer("AAAA", "NOERROR"), answer("A", "NOERROR", [address])], ours)

const silent = (server: string, ours = true) => resolver(server, [answer("AAAA", null), answer("A", null)], ours)

const healthy: DoctorResult.Facts = {
  name: "dual.example",
  families: [
    { family: "IPv6", source: "2001:db8::7", known: true },
    { family: "IPv4", source: "192.0.2.7", known: true }
  ],
  resolvers: [knows("udp://192.0.2.53:53")],
  behind: [],
  serverTimeoutMs: 5000,
  candidates: ["dual.example"],
  nat64: [],
  descriptors: 1_048_576,
  connects: null
}

const without = (...families: ReadonlyArray<string>) =>
  healthy.families.map((facts) => families.includes(facts.family) ? { ...facts, source: null } : facts)

const ids = (change: Partial<DoctorResult.Facts>) =>
  Doctor.diagnose({ ...healthy, ...change }).map(({ id, severity }) => `${severity} ${id}`)

describe("Doctor.diagnose", () => {
  const cases: ReadonlyArray<
    readonly [what: string, change: Partial<DoctorResult.Facts>, expected: ReadonlyArray<string>]
  > = [
    ["nothing", {}, ["good nothing-wrong"]],
    ["no route at all", { families: without("IPv4", "IPv6") }, ["problem offline"]],
    ["no IPv6", { families: without("IPv6") }, ["note no-ipv6"]],
    ["no IPv4", { families: without("IPv4") }, ["problem no-ipv4"]],
    ["no IPv4 but NAT64", { families: without("IPv4"), nat64: ["64:ff9b::c000:aa"] }, ["note nat64-only"]],
    ["NAT64 beside IPv4", { nat64: ["64:ff9b::c000:aa"] }, ["note nat64"]],
    [
      "a system that does not say",
      { families: healthy.families.map((facts) => ({ ...facts, source: null, known: false })) },
      ["good nothing-wrong"]
    ],
    ["no living resolver", { resolvers: [silent("a"), silent("b")] }, ["problem no-resolver"]],
    ["a dead first resolver", { resolvers: [silent("a"), knows("b")] }, ["problem dead-first-resolver"]],
    ["a dead last resolver", { resolvers: [knows("a"), silent("b")] }, ["problem dead-resolver"]],
    ["a dead given resolver", { resolvers: [knows("a"), silent("b", false)] }, ["problem dead-given-resolver"]],
    [
      "a resolver that denies the name",
      {
        resolvers: [
          resolver("a", [answer("AAAA", "NXDOMAIN"), answer("A", "NXDOMAIN")]),
          knows("b", "192.0.2.1", false)
        ]
      },
      ["problem resolvers-disagree"]
    ],
    [
      "a resolver that gives no records",
      { resolvers: [resolver("a", [answer("AAAA", "NOERROR"), answer("A", "NOERROR")]), knows("b")] },
      ["problem resolvers-disagree"]
    ],
    [
      "a resolver that fails",
      { resolvers: [resolver("a", [answer("AAAA", "SERVFAIL"), answer("A", "SERVFAIL")]), knows("b")] },
      ["problem failing-resolver"]
    ],
    ["resolvers that have nothing in common", { resolvers: [knows("a"), knows("b", "192.0.2.2")] }, [
      "note resolvers-differ"
    ]],
    ["resolvers that agree", { resolvers: [knows("a"), knows("b")] }, ["good nothing-wrong"]],
    [
      "a name that nobody knows",
      { resolvers: [resolver("a", [answer("AAAA", "NXDOMAIN"), answer("A", "NXDOMAIN")])] },
      ["problem no-such-name"]
    ],
    [
      "a slow resolver",
      { resolvers: [resolver("a", [answer("AAAA", "NOERROR"), answer("A", "NOERROR", ["192.0.2.1"], 700)])] },
      ["note slow-resolver"]
    ],
    ["a stub with servers behind it", { behind: ["192.0.2.53:53"] }, ["note behind-stub"]],
    ["names that are searched for first", { candidates: ["dual.example.corp.example", "dual.example"] }, [
      "note ndots"
    ]],
    ["names that are searched for last", { candidates: ["dual.example", "dual.example.corp.example"] }, [
      "good nothing-wrong"
    ]],
    ["few descriptors", { descriptors: 256 }, ["note few-descriptors"]],
    ["no known limit of descriptors", { descriptors: null }, ["good nothing-wrong"]]
  ]

  it.each(cases)("names %s", (_, change, expected) => assert.deepStrictEqual(ids(change), expected))

  it("says what to do about each problem, in one line", () => {
    for (const [, change] of cases) {
      for (const { advice, message, severity } of Doctor.diagnose({ ...healthy, ...change })) {
        assert.match(message, /^[^\n]+$/)
        if (severity === "problem") assert.match(advice ?? "", /^[^\n]+$/)
      }
    }
  })
})

describe("DoctorText.lines", () => {
  it("writes what was found out, what follows from it, and what to do", () => {
    const facts = {
      ...healthy,
      families: without("IPv6"),
      resolvers: [silent("udp://192.0.2.9:53"), ...healthy.resolvers]
    }
    assert.strictEqual(
      `\n${DoctorText.lines(facts, Doctor.diagnose(facts), plain).join("\n")}\n`,
      `
IPv6: no route
IPv4: from 192.0.2.7
udp://192.0.2.9:53, asked for dual.example: AAAA no answer in 12 ms; A no answer in 12 ms
udp://192.0.2.53:53, asked for dual.example: AAAA none in 12 ms; A 192.0.2.1 in 12 ms

· there is no route for IPv6: only IPv4 is used, and no time is lost on IPv6
✗ the name server udp://192.0.2.9:53 does not answer, and is asked before one that does: programs wait 5 s for it at every name
  take it out of resolv.conf, or put it last
`
    )
  })
})

describe("what doctor says to people, at 80 and 120 columns, with colour and without", () => {
  it("doctor", async () => {
    const { results } = runCli(["bench", "dual.example", "443", "--count", "1", "--json"], {
      names: {
        "dual.example": [
          { type: "AAAA", afterMs: 20, addresses: ["2001:db8::1"] },
          { type: "A", afterMs: 22, addresses: ["192.0.2.1"] }
        ]
      },
      network: { "192.0.2.1": { outcome: "accept", afterMs: 30 }, "2001:db8::1": { outcome: "refuse", afterMs: 4 } }
    })
    const facts: DoctorResult.Facts = {
      ...healthy,
      connects: JSON.parse(results[0]!) as BenchResult.Bench,
      resolvers: [
        silent("udp://192.0.2.9:53"),
        resolver("tls://192.0.2.53:853", [answer("AAAA", "NXDOMAIN"), answer("A", "NXDOMAIN")]),
        knows("udp://198.51.100.53:53", "192.0.2.1", false)
      ]
    }
    const said = inEveryStyle((style) => DoctorText.lines(facts, Doctor.diagnose(facts), style))
    await expect(said).toMatchFileSnapshot(Path.join(import.meta.dirname, "snapshots", "doctor.txt"))
  })
})

describe("doctor with bad input", () => {
  // Each is refused before a name server is asked: nothing here leaves the process.
  it.each([
    ["InvalidTarget", ["", "443"]],
    ["InvalidTarget", ["host:443", "-", "80"]],
    ["InvalidTarget", ["host", "99999"]],
    ["InvalidOptions", ["host", "443/tls", "80"]],
    ["InvalidOptions", ["host", "443", "--dns", "nonsense"]],
    ["InvalidOptions", ["host", "443", "--config", "missing.json"]]
  ])("refuses, tagged %s, %j", (tag, args) => {
    const { code, messages, results } = runCli(["doctor", ...args, "--json"])
    assert.deepStrictEqual([code, messages, results.length], [2, [], 1])
    assert.strictEqual(JSON.parse(results[0]!).error.tag, tag)
  })
})
