/**
 * The options that a connect ran with, in the words of the command line.
 *
 * @since 0.1.0
 */
import * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import * as Result from "effect/Result"
import * as ConnectFlags from "./ConnectFlags.ts"
import * as ReportText from "./ReportText.ts"

/**
 * One option: its flag, its value, and whether somebody gave it.
 *
 * @category models
 * @since 0.1.0
 */
export interface OptionRow {
  readonly flag: string
  readonly value: string
  readonly given: boolean
}

/**
 * Lists every option with its value; none where one of them is not allowed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromOptions = (options: ConnectOptions.ConnectOptions): ReadonlyArray<OptionRow> => {
  const settings = ConnectOptions.toSettings(options)
  return Result.isFailure(settings) ? [] : names.map((name) => ({
    flag: ConnectFlags.flagOf(name),
    value: options[name] === "adaptive" ? "adaptive" : formatValue(name, settings.success[name]),
    given: options[name] !== undefined
  }))
}

const names = Object.keys(ConnectFlags.flags) as ReadonlyArray<keyof typeof ConnectFlags.flags>

const times: ReadonlySet<string> = new Set([
  "resolutionDelay",
  "connectionAttemptDelay",
  "attemptTimeout",
  "timeout",
  "headStart"
])

const formatValue = (name: keyof ConnectOptions.Settings, value: unknown): string => {
  if (name === "tls") return value === undefined ? "no" : "yes"
  if (name === "family") return value === undefined ? "both" : String(value)
  if (name === "headStart" && value === undefined) return "one attempt delay"
  if (value === Infinity) return "none"
  if (typeof value === "boolean") return value ? "yes" : "no"
  return times.has(name) ? ReportText.formatMs(Number(value)) : String(value)
}
