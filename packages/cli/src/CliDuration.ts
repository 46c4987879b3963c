/**
 * Durations as they are written on the command line: `250ms`, `2s`, `1m`.
 *
 * Text in, a value or a sentence out; `none` and `adaptive` are understood only
 * where they are allowed.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"

/**
 * The words that may stand for a duration: `none` for no limit, `adaptive` for
 * a delay that follows what was measured.
 *
 * @category models
 * @since 0.1.0
 */
export type Word = "none" | "adaptive"

const units: ReadonlyMap<string, number> = new Map([["ms", 1], ["s", 1000], ["m", 60_000]])

/**
 * Parses NUMBER followed by `ms`, `s` or `m`, or one of the given words.
 *
 * **Details**
 *
 * `none` is infinity, `adaptive` stays itself. The failure is a sentence that
 * says what to write.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromString = <W extends Word = never>(
  text: string,
  words: ReadonlyArray<W> = []
): Result.Result<Duration.Input | Extract<W, "adaptive">, string> => {
  const word: Word | undefined = words.find((word) => word === text)
  if (word !== undefined) return Result.succeed(word === "none" ? Duration.infinity : word as Extract<W, "adaptive">)
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  const factor = units.get(unit)
  return factor === undefined
    ? Result.fail(`"${text}" is not a duration: write ${formatList(["250ms", "2s", "1m", ...words])}`)
    : Result.succeed<Duration.Input>(`${Number(number) * factor} millis`)
}

/**
 * Puts durations of the library's messages (`"250 millis"`) into the form of
 * the command line (`250ms`).
 *
 * @category formatting
 * @since 0.1.0
 */
export const rewrite = (message: string): string => message.replaceAll(/"?(\d+(?:\.\d+)?) millis"?/g, "$1ms")

const formatList = (items: ReadonlyArray<string>): string =>
  `${items.slice(0, -1).join(", ")} or ${items[items.length - 1] ?? ""}`
