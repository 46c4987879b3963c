/**
 * Rows on one scale of time, as a list of labels with a bar each in SVG.
 *
 * Bars are placed in hundredths of the width, so that a page of any width shows
 * them without a script; the words stand beside them as text.
 *
 * @since 0.1.0
 */
import * as Bar from "../Bar.ts"
import type * as ReportRows from "../ReportRows.ts"
import * as ReportText from "../ReportText.ts"
import * as Html from "./Html.ts"

/**
 * A row of a chart. With `upToMs` a thin line goes on from the bar to there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row extends ReportRows.Row {
  readonly upToMs?: number | undefined
}

/**
 * A chart, with a name for those who cannot see it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Chart {
  readonly name: string
  readonly spanMs: number
  readonly rows: ReadonlyArray<Row>
}

/**
 * Draws a chart.
 *
 * @category formatting
 * @since 0.1.0
 */
export const draw = ({ name, rows, spanMs }: Chart): Html.Markup => {
  const place = (ms: number) => `${Number((100 * Math.min(1, ms / spanMs)).toFixed(3))}%`
  const ticks = Bar.ticks(spanMs, steps)
  const grid = ticks.map((ms) => Html.element("line", { x1: place(ms), x2: place(ms), y1: 0, y2: "100%" }))
  return Html.element(
    "figure",
    { class: "chart" },
    Html.element("figcaption", {}, name),
    Html.element("div", { class: "axis", "aria-hidden": "true" }, drawAxis(ticks, spanMs, place)),
    Html.element("ol", { "aria-label": name }, rows.map((row) => drawRow(row, spanMs, grid, place)))
  )
}

const steps = 4

type Place = (ms: number) => string

// A label that begins further to the right than this would leave the picture.
const lastLabel = 0.85

const drawAxis = (ticks: ReadonlyArray<number>, spanMs: number, place: Place): Html.Markup =>
  Html.element(
    "svg",
    { width: "100%", height: 16 },
    [0, ...ticks].filter((ms) => ms <= lastLabel * spanMs).map((ms) =>
      Html.element("text", { x: place(ms), y: 12 }, ms === 0 ? "0" : ReportText.formatMs(ms))
    )
  )

const drawRow = (row: Row, spanMs: number, grid: ReadonlyArray<Html.Markup>, place: Place): Html.Markup =>
  Html.element(
    "li",
    { class: row.kind },
    Html.element(
      "span",
      { class: "label" },
      Html.element("span", { class: "mark", "aria-hidden": "true" }, marks[row.kind]),
      row.label
    ),
    Html.element(
      "svg",
      {
        width: "100%",
        height: 16,
        role: "img",
        "aria-label": `from ${ReportText.formatMs(row.fromMs)} to ${ReportText.formatMs(row.toMs)}`
      },
      grid,
      drawBar(row, spanMs, place)
    ),
    Html.element("span", { class: "took" }, row.took),
    Html.element("span", { class: "note" }, row.note)
  )

// What took no time still leaves a trace, inside the picture.
const leastShare = 0.004

const drawBar = (row: Row, spanMs: number, place: Place): Html.Child => {
  const isAnswer = row.kind === "answered" || row.kind === "unanswered"
  const from = Math.min(row.fromMs, spanMs * (1 - leastShare))
  const to = Math.max(row.toMs, from + spanMs * leastShare)
  const width = place(Math.min(to, spanMs) - from)
  return [
    row.upToMs === undefined ? [] : Html.element("rect", {
      class: "whisker",
      x: place(row.toMs),
      y: 7,
      width: place(row.upToMs - row.toMs),
      height: 2
    }),
    Html.element("rect", { class: "bar", x: place(from), y: isAnswer ? 7 : 4, width, height: isAnswer ? 2 : 8 }),
    row.securedFromMs === undefined ? [] : Html.element("rect", {
      class: "tls",
      x: place(row.securedFromMs),
      y: 1,
      width: place(row.toMs - row.securedFromMs),
      height: 14
    }),
    isAnswer ? Html.element("circle", { cx: place(Math.min(row.toMs, spanMs)), cy: 8, r: 4 }) : []
  ]
}

const marks: Record<ReportRows.Kind, string> = {
  running: "›",
  won: "✓",
  failed: "✗",
  interrupted: "–",
  answered: "●",
  unanswered: "✗"
}
