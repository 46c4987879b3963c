/**
 * The options of a connect as flags: the library's names in kebab case, with
 * durations as `CliDuration` reads them.
 *
 * @since 0.1.0
 */
import type * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as CliDuration from "./CliDuration.ts"
import * as OptionTexts from "./OptionTexts.ts"

const parsed = <A>(
  name: string,
  metavar: string,
  description: string,
  parse: (text: string) => Result.Result<A, string>
): Flag.Flag<A | undefined> =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.mapEffect((value) =>
      Effect.fromResult(Result.mapError(
        parse(value),
        (expected) => new CliError.InvalidValue({ option: name, value, expected, kind: "flag" })
      ))
    ),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

const given = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

// Absent is not "no": a file may say yes.
const onlyGiven = (name: string, description: string) =>
  Flag.map(given(name, description), (isGiven) => isGiven || undefined)

const oneOf = <const A extends ReadonlyArray<string>>(name: string, choices: A, description: string) =>
  Flag.Literals(name, choices).pipe(
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

/**
 * The flag that asks for results as JSON.
 *
 * @category flags
 * @since 0.1.0
 */
export const json: Flag.Flag<boolean> = given("json", "print the result as one line of JSON")

/**
 * A flag for how often something is done, from 1 up.
 *
 * @category flags
 * @since 0.1.0
 */
export const rounds = (name: string, description: string): Flag.Flag<number | undefined> =>
  parsed(name, "COUNT", description, (text) =>
    /^[1-9]\d{0,8}$/.test(text)
      ? Result.succeed(Number(text))
      : Result.fail(`"${text}" is not a count: write a whole number from 1 up`))

// Faster than this is an attack on whoever is connected to.
const leastEveryMs = 10

/**
 * The flag for how often something is done again.
 *
 * @category flags
 * @since 0.1.0
 */
export const every: Flag.Flag<Duration.Duration | undefined> = parsed(
  "every",
  "DURATION",
  "time from one connect to the next (1s)",
  (text) =>
    Result.flatMap(CliDuration.fromString(text), (input) => {
      const duration = Duration.fromInputUnsafe(input)
      return Duration.toMillis(duration) >= leastEveryMs
        ? Result.succeed(duration)
        : Result.fail(`"${text}" is too often: write at least ${leastEveryMs}ms`)
    })
)

/**
 * The flags, as a nested part of a command's configuration: what is parsed is
 * a `ConnectOptions` of the core.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  tls: onlyGiven("tls", "speak TLS on every port that does not say otherwise"),
  allowInsecure: onlyGiven("allow-insecure", "allow TLS and plain ports in one race (unsafe: see the documentation)"),
  family: oneOf("family", ["IPv4", "IPv6"], "connect over this family only"),
  resolutionDelay: parsed(
    "resolution-delay",
    "DURATION|adaptive",
    "wait for the preferred family (50ms)",
    OptionTexts.readers.resolutionDelay
  ),
  connectionAttemptDelay: parsed(
    "connection-attempt-delay",
    "DURATION|adaptive",
    "head start of an attempt over the next, from 10ms (adaptive)",
    OptionTexts.readers.connectionAttemptDelay
  ),
  attemptTimeout: parsed(
    "attempt-timeout",
    "DURATION|none",
    "limit for one attempt (5s)",
    OptionTexts.readers.attemptTimeout
  ),
  timeout: parsed(
    "timeout",
    "DURATION|none",
    "limit for the whole, names included (10s)",
    OptionTexts.readers.timeout
  ),
  firstAddressFamilyCount: parsed(
    "first-address-family-count",
    "COUNT",
    "addresses of the first family that go first (1)",
    OptionTexts.readers.firstAddressFamilyCount
  ),
  portOrder: oneOf("port-order", ["portMajor", "addressMajor", "preferFirst"], "order of several ports (portMajor)"),
  headStart: parsed(
    "head-start",
    "DURATION",
    "with preferFirst: how long later ports are held back",
    OptionTexts.readers.headStart
  ),
  maxAttemptsInFlight: parsed(
    "max-attempts-in-flight",
    "COUNT|none",
    "attempts at once (none)",
    OptionTexts.readers.maxAttemptsInFlight
  ),
  maxCandidates: parsed(
    "max-candidates",
    "COUNT|none",
    "candidates tried at most (64)",
    OptionTexts.readers.maxCandidates
  ),
  maxOpenAttempts: parsed(
    "max-open-attempts",
    "COUNT|none",
    "attempts at once in the whole service (512)",
    OptionTexts.readers.maxOpenAttempts
  )
} as const

/**
 * The names of the options by the library's names: `timeout` is `--timeout`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const flagOf = (option: string): string =>
  `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/**
 * Makes the limit of the whole service, an option of its layer, a limit of one
 * connect: here one connect at a time is all there is.
 *
 * @category combinators
 * @since 0.1.0
 */
export const ofOneConnect = (options: ConnectOptions.ConnectOptions): ConnectOptions.ConnectOptions => {
  const { maxAttemptsInFlight, maxOpenAttempts } = options
  return maxOpenAttempts === undefined || maxOpenAttempts >= (maxAttemptsInFlight ?? Infinity)
    ? options
    : { ...options, maxAttemptsInFlight: maxOpenAttempts }
}
