/**
 * The phases of a connect that won, as `curl -w` names them: each the time from
 * the call to its end.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"
import type * as ReportRows from "./ReportRows.ts"
import * as ReportText from "./ReportText.ts"
import { paint, type Style } from "./Style.ts"

/**
 * When each phase ended, in milliseconds; `undefined` where there was none or
 * where it is not known.
 *
 * @category models
 * @since 0.1.0
 */
export interface Phases {
  /** The answer that brought the winner's address. */
  readonly namelookup: number | undefined
  /** The winner's TCP connect. */
  readonly connect: number | undefined
  /** The winner's TLS handshake. */
  readonly appconnect: number | undefined
  /** The call returned, and the losers were closed. */
  readonly total: number
}

/**
 * Gives the phases of a connect; none where nothing was won.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReport = (
  { attempts, elapsedMs, resolution, winner }: ConnectReport.ConnectReport,
  handshakes: ReportRows.Handshakes
): Phases | undefined => {
  const number = attempts.findIndex(({ outcome }) => outcome === "connected")
  const won = attempts[number]
  if (winner === null || won === undefined) return undefined
  const answer = resolution.find(({ addresses, atMs }) => atMs <= won.startedAtMs && addresses.includes(won.address))
  const withTls = winner.protocol === "tls"
  return {
    namelookup: answer?.atMs,
    connect: withTls ? handshakes.get(number) : won.endedAtMs,
    appconnect: withTls ? won.endedAtMs : undefined,
    total: elapsedMs
  }
}

/**
 * Gives the phases with their names and in words, in order.
 *
 * @category formatting
 * @since 0.1.0
 */
export const cells = (phases: Phases): ReadonlyArray<readonly [name: string, time: string]> =>
  Object.entries(phases).map(([name, ms]) => [name, ms === undefined ? "-" : ReportText.formatMs(ms)])

/**
 * Prints the phases as a table of one row.
 *
 * @category formatting
 * @since 0.1.0
 */
export const lines = (phases: Phases, style: Style): ReadonlyArray<string> => {
  const row = (column: 0 | 1) =>
    `  ${cells(phases).map((cell) => cell[column].padStart(Math.max(cell[0].length, cell[1].length))).join("   ")}`
  return [paint(style, "dim", row(0)), row(1)]
}
