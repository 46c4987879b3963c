import { assert, describe, it } from "@effect/vitest"
import * as Phases from "../src/Phases.ts"
import { attempt, failed, won } from "./reports.ts"

describe("Phases.fromReport", () => {
  it("counts from the call to the end of each phase, as curl does", () => {
    assert.deepStrictEqual(Phases.fromReport(won, new Map([[0, 400], [4, 575]])), {
      namelookup: 41.5,
      connect: 575,
      appconnect: 600,
      total: 600
    })
  })

  it("ends with the connect where TLS is not spoken, and has no lookup for an address", () => {
    assert.deepStrictEqual(
      Phases.fromReport({
        ...won,
        winner: { address: "192.0.2.1", port: 80, family: "IPv4", protocol: "tcp" },
        elapsedMs: 12,
        attempts: [attempt("192.0.2.1:80", 0, 11, "connected")],
        resolution: []
      }, new Map()),
      { namelookup: undefined, connect: 11, appconnect: undefined, total: 12 }
    )
  })

  it("has none where nothing was won", () => assert.isUndefined(Phases.fromReport(failed, new Map())))
})
