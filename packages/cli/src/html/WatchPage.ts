/**
 * Rounds of a watch as a page.
 *
 * @since 0.1.0
 */
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import * as ReportText from "../ReportText.ts"
import type * as WatchRound from "../WatchRound.ts"
import * as ConnectPage from "./ConnectPage.ts"
import * as HtmlChart from "./HtmlChart.ts"
import type * as HtmlPage from "./HtmlPage.ts"

/**
 * How many rounds a page has as JSON: the last ones.
 *
 * @category constants
 * @since 0.1.0
 */
export const maximumRounds = 100

/**
 * Gives the page of rounds; the last one has the counts of all of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const content = (
  rounds: ReadonlyArray<WatchRound.Round>,
  options: ConnectOptions.ConnectOptions,
  servers: ReadonlyArray<string>
): HtmlPage.Content => {
  const last = rounds.at(-1)
  const rows = last === undefined ? [] : [
    ...last.addresses.map((counts) => ({ ...counts, label: ReportText.endpoint(counts) })),
    ...last.families.map((counts) => ({ ...counts, label: counts.family }))
  ]
  const won = rows.filter(({ p50Ms }) => p50Ms !== null)
  return {
    title: last === undefined ? "Watch" : `Watch of ${ReportText.target(last.result.target)}`,
    summary: last === undefined
      ? "no rounds"
      : `${ReportText.plural(last.round, "round", "rounds")}, the last: ${ReportText.summary(last.result)}`,
    sections: [
      ...won.length === 0 ? [] : [{ heading: "Times of attempts that won", body: chart(won) }],
      ...ConnectPage.table("Counts", columns, rows.map(cells)),
      ...last === undefined ? [] : ConnectPage.chart(last.result, "The last round"),
      ...ConnectPage.optionsTable(options, servers.map((server) => ["--dns", server]))
    ],
    json: rounds.map((round) => JSON.stringify(round))
  }
}

type Row = WatchRound.Counts & { readonly label: string }

const chart = (rows: ReadonlyArray<Row>) =>
  HtmlChart.draw({
    name: "Median, and a line to the 95th percentile",
    spanMs: Math.max(1, ...rows.map(({ p95Ms }) => p95Ms ?? 0)),
    rows: rows.map(({ label, p50Ms, p95Ms, wins }) => ({
      kind: "won",
      label,
      fromMs: 0,
      toMs: p50Ms ?? 0,
      upToMs: p95Ms ?? undefined,
      took: ReportText.formatMs(p50Ms ?? 0),
      note: `won ${wins}`
    }))
  })

const columns = [
  { name: "Address" },
  ...["Tried", "Won", "Lost", "Failed", "p50", "p95"].map((name) => ({ name, numeric: true }))
]

const cells = ({ attempts, failures, label, losses, p50Ms, p95Ms, wins }: Row): ReadonlyArray<string> => [
  label,
  ...[attempts, wins, losses, failures].map(String),
  ...[p50Ms, p95Ms].map((ms) => ms === null ? "" : ReportText.formatMs(ms))
]
