import { binomialDensity } from './gamma.ts'

/** What counts as equally likely: the tolerance of R's `fisher.test`. */
const tolerance = 1 + 1e-7

/**
 * Fisher's exact test, two-sided: the probability of all 2 x 2 tables with the same margins that are no likelier than this one.
 *
 * Counts: `a` of `aTotal` in one group, `b` of `bTotal` in the other. Millions are fine: tails are summed from their largest term until
 * nothing is added.
 *
 * @example
 * fisherExact(3, 4, 1, 4) // about 0.4857
 */
export function fisherExact(a: number, aTotal: number, b: number, bTotal: number): number {
  const total = aTotal + bTotal
  const successes = a + b
  const least = Math.max(0, successes - bTotal)
  const most = Math.min(aTotal, successes)
  if (least === most) return 1
  const probability = (k: number): number => hypergeometricDensity(k, aTotal, bTotal, successes)
  const limit = probability(a) * tolerance
  const mode = Math.min(most, Math.max(least, Math.floor(((aTotal + 1) * (successes + 1)) / (total + 2))))
  if (probability(mode) <= limit) return 1
  // The likelihood rises to the mode and falls after it: on each side the tables that count lie beyond a border.
  const left = a < mode ? a : lastUnlikely(least, mode, (k) => probability(k) <= limit)
  const right = a > mode ? a : lastUnlikely(most, mode, (k) => probability(k) <= limit)
  return Math.min(1, (left === undefined ? 0 : tailFrom(left, least, -1)) + (right === undefined ? 0 : tailFrom(right, most, 1)))

  function tailFrom(start: number, end: number, step: 1 | -1): number {
    let term = probability(start)
    let sum = term
    for (let k = start; k !== end && term > sum * 1e-17; k += step) {
      term *=
        step === 1
          ? ((aTotal - k) * (successes - k)) / ((k + 1) * (bTotal - successes + k + 1))
          : (k * (bTotal - successes + k)) / ((aTotal - k + 1) * (successes - k + 1))
      sum += term
    }
    return sum
  }
}

/** From `end` towards `mode`, the last value for which it holds; undefined when it does not hold at the end. */
function lastUnlikely(end: number, mode: number, holds: (k: number) => boolean): number | undefined {
  if (!holds(end)) return undefined
  let inside = end
  let outside = mode
  while (Math.abs(outside - inside) > 1) {
    const middle = Math.floor((inside + outside) / 2)
    if (holds(middle)) inside = middle
    else outside = middle
  }
  return inside
}

function hypergeometricDensity(k: number, aTotal: number, bTotal: number, successes: number): number {
  const total = aTotal + bTotal
  const p = successes / total
  const complement = (total - successes) / total
  return (
    (binomialDensity(k, aTotal, p, complement) * binomialDensity(successes - k, bTotal, p, complement)) /
    binomialDensity(successes, total, p, complement)
  )
}
