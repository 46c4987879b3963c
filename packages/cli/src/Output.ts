/**
 * What the command line writes: results on standard output, messages for people
 * on standard error.
 *
 * Each line is handed to the system before the effect ends, so that an exit can
 * follow it at once.
 *
 * @since 0.1.0
 */
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Screen from "./Screen.ts"
import * as Style from "./Style.ts"

/**
 * Service that writes lines.
 *
 * @category services
 * @since 0.1.0
 */
export class Output extends Context.Service<Output, {
  /** Writes a line to standard output. */
  readonly result: (line: string) => Effect.Effect<void>
  /** Writes a line to standard error. */
  readonly message: (line: string) => Effect.Effect<void>
  /** What lines for people on standard output may look like now: terminals change their size. */
  readonly style: Style.Style
  /** A picture that changes; absent where standard output is no terminal. */
  readonly screen: Effect.Effect<Screen.Screen, never, Scope.Scope> | undefined
}>()("@happy-eyeballs/cli/Output") {
  /**
   * Layer that writes to the standard streams of this process.
   *
   * @since 0.1.0
   */
  static readonly layer: Layer.Layer<Output> = Layer.effect(
    Output,
    Effect.gen(function*() {
      const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
      return Output.of({
        result: yield* lineWriter(process.stdout),
        message: yield* lineWriter(process.stderr),
        get style() {
          return Style.fromEnvironment({
            columns: process.stdout.columns,
            colour: canColor,
            variables: process.env,
            platform: process.platform
          })
        },
        screen: canAnimate ? Screen.open({ input: process.stdin, output: process.stdout }) : undefined
      })
    })
  )
}

const lineWriter = (stream: NodeJS.WriteStream): Effect.Effect<(line: string) => Effect.Effect<void>> =>
  Effect.sync(() => {
    // A reader that goes away (`| head`) is an `error` event (EPIPE), and without
    // a listener the end of the process. It comes after the write's callback,
    // when this layer may have closed: so the listener stays.
    stream.on("error", () => {})
    return (line) =>
      Effect.callback<void>((resume) => {
        stream.write(`${line}\n`, () => resume(Effect.void))
      })
  })
