import { describe, expect, it } from "@effect/vitest"
import type { World } from "@happy-eyeballs/core/testing/World"
import * as Path from "node:path"
import { inEveryStyle, type Options, runCli } from "./simulated.ts"

const world: World = {
  names: {
    "dual.example": [
      { type: "AAAA", afterMs: 20, addresses: ["2001:db8::1", "2001:db8:85a3:1111:2222:8a2e:370:7334"] },
      { type: "A", afterMs: 22, addresses: ["192.0.2.2", "192.0.2.1"] }
    ],
    "unknown.example": [{ type: "AAAA", afterMs: 3, reason: "NotFound" }, { type: "A", afterMs: 4, reason: "NotFound" }]
  },
  network: {
    "192.0.2.1": { outcome: "accept", afterMs: 30, tls: { outcome: "ok", afterMs: 45 } },
    "192.0.2.2": { outcome: "refuse", afterMs: 5 }
  }
}

const scenarios = JSON.stringify([
  {
    name: "v6 blackhole",
    source: "RFC 8305 §5",
    target: { host: "dual.example", ports: [443] },
    resolver: [{ type: "AAAA", atMs: 20, addresses: ["2001:db8::1"] }, {
      type: "A",
      atMs: 22,
      addresses: ["192.0.2.1"]
    }],
    network: { "192.0.2.1": { outcome: "accept", afterMs: 30 } }
  },
  { name: "refused", target: { host: "192.0.2.1", ports: [443] }, network: { "192.0.2.1": { outcome: "refuse" } } }
])

/** What a command says at each width, with colour and without. */
const said = (args: ReadonlyArray<string>, options: Options = {}): string =>
  inEveryStyle((style) => {
    const { code, messages, pictures, results } = runCli(args, world, { ...options, style })
    return [
      ...options.keys === undefined ? [] : ["# the last picture", pictures.at(-1) ?? "", ""],
      "# standard output",
      ...results,
      "",
      "# standard error",
      ...messages,
      "",
      `# exit code ${code}`
    ]
  })

interface Case {
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly options?: Options
}

const cases: ReadonlyArray<Case> = [
  { name: "help", args: ["--help"] },
  { name: "connect", args: ["connect", "dual.example", "443"], options: { keys: [] } },
  { name: "connect-tls", args: ["connect", "dual.example", "443", "--tls"] },
  { name: "connect-failed", args: ["connect", "unknown.example", "443"] },
  { name: "connect-interrupted", args: ["connect", "dual.example", "443"], options: { interruptAfterMs: 280 } },
  { name: "simulate", args: ["simulate", "-"], options: { stdin: scenarios } },
  { name: "bench", args: ["bench", "dual.example", "443", "--count", "2"], options: { keys: [] } },
  { name: "bench-failed", args: ["bench", "unknown.example", "443", "--count", "2"] },
  { name: "watch", args: ["watch", "dual.example", "443", "--count", "3"], options: { keys: [] } },
  { name: "watch-piped", args: ["watch", "dual.example", "443", "--count", "3"] }
]

describe("what each command says to people, at 80 and 120 columns, with colour and without", () => {
  it.each(cases)("$name", async ({ args, name, options }) => {
    await expect(said(args, options)).toMatchFileSnapshot(
      Path.join(import.meta.dirname, "snapshots", `${name}.txt`)
    )
  })
})
