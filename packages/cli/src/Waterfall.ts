/**
 * A connect drawn for people: one line an answer and one an attempt, on one
 * scale of time, and a line that sums it up.
 *
 * A pure function from a report to lines. Addresses are whole from 80 columns
 * on, and a failure has its reason beside it.
 *
 * @since 0.1.0
 */
import type { ConnectEvent } from "@happy-eyeballs/core/ConnectEvent"
import * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as Bar from "./Bar.ts"
import * as ReportRows from "./ReportRows.ts"
import * as ReportText from "./ReportText.ts"
import { type Ink, paint, type Style } from "./Style.ts"

/**
 * Draws a report: heading, answers, attempts and, marked, the summary.
 *
 * @category formatting
 * @since 0.1.0
 */
export const lines = (report: ConnectReport.ConnectReport, style: Style): ReadonlyArray<string> =>
  draw(report, layoutOf([report], style), style)

/**
 * Draws reports to be compared: all on one scale, with their columns in line.
 *
 * @category formatting
 * @since 0.1.0
 */
export const linesTogether = (
  reports: ReadonlyArray<ConnectReport.ConnectReport>,
  style: Style
): ReadonlyArray<ReadonlyArray<string>> => {
  const grid = layoutOf(reports, style)
  return reports.map((report) => draw(report, grid, style))
}

/**
 * Draws a report without its summary. Empty where nothing was answered and
 * nothing was tried.
 *
 * @category formatting
 * @since 0.1.0
 */
export const chart = (
  report: ConnectReport.ConnectReport,
  style: Style,
  handshakes?: ReportRows.Handshakes
): ReadonlyArray<string> => {
  const rows = ReportRows.fromReport(report, handshakes)
  return drawChart(report.target, rows, layout(rows, ReportRows.spanMs([report]), style), style)
}

/**
 * Draws a connect that goes on, from its events until now.
 *
 * @category formatting
 * @since 0.1.0
 */
export const chartUntil = (
  nowMs: number,
  events: ReadonlyArray<ConnectEvent>,
  style: Style
): ReadonlyArray<string> => {
  const { target } = ConnectReport.fromEvents(events)
  const rows = ReportRows.fromEvents(events, nowMs)
  return drawChart(target, rows, layout(rows, Math.max(1, nowMs), style), style)
}

/**
 * Draws the line that sums a report up, marked by how it ended.
 *
 * @category formatting
 * @since 0.1.0
 */
export const summary = (report: ConnectReport.ConnectReport, style: Style): string => {
  const mark = report.ok ? marks.won : report.error?.tag === "Interrupted" ? marks.interrupted : marks.failed
  return paint(style, mark.ink, `${style.unicode ? mark.unicode : mark.ascii} ${ReportText.summary(report)}`)
}

const draw = (report: ConnectReport.ConnectReport, grid: Grid, style: Style): ReadonlyArray<string> => {
  const drawn = drawChart(report.target, ReportRows.fromReport(report), grid, style)
  return [...drawn, ...(drawn.length === 0 ? [] : [""]), summary(report, style)]
}

const drawChart = (
  target: ConnectReport.ConnectReport["target"],
  rows: ReadonlyArray<ReportRows.Row>,
  grid: Grid,
  style: Style
): ReadonlyArray<string> =>
  rows.length === 0 ? [] : [
    paint(style, "bold", cut(ReportText.target(target), style.columns, style)),
    paint(style, "dim", " ".repeat(grid.barAt) + Bar.axis(grid.scale, ReportText.formatMs)),
    ...rows.map((row) => drawRow(row, grid, style))
  ]

interface Mark {
  readonly unicode: string
  readonly ascii: string
  readonly ink: Ink
  readonly stroke: Bar.Stroke
}

