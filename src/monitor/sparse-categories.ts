/** Least expected count of a cell for which the chi-squared approximation is trusted (Cochran 1954). */
export const leastExpected = 5

export interface CountPair {
  readonly reference: Float64Array
  readonly current: Float64Array
}

export function sumOf(counts: ArrayLike<number>): number {
  let sum = 0
  for (let index = 0; index < counts.length; index++) sum += counts[index] as number
  return sum
}

/** Bins that are full enough for the chi-squared approximation, and what is too rare to be one, even together. */
export interface PooledCounts extends CountPair {
  readonly rareReference: number
  readonly rareCurrent: number
}

/** Whether all expected counts of a category, given the margins, are at least five. */
export function isFull(pooled: number, n: number, m: number): boolean {
  return pooled * Math.min(n, m) >= leastExpected * (n + m)
}

/**
 * Two rows of counts with the rare categories put together in the first bin, or apart where even together they are too few. Categories that
 * neither side has are dropped. What is put together depends on the margins only, so a test of the result stays valid. `n` and `m` are the
 * totals of the rows.
 */
export function poolRare(reference: ArrayLike<number>, current: ArrayLike<number>, n: number, m: number): PooledCounts {
  const bins: { readonly a: number; readonly b: number }[] = []
  let rareReference = 0
  let rareCurrent = 0
  for (let index = 0; index < reference.length; index++) {
    const a = reference[index] as number
    const b = current[index] as number
    if (isFull(a + b, n, m)) bins.push({ a, b })
    else {
      rareReference += a
      rareCurrent += b
    }
  }
  if (isFull(rareReference + rareCurrent, n, m) && rareReference + rareCurrent > 0) {
    bins.unshift({ a: rareReference, b: rareCurrent })
    rareReference = 0
    rareCurrent = 0
  }
  return { reference: Float64Array.from(bins, ({ a }) => a), current: Float64Array.from(bins, ({ b }) => b), rareReference, rareCurrent }
}

/** Half the sum of the absolute differences of shares: 0 when equal, 1 when nothing is shared. */
export function totalVariation({ reference, current }: CountPair): number {
  const n = sumOf(reference)
  const m = sumOf(current)
  if (n === 0 || m === 0) return 0
  let sum = 0
  for (let index = 0; index < reference.length; index++) {
    sum += Math.abs((reference[index] as number) / n - (current[index] as number) / m)
  }
  return Math.min(1, sum / 2)
}
