/**
 * Prints a number of milliseconds for people: `12 ms`, `1.3 s`, `2 min`.
 *
 * @internal
 */
export const formatMs = (given: number): string => {
  const ms = Math.max(0, given)
  if (ms < 1000) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < 120_000) return `${Number((ms / 1000).toFixed(2))} s`
  return `${Number((ms / 60_000).toFixed(1))} min`
}
