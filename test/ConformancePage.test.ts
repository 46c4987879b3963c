import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./snippets.ts"

const page = fs.readFileSync(path.join(root, "docs/conformance.md"), "utf8")

const rows = page.split("\n").filter((line) => /^\| *[A-Z0-9]/.test(line) && !/^\| *(Item|item) /.test(line))

const named = [...page.matchAll(/`(packages\/[^`]+\.test\.ts)` › `([^`]+)`/g)].map(([, file = "", name = ""]) => ({
  file,
  name
}))

describe("docs/conformance.md", () => {
  it("says for every line how it is shown, or why not", () => {
    assert.isAbove(rows.length, 40)
    for (const row of rows) {
      const cells = row.split("|").slice(1, -1).map((cell) => cell.trim())
      assert.isTrue(cells.length >= 3 && cells.every((cell) => cell !== ""), row)
      const last = cells.at(-1)!
      assert.isTrue(named.some(({ name }) => last.includes(`\`${name}\``)) || last.length > 20, row)
    }
  })

  it.each(named)("names a test that exists: $file › $name", ({ file, name }) => {
    const source = fs.readFileSync(path.join(root, file), "utf8")
    assert.include(source, JSON.stringify(name))
  })
})
