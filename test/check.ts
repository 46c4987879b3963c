import { assert } from "@effect/vitest"
import * as Equal from "effect/Equal"

/** Checks that an expression of a snippet has the value that the comment beside it says. */
export const check = (actual: unknown, expected: unknown): void => {
  if (!Equal.equals(actual, expected)) assert.deepStrictEqual(actual, expected)
}
