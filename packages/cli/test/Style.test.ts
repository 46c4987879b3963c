import { assert, describe, it } from "@effect/vitest"
import * as Style from "../src/Style.ts"

const environment: Style.Environment = { columns: undefined, colour: false, variables: {}, platform: "linux" }

describe("Style.fromEnvironment", () => {
  it.each([[undefined, 80], [0, 80], [20, 60], [72, 72], [119, 119], [300, 120]])(
    "makes %s columns %s",
    (columns, expected) => assert.strictEqual(Style.fromEnvironment({ ...environment, columns }).columns, expected)
  )

  it.each([
    [{}, false],
    [{ LANG: "C" }, false],
    [{ LANG: "de_DE.ISO-8859-1" }, false],
    [{ LANG: "en_US.UTF-8" }, true],
    [{ LANG: "C.utf8" }, true],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, false],
    [{ LANG: "C", LC_CTYPE: "en_US.UTF-8" }, true],
    [{ LANG: "en_US.UTF-8", LC_ALL: "" }, true]
  ])(
    "decides by the locale %j: Unicode %s",
    (variables, expected) => assert.strictEqual(Style.fromEnvironment({ ...environment, variables }).unicode, expected)
  )

  it("knows Windows Terminal by its own variable", () => {
    const variables = { WT_SESSION: "1" }
    assert.isTrue(Style.fromEnvironment({ ...environment, platform: "win32", variables }).unicode)
    assert.isFalse(Style.fromEnvironment({ ...environment, platform: "win32" }).unicode)
  })
})

describe("Style.paint", () => {
  const style: Style.Style = { columns: 80, colour: true, unicode: true }

  it("colours what can be seen, and nothing without colour", () => {
    assert.strictEqual(Style.paint(style, "red", "no"), "\x1b[31mno\x1b[39m")
    assert.strictEqual(Style.paint(style, "red", "  "), "  ")
    assert.strictEqual(Style.paint({ ...style, colour: false }, "red", "no"), "no")
  })
})
