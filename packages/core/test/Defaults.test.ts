import { assert, describe, it } from "@effect/vitest"
import { ConnectOptions } from "@happy-eyeballs/core"
import * as fs from "node:fs"
import * as path from "node:path"

const readme = fs.readFileSync(path.join(import.meta.dirname, "../../../README.md"), "utf8")

/** The rows of the table of defaults: option and default, as README prints them. */
const table = Object.fromEntries(
  [...readme.matchAll(/^\| `(\w+)` +\| ([^|]+?) +\|/gm)].map(([, option = "", value = ""]) => [option, value])
)

const ms = (value: number) => value < 1000 ? `${value} ms` : `${value / 1000} s`

describe("README", () => {
  it("B13: README's table of defaults says what the code does", () => {
    const { defaults } = ConnectOptions
    assert.deepStrictEqual(table, {
      resolutionDelay: ms(defaults.resolutionDelay),
      connectionAttemptDelay: `\`"adaptive"\`: ${ms(defaults.connectionAttemptDelay)} without history`,
      attemptTimeout: ms(defaults.attemptTimeout),
      timeout: ms(defaults.timeout),
      firstAddressFamilyCount: String(defaults.firstAddressFamilyCount),
      portOrder: `\`"${defaults.portOrder}"\``,
      headStart: defaults.headStart === undefined ? "one attempt delay" : ms(defaults.headStart),
      maxAttemptsInFlight: defaults.maxAttemptsInFlight === Infinity
        ? "no limit"
        : String(defaults.maxAttemptsInFlight),
      maxCandidates: String(defaults.maxCandidates),
      maxOpenAttempts: String(defaults.maxOpenAttempts),
      family: defaults.family ?? "both",
      tls: defaults.tls === undefined ? "no" : "yes",
      allowInsecure: defaults.allowInsecure ? "yes" : "no"
    })
  })
})
