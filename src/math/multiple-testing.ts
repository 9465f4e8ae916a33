/**
 * P-values adjusted so that rejecting those under alpha keeps the false discovery rate under alpha (Benjamini and Hochberg, "Controlling the
 * false discovery rate", Journal of the Royal Statistical Society B, 1995). In the order given.
 *
 * @example
 * adjustFalseDiscoveryRate([0.01, 0.04, 0.03]) // [0.03, 0.04, 0.04]
 */
export function adjustFalseDiscoveryRate(pValues: readonly number[]): readonly number[] {
  const descending = pValues.map((_, index) => index).sort((left, right) => (pValues[right] as number) - (pValues[left] as number))
  const adjusted = new Array<number>(pValues.length)
  let least = 1
  descending.forEach((index, position) => {
    least = Math.min(least, ((pValues[index] as number) * pValues.length) / (pValues.length - position))
    adjusted[index] = least
  })
  return adjusted
}
