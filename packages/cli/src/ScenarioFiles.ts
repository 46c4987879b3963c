/**
 * Reads the scenarios of files, all of them before anything is run.
 *
 * @since 0.1.0
 */
import * as Scenario from "@happy-eyeballs/core/testing/Scenario"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/**
 * Some of the files cannot be read or hold no scenarios. Each fault is a line
 * that names the file, the place in it and the key.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidFiles extends Data.TaggedError("InvalidFiles")<{
  readonly faults: ReadonlyArray<string>
}> {
  override get message(): string {
    return this.faults.join("; ")
  }
}

/**
 * Reads files of one scenario, of an array of them, or of one a line; `-` is
 * standard input.
 *
 * @category decoding
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  files: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<Scenario.Scenario>, InvalidFiles, FileSystem.FileSystem | Stdio.Stdio> {
  const scenarios: Array<Scenario.Scenario> = []
  const faults: Array<string> = []
  for (const file of files) {
    const name = file === "-" ? "standard input" : file
    const text = yield* Effect.result(readText(file))
    if (Result.isFailure(text)) {
      faults.push(`${name}: cannot be read: ${text.failure}`)
      continue
    }
    const parsed = Scenario.fromText(text.success)
    if (Result.isSuccess(parsed)) scenarios.push(...parsed.success)
    else faults.push(...parsed.failure.issues.map((issue) => `${name}: ${issue}`))
  }
  return faults.length === 0 ? scenarios : yield* new InvalidFiles({ faults })
})

const readText = (file: string): Effect.Effect<string, string, FileSystem.FileSystem | Stdio.Stdio> =>
  file === "-" ? readStandardInput : readFile(file)

const readFile = (file: string) =>
  FileSystem.FileSystem.use((fileSystem) => fileSystem.readFileString(file)).pipe(
    Effect.mapError(({ reason }) => reasons[reason._tag] ?? reason.message)
  )

const reasons: Readonly<Record<string, string | undefined>> = {
  NotFound: "there is no such file",
  PermissionDenied: "permission denied",
  BadResource: "it is not a file"
}

const readStandardInput = Stdio.Stdio.use(({ stdin }) => Stream.mkString(Stream.decodeText(stdin))).pipe(
  Effect.mapError(({ message }) => message)
)
