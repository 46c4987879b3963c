/**
 * Bars on a scale of time, half a cell exact.
 *
 * @since 0.1.0
 */

/**
 * A scale: so many cells stand for so many milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scale {
  readonly cells: number
  readonly spanMs: number
  readonly unicode: boolean
}

/**
 * How a bar is drawn. `dotted` ends in a point: something that arrived.
 *
 * @category models
 * @since 0.1.0
 */
export type Stroke = "heavy" | "light" | "dotted"

interface Pen {
  readonly full: string
  readonly leftHalf: string
  readonly rightHalf: string
}

const pens: Record<"unicode" | "ascii", Record<"heavy" | "light", Pen>> = {
  unicode: {
    heavy: { full: "━", leftHalf: "╸", rightHalf: "╺" },
    light: { full: "─", leftHalf: "╴", rightHalf: "╶" }
  },
  ascii: {
    heavy: { full: "=", leftHalf: "=", rightHalf: "=" },
    light: { full: "-", leftHalf: "-", rightHalf: "-" }
  }
}

/**
 * Draws a bar, always as wide as the scale and never empty: what took no time
 * still has half a cell.
 *
 * @category formatting
 * @since 0.1.0
 */
export const draw = (scale: Scale, stroke: Stroke, fromMs: number, toMs: number): string =>
  stroke === "dotted" ? drawDotted(scale, fromMs, toMs) : drawLine(scale, stroke, fromMs, toMs)

const drawLine = (scale: Scale, stroke: "heavy" | "light", fromMs: number, toMs: number): string => {
  const pen = pens[scale.unicode ? "unicode" : "ascii"][stroke]
  const last = 2 * scale.cells - 1
  const start = Math.min(halfCell(scale, fromMs), last)
  const end = Math.max(halfCell(scale, toMs), start + 1)
  const cell = (at: number) => {
    const left = start <= 2 * at && 2 * at < end
    const right = start <= 2 * at + 1 && 2 * at + 1 < end
    return left ? (right ? pen.full : pen.leftHalf) : right ? pen.rightHalf : " "
  }
  return Array.from({ length: scale.cells }, (_, at) => cell(at)).join("")
}

/**
 * Draws the rest of a bar, from a time on, as a phase of its own.
 *
 * @category formatting
 * @since 0.1.0
 */
export const withPhase = (scale: Scale, bar: string, fromMs: number): string => {
  const at = Math.min(Math.floor(halfCell(scale, fromMs) / 2), bar.trimEnd().length - 1)
  return bar.slice(0, at) + bar.slice(at).replaceAll(/\S/g, scale.unicode ? "═" : "#")
}

const drawDotted = (scale: Scale, fromMs: number, toMs: number): string => {
  const cellOf = (ms: number) => Math.min(Math.floor(halfCell(scale, ms) / 2), scale.cells - 1)
  const [dot, point] = scale.unicode ? ["┄", "●"] : [".", "o"]
  const [start, end] = [cellOf(fromMs), cellOf(toMs)]
  return `${" ".repeat(start)}${dot.repeat(end - start)}${point}`.padEnd(scale.cells)
}

const halfCell = ({ cells, spanMs }: Scale, ms: number): number =>
  Math.max(0, Math.min(2 * cells, Math.round((ms / spanMs) * 2 * cells)))

// A label such as `500 ms`, and air before the next.
const cellsPerTick = 9

/**
 * Writes round times over a scale, each beginning where its time is.
 *
 * @category formatting
 * @since 0.1.0
 */
export const axis = (scale: Scale, format: (ms: number) => string): string => {
  let line = "0"
  for (const ms of ticks(scale.spanMs, scale.cells / cellsPerTick)) {
    const at = Math.floor(halfCell(scale, ms) / 2)
    const label = format(ms)
    if (at + label.length <= scale.cells) line = line.padEnd(at) + label
  }
  return line
}

/**
 * Gives round times between zero and a span, no more than so many steps.
 *
 * @category formatting
 * @since 0.1.0
 */
export const ticks = (spanMs: number, steps: number): ReadonlyArray<number> => {
  const step = roundUp(spanMs / steps)
  return Array.from({ length: Math.max(0, Math.ceil(spanMs / step) - 1) }, (_, index) => (index + 1) * step)
}

const roundUp = (ms: number): number => {
  const power = 10 ** Math.floor(Math.log10(ms))
  return power * ([1, 2, 2.5, 5].find((factor) => factor * power >= ms) ?? 10)
}
