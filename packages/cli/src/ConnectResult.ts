/**
 * The result of one connect as `connect --json` prints it.
 *
 * @since 0.1.0
 */
import type * as ConnectReport from "@happy-eyeballs/core/ConnectReport"

/**
 * A report, and the sockets beyond the winner's that were open when `connect`
 * returned.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectResult extends ConnectReport.ConnectReport {
  readonly leaked: number
}

/**
 * The result of what never became a connect, because it was asked for wrongly.
 *
 * @category constructors
 * @since 0.1.0
 */
export const misused = (tag: "InvalidTarget" | "InvalidOptions", message: string, host = ""): ConnectResult => ({
  ok: false,
  target: { host, ports: [] },
  winner: null,
  elapsedMs: 0,
  attempts: [],
  resolution: [],
  error: { tag, message },
  leaked: 0
})
