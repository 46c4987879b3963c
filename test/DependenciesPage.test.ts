import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./snippets.ts"

const page = fs.readFileSync(path.join(root, "docs/dependencies.md"), "utf8")

const manifests = ["", ...fs.readdirSync(path.join(root, "packages")).map((name) => path.join("packages", name))]
  .map((directory) => path.join(directory, "package.json"))

const kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const

describe("docs/dependencies.md", () => {
  it.each(manifests)("has a row for each package that %s names", (manifest) => {
    const read = JSON.parse(fs.readFileSync(path.join(root, manifest), "utf8")) as Partial<
      Record<typeof kinds[number], Record<string, string>>
    >
    const names = kinds.flatMap((kind) => Object.keys(read[kind] ?? {}))
    const rows = page.split("\n").filter((line) => line.startsWith("|"))
    for (const name of names) {
      if (name.startsWith("@happy-eyeballs/")) continue
      assert.isTrue(rows.some((row) => row.split("|")[1]!.includes(`\`${name}\``)), `${name} has no row`)
    }
  })
})
