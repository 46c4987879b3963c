/**
 * Connects as a page: the waterfall, what was tried, what was answered, with
 * which options.
 *
 * @since 0.1.0
 */
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import * as OptionRows from "../OptionRows.ts"
import * as Phases from "../Phases.ts"
import * as ReportRows from "../ReportRows.ts"
import * as ReportText from "../ReportText.ts"
import * as HtmlChart from "./HtmlChart.ts"
import type * as HtmlPage from "./HtmlPage.ts"
import * as HtmlTable from "./HtmlTable.ts"

/**
 * Gives the parts of a page about one connect: its chart, its phases,
 * its attempts, its answers. What it has none of is left out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sections = (
  report: ConnectReport.ConnectReport,
  handshakes: ReportRows.Handshakes = new Map()
): ReadonlyArray<HtmlPage.Section> => [
  ...chart(report, "Waterfall", handshakes),
  ...phasesTable(Phases.fromReport(report, handshakes)),
  ...table("Attempts", attemptColumns, report.attempts.map(attemptCells)),
  ...table("Answers", answerColumns, report.resolution.map(answerCells))
]

/**
 * Gives the waterfall of a connect under a heading of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const chart = (
  report: ConnectReport.ConnectReport,
  heading: string,
  handshakes?: ReportRows.Handshakes
): ReadonlyArray<HtmlPage.Section> => {
  const rows = ReportRows.fromReport(report, handshakes)
  const name = `${ReportText.target(report.target)}: ${ReportText.summary(report)}`
  return rows.length === 0
    ? []
    : [{ heading, body: HtmlChart.draw({ name, spanMs: ReportRows.spanMs([report]), rows }) }]
}

/**
 * Gives a table as a part of a page, and nothing where it has no rows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const table = (
  heading: string,
  columns: HtmlTable.Table["columns"],
  rows: HtmlTable.Table["rows"]
): ReadonlyArray<HtmlPage.Section> =>
  rows.length === 0 ? [] : [{ heading, body: HtmlTable.draw({ name: heading, columns, rows }) }]

/**
 * Gives the table of the options of a connect, after those of its command.
 *
 * @category constructors
 * @since 0.1.0
 */
export const optionsTable = (
  options: ConnectOptions.ConnectOptions,
  given: ReadonlyArray<readonly [flag: string, value: string]> = []
): ReadonlyArray<HtmlPage.Section> =>
  table("Options", [{ name: "Option" }, { name: "Value" }, { name: "Set by" }], [
    ...given.map(([flag, value]) => [flag, value, "given"]),
    ...OptionRows.fromOptions(options).map(({ flag, given, value }) => [flag, value, given ? "given" : "default"])
  ])

const phasesTable = (phases: Phases.Phases | undefined): ReadonlyArray<HtmlPage.Section> =>
  phases === undefined
    ? []
    : table("Phases", [{ name: "Phase" }, { name: "Ended", numeric: true }], Phases.cells(phases))

const attemptColumns = [
  { name: "Address" },
  { name: "Started", numeric: true },
  { name: "Ended", numeric: true },
  { name: "Took", numeric: true },
  { name: "Outcome" },
  { name: "Code" }
]

const attemptCells = (attempt: ConnectReport.AttemptReport): ReadonlyArray<string> => [
  ReportText.endpoint(attempt),
  ReportText.formatMs(attempt.startedAtMs),
  ReportText.formatMs(attempt.endedAtMs),
  ReportText.formatMs(attempt.endedAtMs - attempt.startedAtMs),
  ReportText.attemptNote({ ...attempt, code: null }),
  attempt.code ?? ""
]

const answerColumns = [
  { name: "Type" },
  { name: "Arrived", numeric: true },
  { name: "Said" },
  { name: "Holds for", numeric: true },
  { name: "Addresses" }
]

const answerCells = (answer: ConnectReport.ResolutionReport): ReadonlyArray<string> => [
  answer.name === undefined ? answer.type : `${answer.type} ${answer.name}`,
  ReportText.formatMs(answer.atMs),
  ReportText.answerNote(answer),
  answer.ttlSeconds === null ? "" : `${answer.ttlSeconds} s`,
  answer.addresses.join(", ")
]
