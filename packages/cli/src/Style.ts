/**
 * What lines for people may look like: how wide, with colour or without, in
 * Unicode or in ASCII.
 *
 * @since 0.1.0
 */

/**
 * What a terminal can show.
 *
 * @category models
 * @since 0.1.0
 */
export interface Style {
  readonly columns: number
  readonly colour: boolean
  /** Without it only ASCII is written. */
  readonly unicode: boolean
}

/**
 * What an environment says about a terminal.
 *
 * @category models
 * @since 0.1.0
 */
export interface Environment {
  /** Absent where standard output is no terminal. */
  readonly columns: number | undefined
  readonly colour: boolean
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly platform: string
}

// A file and a pipe have no width: 80 columns fit everywhere. Below 60 there is no
// room for bars, and beyond 120 the eye loses the line.
const defaultColumns = 80
const minimumColumns = 60
const maximumColumns = 120

/**
 * Gives the style that suits an environment.
 *
 * **Details**
 *
 * Unicode needs a UTF-8 locale: the first of `LC_ALL`, `LC_CTYPE` and `LANG`
 * that is not empty decides, and without any it is the C locale. Windows has no
 * such variables; there Windows Terminal is recognised by its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEnvironment = ({ colour, columns, platform, variables }: Environment): Style => ({
  columns: Math.max(
    minimumColumns,
    Math.min(columns === undefined || columns === 0 ? defaultColumns : columns, maximumColumns)
  ),
  colour,
  unicode: /utf-?8/i.test(variables.LC_ALL || variables.LC_CTYPE || variables.LANG || "") ||
    (platform === "win32" && variables.WT_SESSION !== undefined)
})

/**
 * The inks of the lines that are printed.
 *
 * @category models
 * @since 0.1.0
 */
export type Ink = "green" | "red" | "cyan" | "dim" | "bold"

const codes: Record<Ink, readonly [open: number, close: number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  cyan: [36, 39]
}

/**
 * Colours a text, where the style has colour, an ink is given and there is
 * something to be seen.
 *
 * @category formatting
 * @since 0.1.0
 */
export const paint = (self: Style, ink: Ink | undefined, text: string): string => {
  if (!self.colour || ink === undefined || text.trim() === "") return text
  const [open, close] = codes[ink]
  return `\x1b[${open}m${text}\x1b[${close}m`
}
