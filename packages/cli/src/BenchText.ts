/**
 * A bench for people: a table a resolver, all on one scale, and what they come
 * to.
 *
 * @since 0.1.0
 */
import type * as BenchResult from "./BenchResult.ts"
import * as ReportText from "./ReportText.ts"
import { paint, type Style } from "./Style.ts"
import * as TimesTable from "./TimesTable.ts"

/**
 * Draws a bench, finished or not.
 *
 * @category formatting
 * @since 0.1.0
 */
export const lines = (bench: BenchResult.Bench, style: Style): ReadonlyArray<string> => {
  const tables = TimesTable.linesTogether(bench.resolvers.map(table), style)
  return bench.resolvers.length === 0 ? [] : [
    paint(style, "bold", `${ReportText.target(bench.target)}: each address ${times(bench.count)}, one at a time`),
    ...bench.resolvers.flatMap((resolver, index) => [
      "",
      heading(resolver),
      ...resolver.addresses.length === 0 ? [] : tables[index] ?? []
    ]),
    ...bench.resolvers.flatMap((resolver) => resolver.race.tries === 0 ? [] : ["", conclusion(resolver)])
  ]
}

/**
 * Says how far a bench has come.
 *
 * @category formatting
 * @since 0.1.0
 */
export const progress = ({ count, resolvers, rounds }: BenchResult.Bench): string =>
  resolvers.length === 0 ? "asking for addresses" : `round ${Math.min(rounds + 1, count)} of ${count}`

/**
 * Says who answered, what, and after how long.
 *
 * @category formatting
 * @since 0.1.0
 */
export const heading = ({ addresses, lookupMs, resolution, server }: BenchResult.ResolverTimes): string => {
  const who = server ?? "this machine's resolver"
  if (lookupMs === null) return addresses.length === 0 ? `${who} did not answer` : "no name to ask for"
  const answers = resolution.map((answer) => `${answer.type}: ${ReportText.answerNote(answer)}`)
  return `${who}: ${answers.join(", ")} in ${ReportText.formatMs(lookupMs)}`
}

/**
 * Says what the races through one resolver came to.
 *
 * @category formatting
 * @since 0.1.0
 */
export const conclusion = ({ race, server }: BenchResult.ResolverTimes): string => {
  const through = server === null ? "" : ` through ${server}`
  if (race.medianMs === null) return `no race${through} was won`
  const wins = race.wins.map((win) => `${ReportText.endpoint(win)} won ${win.count}`)
  return `the race${through} took ${ReportText.formatMs(race.medianMs)} (median), names included: ${wins.join(", ")} ` +
    `of ${race.tries}`
}

/**
 * Says how an address failed: `timed out 3`, `refused 1`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const failures = ({ failures }: BenchResult.AddressTimes): string =>
  failures.map(({ count, kind }) => `${ReportText.failure(kind)} ${count}`).join(", ")

const table = ({ addresses, race }: BenchResult.ResolverTimes): TimesTable.Table => ({
  columns: ["min", "median", "p95", "failed"],
  rows: [
    ...addresses.map((address): TimesTable.Row => ({
      ...address,
      ink: address.medianMs === null && address.tries > 0 ? "red" : undefined,
      label: ReportText.endpoint(address),
      instead: failures(address),
      cells: cells(address)
    })),
    ...addresses.length === 0 ? [] : [
      {
        ...race,
        ink: "green",
        label: "the race",
        instead: race.failures.map(({ count, tag }) => `${tag} ${count}`).join(", "),
        cells: cells(race)
      } as const
    ]
  ]
})

const cells = ({ medianMs, minMs, p95Ms, timesMs, tries }: BenchResult.AddressTimes | BenchResult.RaceTimes) => [
  ...[minMs, medianMs, p95Ms].map((ms) => ms === null ? "" : ReportText.formatMs(ms)),
  tries === 0 ? "" : `${tries - timesMs.length}/${tries}`
]

const times = (count: number): string => count === 1 ? "once" : `${count} times`
