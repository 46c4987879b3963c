/**
 * The tables of docs/recipes.md, which the tests make: `npm run tables` writes
 * what was measured, any other run only checks that every client has its row.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const file = Path.join(import.meta.dirname, "../../../../../docs/recipes.md")

/** Milliseconds, or the code of an error. */
export type Cell = number | string | undefined

export type Table = Readonly<Record<string, ReadonlyArray<Cell>>>

const format = (cell: Cell): string => {
  if (cell === undefined) return "not tried"
  return typeof cell === "string" ? `\`${cell}\`` : `${String(cell).replace(/\B(?=(\d{3})+$)/g, " ")} ms`
}

const parts = (name: string): readonly [before: string, table: string, after: string] => {
  const [begin, end] = [`<!-- ${name}: made by \`npm run tables\` -->\n\n`, "\n\n<!-- end -->"]
  const page = Fs.readFileSync(file, "utf8")
  const start = page.indexOf(begin) + begin.length
  const stop = page.indexOf(end, start)
  return [page.slice(0, start), page.slice(start, stop), page.slice(stop)]
}

/** The clients that have a row in a table of the page. */
export const clientsIn = (name: string): ReadonlyArray<string> =>
  parts(name)[1].split("\n").slice(2).map((line) => line.split("|")[1]!.trim())

/** Writes the rows of a table where that was asked for; its head stays. */
export const write = (name: string, table: Table): void => {
  if (process.env["WRITE_TABLES"] !== "true") return
  const [before, written, after] = parts(name)
  const head = written.split("\n").slice(0, 2)
  const rows = Object.entries(table).map(([client, cells]) => `| ${[client, ...cells.map(format)].join(" | ")} |`)
  Fs.writeFileSync(file, `${before}${[...head, ...rows].join("\n")}${after}`)
}
