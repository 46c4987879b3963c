/**
 * Times that were measured, summed up: the least, the median and the 95th
 * percentile.
 *
 * @since 0.1.0
 */

/**
 * What times come to; `null` where nothing was measured.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary {
  readonly minMs: number | null
  readonly medianMs: number | null
  readonly p95Ms: number | null
}

/**
 * Sums times up, in milliseconds.
 *
 * **Details**
 *
 * Percentiles are by nearest rank: each is a time that was measured.
 *
 * @category constructors
 * @since 0.1.0
 */
export const summarize = (times: ReadonlyArray<number>): Summary => {
  const sorted = times.toSorted((a, b) => a - b)
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
  return { minMs: rank(0), medianMs: rank(0.5), p95Ms: rank(0.95) }
}

/**
 * Counts what has the same key, the most frequent first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tally = <A>(
  items: ReadonlyArray<A>,
  key: (item: A) => string
): ReadonlyArray<{ readonly item: A; readonly count: number }> => {
  const counts = new Map<string, { readonly item: A; count: number }>()
  for (const item of items) {
    const known = counts.get(key(item))
    if (known === undefined) counts.set(key(item), { item, count: 1 })
    else known.count++
  }
  return [...counts.values()].toSorted((a, b) => b.count - a.count)
}
