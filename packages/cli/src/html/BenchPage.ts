/**
 * A bench as a page.
 *
 * @since 0.1.0
 */
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import type * as BenchResult from "../BenchResult.ts"
import * as BenchText from "../BenchText.ts"
import * as ReportText from "../ReportText.ts"
import * as ConnectPage from "./ConnectPage.ts"
import * as HtmlChart from "./HtmlChart.ts"
import type * as HtmlPage from "./HtmlPage.ts"
import * as HtmlTable from "./HtmlTable.ts"

/**
 * Gives the page of a bench.
 *
 * @category constructors
 * @since 0.1.0
 */
export const content = (bench: BenchResult.Bench, options: ConnectOptions.ConnectOptions): HtmlPage.Content => {
  const ends = bench.resolvers.flatMap(({ addresses, race }) => [...addresses, race].map(({ p95Ms }) => p95Ms ?? 0))
  const spanMs = Math.max(1, ...ends)
  return {
    title: `Bench of ${ReportText.target(bench.target)}`,
    summary: bench.error?.message ?? bench.resolvers.map(BenchText.conclusion).join("; "),
    sections: [
      ...bench.resolvers.map((resolver) => section(resolver, spanMs)),
      ...ConnectPage.optionsTable(options, [["--count", String(bench.count)]])
    ],
    json: [JSON.stringify(bench)]
  }
}

const section = (resolver: BenchResult.ResolverTimes, spanMs: number): HtmlPage.Section => {
  const rows = [
    ...resolver.addresses.map((address) => ({
      ...address,
      label: ReportText.endpoint(address),
      said: BenchText.failures(address)
    })),
    { ...resolver.race, label: "the race", said: resolver.race.failures.map(({ tag }) => tag).join(", ") }
  ]
  const name = BenchText.heading(resolver)
  return {
    heading: resolver.server ?? "This machine's resolver",
    body: [
      HtmlChart.draw({
        name,
        spanMs,
        rows: rows.filter(({ tries }) => tries > 0).map(({ label, medianMs, p95Ms, said }): HtmlChart.Row => ({
          kind: medianMs === null ? "failed" : label === "the race" ? "won" : "interrupted",
          label,
          fromMs: 0,
          toMs: medianMs ?? 0,
          upToMs: p95Ms ?? undefined,
          took: medianMs === null ? "" : ReportText.formatMs(medianMs),
          note: said
        }))
      }),
      HtmlTable.draw({
        name: `Times through ${resolver.server ?? "this machine's resolver"}`,
        columns: [
          { name: "Address" },
          ...["Min", "Median", "p95", "Tries", "Failed"].map((name) => ({ name, numeric: true })),
          { name: "Failures" }
        ],
        rows: rows.map(({ label, medianMs, minMs, p95Ms, said, timesMs, tries }) => [
          label,
          ...[minMs, medianMs, p95Ms].map((ms) => ms === null ? "" : ReportText.formatMs(ms)),
          String(tries),
          String(tries - timesMs.length),
          said
        ])
      })
    ]
  }
}
