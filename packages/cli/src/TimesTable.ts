/**
 * A table of times for people: a row each with a bar to the median, thinner to
 * the 95th percentile, and numbers in columns.
 *
 * @since 0.1.0
 */
import * as Bar from "./Bar.ts"
import * as ReportText from "./ReportText.ts"
import { type Ink, paint, type Style } from "./Style.ts"

/**
 * A row. Without a median `instead` stands where the bar would.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly ink: Ink | undefined
  readonly label: string
  readonly medianMs: number | null
  readonly p95Ms: number | null
  readonly instead: string
  readonly cells: ReadonlyArray<string>
}

/**
 * Rows with the names of their columns.
 *
 * @category models
 * @since 0.1.0
 */
export interface Table {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<Row>
}

/**
 * Draws tables to be compared: all on one scale, with their columns in line.
 *
 * @category formatting
 * @since 0.1.0
 */
export const linesTogether = (tables: ReadonlyArray<Table>, style: Style): ReadonlyArray<ReadonlyArray<string>> => {
  const grid = layout(tables, style)
  const hasTimes = tables.some(({ rows }) => rows.some(({ medianMs }) => medianMs !== null))
  const axis = hasTimes ? Bar.axis(grid.scale, ReportText.formatMs) : ""
  return tables.map(({ columns, rows }) => [
    paint(style, "dim", drawLine("", axis, columns, grid)),
    ...rows.flatMap((row) => drawRow(row, grid).map((line) => paint(style, row.ink, line)))
  ])
}

const gap = 2
const minimumCells = 8

interface Grid {
  readonly labelWidth: number
  readonly widths: ReadonlyArray<number>
  readonly scale: Bar.Scale
}

const layout = (tables: ReadonlyArray<Table>, style: Style): Grid => {
  const rows = tables.flatMap((table) => table.rows)
  const lines = [...tables.map(({ columns }) => columns), ...rows.map(({ cells }) => cells)]
  const count = Math.max(0, ...lines.map(({ length }) => length))
  const widths = Array.from(
    { length: count },
    (_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0))
  )
  const taken = widths.reduce((sum, width) => sum + width + gap, 0)
  const room = style.columns - taken - gap - minimumCells
  const labelWidth = Math.max(0, ...rows.map(({ label }) => label.length).filter((length) => length <= room))
  return {
    labelWidth,
    widths,
    scale: {
      cells: Math.max(minimumCells, minimumCells + room - labelWidth),
      spanMs: Math.max(1, ...rows.flatMap(({ medianMs, p95Ms }) => [medianMs ?? 0, p95Ms ?? 0])),
      unicode: style.unicode
    }
  }
}

// Half an address is worth nothing: one that is too long has a line of its own.
const drawRow = (row: Row, grid: Grid): ReadonlyArray<string> => {
  const fits = row.label.length <= grid.labelWidth
  const line = drawLine(fits ? row.label : "", drawTimes(row, grid), row.cells, grid)
  return fits ? [line] : [row.label, line]
}

const drawLine = (label: string, bar: string, cells: ReadonlyArray<string>, grid: Grid): string =>
  [
    label.padEnd(grid.labelWidth + gap),
    bar.slice(0, grid.scale.cells).padEnd(grid.scale.cells),
    ...grid.widths.map((width, column) => " ".repeat(gap) + (cells[column] ?? "").padStart(width))
  ].join("").trimEnd()

const drawTimes = ({ instead, medianMs, p95Ms }: Row, { scale }: Grid): string => {
  if (medianMs === null) return instead
  const light = Bar.draw(scale, "light", 0, p95Ms ?? medianMs)
  return Array.from(Bar.draw(scale, "heavy", 0, medianMs), (cell, at) => cell === " " ? light[at] : cell).join("")
}
