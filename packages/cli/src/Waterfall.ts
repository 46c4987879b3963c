/**
 * A connect drawn for people: one line an answer and one an attempt, on one
 * scale of time, and a line that sums it up.
 *
 * A pure function from a report to lines. Addresses are whole from 80 columns
 * on, and a failure has its reason beside it.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as Bar from "./Bar.ts"
import * as ReportText from "./ReportText.ts"
import { type Ink, paint, type Style } from "./Style.ts"

/**
 * Draws a report: heading, answers, attempts and, marked, the summary.
 *
 * @category formatting
 * @since 0.1.0
 */
export const lines = (report: ConnectReport.ConnectReport, style: Style): ReadonlyArray<string> =>
  draw(report, layout([report], style), style)

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
  const grid = layout(reports, style)
  return reports.map((report) => draw(report, grid, style))
}

/**
 * Draws a report without its summary. Empty where nothing was answered and
 * nothing was tried.
 *
 * @category formatting
 * @since 0.1.0
 */
export const chart = (report: ConnectReport.ConnectReport, style: Style): ReadonlyArray<string> =>
  drawChart(report, layout([report], style), style)

const draw = (report: ConnectReport.ConnectReport, grid: Grid, style: Style): ReadonlyArray<string> => {
  const drawn = drawChart(report, grid, style)
  const mark = report.ok ? marks.won : report.error?.tag === "Interrupted" ? marks.interrupted : marks.failed
  const text = `${style.unicode ? mark.unicode : mark.ascii} ${ReportText.summary(report)}`
  return [...drawn, ...(drawn.length === 0 ? [] : [""]), paint(style, mark.ink, text)]
}

const drawChart = (report: ConnectReport.ConnectReport, grid: Grid, style: Style): ReadonlyArray<string> => {
  const rows = rowsOf(report)
  return rows.length === 0 ? [] : [
    paint(style, "bold", cut(ReportText.target(report.target), style.columns, style)),
    paint(style, "dim", " ".repeat(grid.barAt) + Bar.axis(grid.scale, ReportText.formatMs)),
    ...rows.map((row) => drawRow(row, grid, style))
  ]
}

interface Mark {
  readonly unicode: string
  readonly ascii: string
  readonly ink: Ink
  readonly stroke: Bar.Stroke
}

const marks = {
  won: { unicode: "✓", ascii: "*", ink: "green", stroke: "heavy" },
  failed: { unicode: "✗", ascii: "x", ink: "red", stroke: "light" },
  interrupted: { unicode: "·", ascii: "-", ink: "dim", stroke: "light" },
  answered: { unicode: " ", ascii: " ", ink: "cyan", stroke: "dotted" },
  unanswered: { unicode: "✗", ascii: "x", ink: "red", stroke: "dotted" }
} as const satisfies Record<string, Mark>

interface Row {
  readonly mark: Mark
  readonly label: string
  readonly fromMs: number
  readonly toMs: number
  readonly took: string
  readonly note: string
}

const rowsOf = (report: ConnectReport.ConnectReport): ReadonlyArray<Row> => [
  ...report.resolution.map(answerRow),
  ...report.attempts.map(attemptRow)
]

const answerRow = (answer: ConnectReport.ResolutionReport): Row => ({
  mark: answer.reason === null ? marks.answered : marks.unanswered,
  label: ReportText.answer(answer),
  fromMs: 0,
  toMs: answer.atMs,
  took: ReportText.formatMs(answer.atMs),
  note: ReportText.answerNote(answer)
})

const attemptRow = (attempt: ConnectReport.AttemptReport): Row => ({
  mark: marks[attempt.outcome === "connected" ? "won" : attempt.outcome],
  label: ReportText.endpoint(attempt),
  fromMs: attempt.startedAtMs,
  toMs: attempt.endedAtMs,
  took: ReportText.formatMs(attempt.endedAtMs - attempt.startedAtMs),
  note: ReportText.attemptNote(attempt)
})

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
const layout = (reports: ReadonlyArray<ConnectReport.ConnectReport>, style: Style): Grid => {
  const rows = reports.flatMap(rowsOf)
  const widest = (text: (row: Row) => string) => Math.max(0, ...rows.map((row) => text(row).length))
  const tookWidth = widest(({ took }) => took)
  const room = style.columns - gaps.mark - gaps.label - gaps.bar - gaps.took - tookWidth - minimumCells
  // An answer may name many addresses; only those that fit beside the attempts
  // are shown, and the note has their number.
  const label = widest((row) => row.mark.stroke === "dotted" ? row.label.slice(0, 20) : row.label)
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
      spanMs: Math.max(1, ...reports.map(({ elapsedMs }) => elapsedMs), ...rows.map(({ toMs }) => toMs)),
      unicode: style.unicode
    }
  }
}

const drawRow = (row: Row, grid: Grid, style: Style): string => {
  const { ink, stroke } = row.mark
  const lineInk = stroke === "dotted" || ink === "red" ? undefined : ink
  const label = stroke === "dotted"
    ? cutList(row.label, grid.labelWidth, style)
    : cut(row.label, grid.labelWidth, style)
  return [
    paint(style, ink, (style.unicode ? row.mark.unicode : row.mark.ascii).padEnd(gaps.mark)),
    paint(style, lineInk, label.padEnd(grid.labelWidth + gaps.label)),
    paint(style, ink, Bar.draw(grid.scale, stroke, row.fromMs, row.toMs)),
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
