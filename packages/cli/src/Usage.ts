/**
 * What was wrong with a command line, in one line.
 *
 * `effect/cli` finds the faults; the words are ours, because its own take
 * several lines and show the whole help on standard output.
 *
 * @since 0.1.0
 */
import type { ConnectResult } from "@happy-eyeballs/core/testing/ConnectResult"
import * as QueryResult from "@happy-eyeballs/dns/QueryResult"
import type * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import * as Ending from "./Ending.ts"
import { Output } from "./Output.ts"
import { visible } from "./ReportText.ts"

/**
 * A fault of a command line, in the words of FORMATS' results.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fault {
  readonly tag: "InvalidTarget" | "InvalidOptions"
  readonly message: string
  /** The host, where one was given. */
  readonly host?: string | undefined
}

/**
 * Says what is wrong and ends with exit code 2: a line for people on standard
 * error or, with `json`, a result of the command on standard output.
 *
 * @category reporting
 * @since 0.1.0
 */
export const refuse = Effect.fnUntraced(function*(
  fault: Fault,
  json: boolean,
  command?: string | undefined
): Effect.fn.Return<never, Ending.Ending, Output> {
  const output = yield* Output
  if (json) {
    yield* output.result(JSON.stringify(
      command === "resolve"
        ? QueryResult.fromFault({ name: fault.host ?? "", type: "AAAA", tag: fault.tag, message: fault.message })
        : toResult(fault)
    ))
  } else yield* output.message(`happy-eyeballs: ${visible(fault.message)}`)
  return yield* Ending.misused
})

// The result of what never became a connect.
const toResult = ({ host = "", message, tag }: Fault): ConnectResult => ({
  ok: false,
  target: { host, ports: [] },
  winner: null,
  elapsedMs: 0,
  attempts: [],
  resolution: [],
  error: { tag, message },
  leaked: 0
})

/**
 * Says whether a command line asks for JSON, also one that cannot be parsed.
 *
 * @category guards
 * @since 0.1.0
 */
export const wantsJson = (args: ReadonlyArray<string>): boolean => {
  const end = args.indexOf("--")
  return (end === -1 ? args : args.slice(0, end)).includes("--json")
}

/**
 * Puts the faults that `effect/cli` found into one line.
 *
 * @category formatting
 * @since 0.1.0
 */
export const fromErrors = (
  errors: ReadonlyArray<CliError.NonShowHelpErrors>,
  commandPath: ReadonlyArray<string>
): Fault => ({
  tag: errors.some((error) => error._tag === "MissingArgument" && error.argument === "HOST")
    ? "InvalidTarget"
    : "InvalidOptions",
  message: `${errors.map(describe).join("; ")} (see ${commandPath.join(" ")} --help)`
})

const describe = (error: CliError.NonShowHelpErrors): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `${error.option} is not an option${suggest(error.suggestions)}`
    case "UnknownSubcommand":
      return `"${error.subcommand}" is not a command${suggest(error.suggestions)}`
    case "UnexpectedArgument":
      return `${error.arguments.map((argument) => `"${argument}"`).join(", ")} is one argument too many`
    case "MissingArgument":
      return `${error.argument} is missing`
    case "MissingOption":
      return `--${error.option} is missing`
    case "InvalidValue":
      return describeValue(error)
    case "DuplicateOption":
    case "ValidationError":
    case "UserError":
      return error.message
  }
}

const describeValue = ({ expected, kind, option, value }: CliError.InvalidValue): string => {
  const name = kind === "flag" ? `--${option}` : option
  if (value === "") return `${name} needs a value`
  // Our own parsers give a whole sentence, which begins with the value.
  return expected.startsWith(`"${value}"`)
    ? `${name}: ${expected}`
    : `${name}: "${value}" is not one of ${expected.replaceAll("\"", "").replaceAll(" | ", ", ")}`
}

const suggest = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `: did you mean ${suggestions.join(" or ")}?`
