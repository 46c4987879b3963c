/**
 * Scenarios that were played, as a page.
 *
 * @since 0.1.0
 */
import type { ConnectResult } from "@happy-eyeballs/core/testing/ConnectResult"
import type { Scenario } from "@happy-eyeballs/core/testing/Scenario"
import * as ReportText from "../ReportText.ts"
import * as ConnectPage from "./ConnectPage.ts"
import type * as HtmlPage from "./HtmlPage.ts"

/**
 * A scenario and what came of it: one connect, or several in a row.
 *
 * @category models
 * @since 0.1.0
 */
export interface Played {
  readonly scenario: Scenario
  readonly results: ConnectResult | ReadonlyArray<ConnectResult>
}

/**
 * Gives the connects of a scenario, also where it was one.
 *
 * @category getters
 * @since 0.1.0
 */
export const listOf = (results: Played["results"]): ReadonlyArray<ConnectResult> =>
  "ok" in results ? [results] : results

// A page of thousands of pictures is no page; the table and the JSON have all.
const maximumCharts = 100

/**
 * Gives the page of the scenarios that were played with a seed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const content = (played: ReadonlyArray<Played>, seed: string): HtmlPage.Content => {
  const connects = played.flatMap(({ results, scenario }) => listOf(results).map((result) => ({ scenario, result })))
  const connected = connects.filter(({ result }) => result.ok).length
  const undrawn = Math.max(0, connects.length - maximumCharts)
  return {
    title: played.length === 1 ? played[0]!.scenario.name : `${played.length} scenarios`,
    summary: `${connected} of ${connects.length} connects succeeded in virtual time, seed ${seed}` +
      (undrawn === 0 ? "" : `; the last ${undrawn} are not drawn`),
    sections: [
      ...connects.slice(0, maximumCharts).flatMap(({ result, scenario }) => ConnectPage.chart(result, scenario.name)),
      ...ConnectPage.table("Connects", columns, connects.map(({ result, scenario }) => cells(scenario, result))),
      ...ConnectPage.table("Options", [{ name: "Scenario" }, { name: "Options" }], played.map(optionCells))
    ],
    json: played.map(({ results }) => JSON.stringify(results))
  }
}

const columns = [
  { name: "Scenario" },
  { name: "Target" },
  { name: "Result" },
  { name: "Elapsed", numeric: true },
  { name: "Attempts", numeric: true }
]

const cells = ({ name }: Scenario, result: ConnectResult): ReadonlyArray<string> => [
  name,
  ReportText.target(result.target),
  result.winner === null ? result.error?.tag ?? "failed" : ReportText.endpoint(result.winner),
  ReportText.formatMs(result.elapsedMs),
  String(result.attempts.length)
]

const optionCells = ({ scenario }: Played): ReadonlyArray<string> => [
  scenario.name,
  scenario.options === undefined ? "every default" : JSON.stringify(scenario.options)
]