const marks: Record<ReportRows.Kind, Mark> = {
  running: { unicode: "›", ascii: ">", ink: "cyan", stroke: "light" },
  won: { unicode: "✓", ascii: "*", ink: "green", stroke: "heavy" },
  failed: { unicode: "✗", ascii: "x", ink: "red", stroke: "light" },
  interrupted: { unicode: "·", ascii: "-", ink: "dim", stroke: "light" },
  answered: { unicode: " ", ascii: " ", ink: "cyan", stroke: "dotted" },
  unanswered: { unicode: "✗", ascii: "x", ink: "red", stroke: "dotted" }
}

interface Grid {
  readonly labelWidth: number
  readonly barAt: number
  readonly tookWidth: number
  readonly noteWidth: number
  readonly scale: Bar.Scale
}

const gaps = { mark: 2, label: 2, bar: 1, took: 2 }
const minimumCells = 8
const minimumNote = 11

// The bars get what is left. Where that is too little the notes give way first
// and the labels last: an address that is cut is worth nothing.
const layout = (rows: ReadonlyArray<ReportRows.Row>, spanMs: number, style: Style): Grid => {
  const widest = (text: (row: ReportRows.Row) => string) => Math.max(0, ...rows.map((row) => text(row).length))
  const tookWidth = widest(({ took }) => took)
  const room = style.columns - gaps.mark - gaps.label - gaps.bar - gaps.took - tookWidth - minimumCells
  // An answer may name many addresses; only those that fit beside the attempts
  // are shown, and the note has their number.
  const label = widest((row) => marks[row.kind].stroke === "dotted" ? row.label.slice(0, 20) : row.label)
  const note = Math.min(widest(({ note }) => note), Math.floor(style.columns * 0.3))
  const labelWidth = Math.max(1, Math.min(label, room - Math.min(note, minimumNote)))
  const noteWidth = Math.max(1, Math.min(note, room - labelWidth))
  return {
    labelWidth,
    barAt: gaps.mark + labelWidth + gaps.label,
    tookWidth,
    noteWidth,
    scale: {
      cells: minimumCells + Math.max(0, room - labelWidth - noteWidth),
      spanMs,
      unicode: style.unicode
    }
  }
}

const layoutOf = (reports: ReadonlyArray<ConnectReport.ConnectReport>, style: Style): Grid =>
  layout(reports.flatMap((report) => ReportRows.fromReport(report)), ReportRows.spanMs(reports), style)

const drawRow = (row: ReportRows.Row, grid: Grid, style: Style): string => {
  const mark = marks[row.kind]
  const { ink, stroke } = mark
  const lineInk = stroke === "dotted" || ink === "red" ? undefined : ink
  const label = stroke === "dotted"
    ? cutList(row.label, grid.labelWidth, style)
    : cut(row.label, grid.labelWidth, style)
  const bar = Bar.draw(grid.scale, stroke, row.fromMs, row.toMs)
  const phases = row.securedFromMs === undefined ? bar : Bar.withPhase(grid.scale, bar, row.securedFromMs)
  return [
    paint(style, ink, (style.unicode ? mark.unicode : mark.ascii).padEnd(gaps.mark)),
    paint(style, lineInk, label.padEnd(grid.labelWidth + gaps.label)),
    paint(style, ink, phases),
    paint(style, lineInk, " ".repeat(gaps.bar) + row.took.padStart(grid.tookWidth)),
    paint(style, ink === "cyan" ? undefined : ink, " ".repeat(gaps.took) + cut(row.note, grid.noteWidth, style))
  ].join("").trimEnd()
}

const ellipsis = ({ unicode }: Style): string => unicode ? "…" : ".."

const cut = (text: string, width: number, style: Style): string =>
  text.length <= width ? text : text.slice(0, Math.max(0, width - ellipsis(style).length)) + ellipsis(style)

// Half an address says something wrong; fewer addresses say less.
const cutList = (text: string, width: number, style: Style): string => {
  if (text.length <= width) return text
  const end = text.lastIndexOf(", ", width - ellipsis(style).length - 2)
  return end === -1 ? cut(text, width, style) : `${text.slice(0, end)}, ${ellipsis(style)}`
}
