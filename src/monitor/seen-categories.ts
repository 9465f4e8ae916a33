import type { CategoricalProfile } from '../data/profile.ts'

/** Counts of two sides by category, and of what stands in no bin of its own. */
export interface CategoryCounts {
  readonly reference: readonly number[]
  readonly current: readonly number[]
  readonly newReference: number
  readonly newCurrent: number
}

/**
 * Lays current counts beside those of the reference, without the luck of having been listed: a reference has no row of a category that it has not
 * seen, and more rows of those that it just listed than they will have again. Taken as they are, a long tail alone would be found to drift.
 *
 * Where all categories are listed, as many further rows are of unseen ones as there are categories seen once (Good, "The population frequencies of
 * species and the estimation of population parameters", 1953): so those rows stand for them. Where the list ends at the most frequent, a category
 * has a bin of its own when by the rows of both sides together it would surely be listed. Those nearer to the border stand in one bin, less
 * the rows that they are to lose: what categories seen r times have in as many further rows is what those seen r + 1 times have had.
 */
export function besideSeen(before: CategoricalProfile, now: CategoricalProfile): CategoryCounts {
  const positions = new Map(before.categories.map((category, index) => [category, index]))
  const counts = new Array<number>(before.categories.length).fill(0)
  let newCurrent = now.otherCount
  now.categories.forEach((category, index) => {
    const position = positions.get(category)
    if (position === undefined) newCurrent += now.counts[index] as number
    else counts[position] = now.counts[index] as number
  })
  if (before.otherCategories === 0) {
    const seenOnce = before.counts.filter((count) => count === 1).length
    return { reference: before.counts.map((count) => (count === 1 ? 0 : count)), current: counts, newReference: seenOnce, newCurrent }
  }
  return besideListed(before, counts, newCurrent, now.rowCount - now.nullCount)
}

function besideListed(before: CategoricalProfile, counts: readonly number[], unlisted: number, m: number): CategoryCounts {
  const n = before.rowCount - before.nullCount
  // From here up all are listed; under it some.
  const border = before.counts.reduce((least, count) => Math.min(least, count), Number.POSITIVE_INFINITY) + 1
  const spread = Math.sqrt(border)
  const width = Math.floor(spread)
  const surely = border + 3 * spread + 3
  const reference: number[] = []
  const current: number[] = []
  let [newReference, newCurrent] = [before.otherCount, unlisted]
  let [nearReference, nearCurrent] = [0, 0]
  let atBorder = 0
  before.counts.forEach((count, index) => {
    const observed = counts[index] as number
    if (count >= border && count < border + width) atBorder += count / width
    if (((count + observed) * n) / (n + m) >= surely) {
      reference.push(count)
      current.push(observed)
    } else if (count >= border) {
      nearReference += count
      nearCurrent += observed
    } else {
      newReference += count
      newCurrent += observed
    }
  })
  const lost = Math.min(nearReference, Math.round(atBorder))
  return {
    reference: [...reference, nearReference - lost],
    current: [...current, nearCurrent],
    newReference: newReference + lost,
    newCurrent,
  }
}
