/**
 * A picture on the terminal that is drawn anew until it is closed; then the
 * terminal is as it was.
 *
 * It is drawn on the alternate screen: nothing of it stays, whatever happens to
 * the size of the terminal in between.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/**
 * A picture that is open.
 *
 * @category models
 * @since 0.1.0
 */
export interface Screen {
  /** Draws lines in place of those before; what the terminal has no room for is left out. */
  readonly show: (lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Waits for the next key. */
  readonly key: Effect.Effect<string>
}

/**
 * The streams of a terminal.
 *
 * @category models
 * @since 0.1.0
 */
export interface Streams {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
}

// Alternate screen, no cursor, no line breaks where a line is too long; and back.
const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"
const leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"

// Some terminals do not say how high they are.
const unknownRows = 24

const controlC = "\x03"
const controlZ = "\x1a"

/**
 * Opens a picture in the scope it is given.
 *
 * **Details**
 *
 * Keys are read while it is open and not written. Ctrl-C and ctrl-Z do what
 * they always do.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(
  function*({ input, output }: Streams): Effect.fn.Return<Screen, never, Scope.Scope> {
    const keys = yield* Queue.sliding<string>(16)
    let shown: ReadonlyArray<string> = []
    const draw = () => {
      // Erased before it is written: after a line that is as wide as the terminal
      // its last character would be erased.
      const lines = shown.slice(0, (output.rows || unknownRows) - 1).map((line) => `\x1b[K${line}\r\n`)
      output.write(`\x1b[H${lines.join("")}\x1b[J`)
    }
    const begin = () => {
      output.write(enter)
      if (input.isTTY) input.setRawMode(true)
    }
    const end = () => {
      if (input.isTTY) input.setRawMode(false)
      output.write(leave)
    }
    const suspend = () => {
      end()
      process.once("SIGCONT", () => {
        begin()
        draw()
      })
      // As the terminal does: everyone in the foreground stops.
      process.kill(0, "SIGTSTP")
    }
    const hear = (text: string) => {
      for (const key of text) {
        if (key === controlC) process.emit("SIGINT")
        else if (key === controlZ && process.platform !== "win32") suspend()
        else Queue.offerUnsafe(keys, key)
      }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        begin()
        output.on("resize", draw)
        if (input.isTTY) input.setEncoding("utf8").on("data", hear).resume()
        // For an end that runs no finalizers.
        process.once("exit", end)
      }),
      () =>
        Effect.sync(() => {
          process.off("exit", end)
          output.off("resize", draw)
          if (input.isTTY) input.off("data", hear).pause()
          end()
        })
    )
    return {
      show: (lines) =>
        Effect.sync(() => {
          shown = lines
          draw()
        }),
      key: Queue.take(keys)
    }
  }
)
