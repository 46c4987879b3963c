/**
 * `--report FILE.html`: the result as a page in a file.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Ending from "./Ending.ts"
import * as HtmlPage from "./html/HtmlPage.ts"
import { Output } from "./Output.ts"
import { visible } from "./ReportText.ts"

/**
 * The flag.
 *
 * @category flags
 * @since 0.1.0
 */
export const flag: Flag.Flag<string | undefined> = Flag.String("report").pipe(
  Flag.withMetavar("FILE.html"),
  Flag.withDescription("write the result as one page that needs no network"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

/**
 * The file cannot be written.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReportNotWritten extends Data.TaggedError("ReportNotWritten")<{
  readonly file: string
  readonly problem: string
}> {
  override get message(): string {
    return `--report: "${this.file}" cannot be written: ${this.problem}`
  }
}

const problems: Readonly<Record<string, string | undefined>> = {
  NotFound: "there is no such folder",
  PermissionDenied: "permission denied",
  BadResource: "it is not a file"
}

/**
 * Says whether the file can be written, before there is something to lose. It
 * is there from then on, and what it held stays until `write`.
 *
 * @category writing
 * @since 0.1.0
 */
export const touch = (
  file: string | undefined
): Effect.Effect<void, ReportNotWritten, FileSystem.FileSystem> => put(file, () => "", "a")

/**
 * Writes a page, or says why it cannot be written and ends with exit code 1;
 * nothing where no file is wanted.
 *
 * @category writing
 * @since 0.1.0
 */
export const write = (
  file: string | undefined,
  content: () => HtmlPage.Content
): Effect.Effect<void, Ending.Ending, Output | FileSystem.FileSystem> =>
  Effect.catch(put(file, () => HtmlPage.format(content()), "w"), ({ message }) =>
    Effect.andThen(
      Output.use((output) => output.message(`happy-eyeballs: ${visible(message)}`)),
      Effect.fail(Ending.unsuccessful)
    ))

const put = (file: string | undefined, text: () => string, flag: "a" | "w") =>
  file === undefined ? Effect.void : FileSystem.FileSystem.use((fs) =>
    fs.writeFileString(file, text(), { flag }).pipe(
      Effect.mapError(({ reason }) => new ReportNotWritten({ file, problem: problems[reason._tag] ?? reason.message }))
    )
  )
