import { describe, expect, it } from "@effect/vitest"
import * as QueryResult from "@happy-eyeballs/dns/QueryResult"
import * as BenchResult from "../src/BenchResult.ts"
import * as DoctorResult from "../src/DoctorResult.ts"
import * as WatchRound from "../src/WatchRound.ts"

const file = (name: string) => new URL(`../../../docs/schema/${name}.schema.json`, import.meta.url).pathname

describe("the JSON Schema files of what commands print", () => {
  it.each([
    ["query-result", QueryResult.toJsonSchema],
    ["bench", BenchResult.toJsonSchema],
    ["watch-round", WatchRound.toJsonSchema],
    ["doctor", DoctorResult.toJsonSchema]
  ])(
    "%s has the format as the code has it",
    (name, schema) => expect(`${JSON.stringify(schema(), null, 2)}\n`).toMatchFileSnapshot(file(name))
  )
})
