/**
 * Rounds of a watch for people.
 *
 * @since 0.1.0
 */
import * as ReportText from "./ReportText.ts"
import type { Style } from "./Style.ts"
import * as TimesTable from "./TimesTable.ts"
import type * as WatchRound from "./WatchRound.ts"
import * as Waterfall from "./Waterfall.ts"

/**
 * Draws what all rounds until now came to: by address, by family, and the last.
 *
 * @category formatting
 * @since 0.1.0
 */
export const lines = (
  { addresses, families, result, round }: WatchRound.Round,
  style: Style
): ReadonlyArray<string> => {
  const columns = ["tried", "won", "lost", "failed", "p50", "p95"]
  const [byAddress = [], byFamily = []] = TimesTable.linesTogether([
    { columns, rows: addresses.map((counts) => row(ReportText.endpoint(counts), counts)) },
    { columns, rows: families.map((counts) => row(counts.family, counts)) }
  ], style)
  const last = Waterfall.summary(result, style)
  return [
    `${ReportText.target(result.target)}: ${ReportText.plural(round, "round", "rounds")}`,
    "",
    ...byAddress,
    "",
    ...byFamily.slice(1),
    "",
    last
  ]
}

/**
 * Says in one line what came of a round.
 *
 * @category formatting
 * @since 0.1.0
 */
export const line = ({ atMs, result, round }: WatchRound.Round, style: Style): string =>
  `${round} at ${ReportText.formatMs(atMs)}: ${Waterfall.summary(result, style)}`

const row = (label: string, counts: WatchRound.Counts): TimesTable.Row => ({
  ink: counts.failures === counts.attempts ? "red" : counts.wins > 0 ? "green" : undefined,
  label,
  medianMs: counts.p50Ms,
  p95Ms: counts.p95Ms,
  instead: "",
  cells: [
    ...[counts.attempts, counts.wins, counts.losses, counts.failures].map(String),
    ...[counts.p50Ms, counts.p95Ms].map((ms) => ms === null ? "" : ReportText.formatMs(ms))
  ]
})
