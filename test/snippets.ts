import * as fs from "node:fs"
import * as path from "node:path"

/** A code block that the documentation shows, ready to run. */
export interface Snippet {
  /** Where it stands, as `README.md:12`. */
  readonly at: string
  readonly code: string
}

export const root = path.join(import.meta.dirname, "..")

/** Every `ts` block of the pages and of the doc comments of the sources. */
export const all = (): ReadonlyArray<Snippet> => [
  ...files(root, /\.md$/, ["README.md", "docs", "decisions", "examples"]).flatMap((file) =>
    blocks(file, (line) => line)
  ),
  ...files(root, /\.ts$/, ["packages"]).filter((file) => file.includes("/src/")).flatMap((file) =>
    blocks(file, (line) => /^ *\* ?(.*)$/.exec(line)?.[1])
  )
]

const files = (base: string, name: RegExp, below: ReadonlyArray<string>): ReadonlyArray<string> =>
  below.flatMap((entry): ReadonlyArray<string> => {
    const full = path.join(base, entry)
    const stat = fs.statSync(full, { throwIfNoEntry: false })
    if (stat === undefined || /node_modules|\/dist$/.test(full)) return []
    return stat.isDirectory() ? files(full, name, fs.readdirSync(full)) : name.test(full) ? [full] : []
  })

const blocks = (file: string, text: (line: string) => string | undefined): ReadonlyArray<Snippet> => {
  const out: Array<Snippet> = []
  let open: { readonly line: number; readonly lines: Array<string> } | undefined
  fs.readFileSync(file, "utf8").split("\n").forEach((raw, index) => {
    const line = text(raw)
    if (line === undefined) return
    if (open === undefined) {
      if (/^```ts$/.test(line.trim())) open = { line: index + 1, lines: [] }
    } else if (line.trim() === "```") {
      out.push({ at: `${path.relative(root, file)}:${open.line}`, code: open.lines.join("\n") })
      open = undefined
    } else {
      open.lines.push(line)
    }
  })
  return out
}

/**
 * Turns each `expression // => value` into a check. An expression begins at the
 * nearest line above that is not indented and closes nothing.
 */
export const withChecks = (code: string): string => {
  const lines = code.split("\n")
  lines.forEach((line, end) => {
    const match = /^(.*?)\s*\/\/ => (.*)$/.exec(line)
    if (match === null) return
    let start = end
    while (start > 0 && /^[\s.)\]}]/.test(lines[start]!)) start--
    lines[end] = `${match[1]}, ${match[2]})`
    lines[start] = `__check(${lines[start]}`
  })
  return lines.join("\n")
}
