import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./snippets.ts"

const read = (page: string) => fs.readFileSync(path.join(root, page), "utf8")

const rowsOf = (page: string) =>
  page.split("\n").filter((line) => /^\| *[A-Z0-9]/.test(line) && !/^\| *(Item|Who) /.test(line))

const namedIn = (page: string) =>
  [...page.matchAll(/`((?:packages|test)\/[^`]+\.test\.ts)` › `([^`]+)`/g)].map(([, file = "", name = ""]) => ({
    file,
    name
  }))

describe.each([
  { name: "docs/conformance.md", least: 40 },
  { name: "docs/security.md", least: 20 }
])("$name", ({ least, name: file }) => {
  const page = read(file)
  const rows = rowsOf(page)
  const named = namedIn(page)

  it("says for every line how it is shown, or why not", () => {
    assert.isAtLeast(rows.length, least)
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
