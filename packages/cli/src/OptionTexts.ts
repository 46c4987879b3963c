/**
 * The options of a connect as text: from `--config FILE` and from the
 * environment, in the notation of the flags.
 *
 * A flag wins over the environment, the environment over the file, and the file
 * over the default.
 *
 * @since 0.1.0
 */
import * as ConnectOptions from "@happy-eyeballs/core/ConnectOptions"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as CliDuration from "./CliDuration.ts"

/**
 * Reads the text of an option; the failure is a sentence that begins with it.
 *
 * @category models
 * @since 0.1.0
 */
export type Reader<A> = (text: string) => Result.Result<A, string>

/**
 * Reads a duration as the flags have it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const duration = <W extends CliDuration.Word = never>(words: ReadonlyArray<W> = []) => (text: string) =>
  CliDuration.fromString(text, words)

/**
 * Reads a whole number, or `none` where that is allowed.
 *
 * @category decoding
 * @since 0.1.0
 */
export const count = (words: ReadonlyArray<"none"> = []): Reader<number> => (text) =>
  words.some((word) => word === text)
    ? Result.succeed(Infinity)
    : /^\d+$/.test(text)
    ? Result.succeed(Number(text))
    : Result.fail(`"${text}" is not a count: write a whole number${words.length === 0 ? "" : " or none"}`)

const oneOf = <const A extends string>(...choices: ReadonlyArray<A>): Reader<A> => (text) => {
  const choice = choices.find((choice) => choice === text)
  return choice === undefined
    ? Result.fail(`"${text}" is not one of ${choices.join(", ")}`)
    : Result.succeed(choice)
}

const trueOrFalse: Reader<boolean> = (text) => Result.map(oneOf("true", "false")(text), (word) => word === "true")

/**
 * The readers of the options, by the library's names.
 *
 * @category decoding
 * @since 0.1.0
 */
export const readers = {
  tls: trueOrFalse,
  allowInsecure: trueOrFalse,
  family: oneOf("IPv4", "IPv6"),
  resolutionDelay: duration(["adaptive"]),
  connectionAttemptDelay: duration(["adaptive"]),
  attemptTimeout: duration(["none"]),
  timeout: duration(["none"]),
  firstAddressFamilyCount: count(),
  portOrder: oneOf("portMajor", "addressMajor", "preferFirst"),
  headStart: duration(),
  maxAttemptsInFlight: count(["none"]),
  maxCandidates: count(["none"]),
  maxOpenAttempts: count(["none"])
} as const

type Name = keyof typeof readers

const isName = (text: string): text is Name => Object.hasOwn(readers, text)

/**
 * The flag that names a file of options.
 *
 * @category flags
 * @since 0.1.0
 */
export const flag: Flag.Flag<string | undefined> = Flag.String("config").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription("take options from a JSON object, as in {\"timeout\": \"3s\"}; flags and HAPPY_EYEBALLS_… win"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

/**
 * An option in a file or in the environment cannot be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOptionText extends Data.TaggedError("InvalidOptionText")<{
  /** The file and the option, or the variable. */
  readonly where: string
  readonly problem: string
}> {
  override get message(): string {
    return `${this.where}: ${this.problem}`
  }
}

/**
 * Puts options that were given over those of the environment and of a file.
 *
 * @category combinators
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function*(
  file: string | undefined,
  given: ConnectOptions.ConnectOptions
): Effect.fn.Return<ConnectOptions.ConnectOptions, InvalidOptionText, FileSystem.FileSystem> {
  const fromFile = file === undefined ? {} : yield* readFile(file)
  const fromEnvironment = yield* readEnvironment
  return ConnectOptions.merge(ConnectOptions.merge(fromFile, fromEnvironment), given)
})

const FileText = Schema.fromJsonString(
  Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))
)

const readFile = Effect.fnUntraced(function*(
  file: string
): Effect.fn.Return<ConnectOptions.ConnectOptions, InvalidOptionText, FileSystem.FileSystem> {
  const fail = (problem: string) => new InvalidOptionText({ where: `--config: "${file}"`, problem })
  const text = yield* FileSystem.FileSystem.use((fs) => fs.readFileString(file)).pipe(
    Effect.mapError(({ reason }) =>
      fail(`cannot be read: ${reason._tag === "NotFound" ? "no such file" : reason._tag}`)
    )
  )
  const texts = yield* Effect.mapError(
    Schema.decodeUnknownEffect(FileText)(text),
    () => fail("it is not a JSON object of options, as in {\"timeout\": \"3s\"}")
  )
  const unknown = Object.keys(texts).find((name) => !isName(name))
  if (unknown !== undefined) {
    return yield* fail(`"${unknown}" is not an option: known here: ${Object.keys(readers).join(", ")}`)
  }
  return yield* readAll(Record.map(texts, String), (name) => `--config: "${file}": ${name}`)
})

// What would weaken a connection is not taken from an environment, which is
// inherited: TLS and `allowInsecure` are written where they are meant.
const variables = Object.keys(readers).filter((name) => name !== "tls" && name !== "allowInsecure")

const variableOf = (name: string): string =>
  `HAPPY_EYEBALLS_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

const environment = Config.all(
  Record.fromIterableWith(variables, (name) => [name, Config.option(Config.String(variableOf(name)))])
)

const readEnvironment = Effect.flatMap(
  Effect.mapError(
    environment,
    ({ message }) => new InvalidOptionText({ where: "the environment", problem: message.replaceAll(/\s*\n\s*/g, " ") })
  ),
  (found) => readAll(Record.getSomes(found), variableOf)
)

const readAll = (
  texts: Record.ReadonlyRecord<string, string>,
  where: (name: string) => string
): Effect.Effect<ConnectOptions.ConnectOptions, InvalidOptionText> =>
  Effect.map(
    Effect.forEach(Object.entries(texts), ([name, text]) =>
      isName(name)
        ? Effect.mapBoth(Effect.fromResult(read(name, text)), {
          onFailure: (problem) => new InvalidOptionText({ where: where(name), problem }),
          onSuccess: (value) => [name, value] as const
        })
        : Effect.die(`no reader for ${name}`)),
    (entries) => Object.fromEntries(entries)
  )

// The library's own notation, as in "250 millis", is understood beside that of
// the flags: the variables are the same.
const read = (name: Name, text: string): Result.Result<unknown, string> =>
  Result.orElse(readers[name](text) as Result.Result<unknown, string>, (problem) =>
    times.has(name)
      ? Result.fromOption(Duration.fromInput(text as Duration.Input), () => problem)
      : Result.fail(problem))

const times: ReadonlySet<Name> = new Set([
  "resolutionDelay",
  "connectionAttemptDelay",
  "attemptTimeout",
  "timeout",
  "headStart"
])
