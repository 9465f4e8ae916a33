/**
 * The nearest of `known` to a misspelled name by edit distance, or undefined when none is near: for "Did you mean".
 *
 * @example
 * nearestName('orgin', ['origin', 'destination']) // 'origin'
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  // Callers in plain JavaScript pass what they were given.
  if (typeof name !== 'string') return undefined
  let nearest: string | undefined
  let least = Math.max(2, Math.ceil(name.length / 3)) + 1
  for (const candidate of known) {
    // No fewer edits than the lengths differ by: a name of megabytes, as a request may bring, costs nothing.
    if (Math.abs(name.length - candidate.length) >= least) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      least = distance
      nearest = candidate
    }
  }
  return nearest
}

/** Levenshtein, one row at a time. */
function editDistance(from: string, to: string): number {
  const row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let left = 1; left <= from.length; left++) {
    let diagonal = row[0] as number
    row[0] = left
    for (let right = 1; right <= to.length; right++) {
      const above = row[right] as number
      const substitution = diagonal + (from[left - 1] === to[right - 1] ? 0 : 1)
      row[right] = Math.min(substitution, above + 1, (row[right - 1] as number) + 1)
      diagonal = above
    }
  }
  return row[to.length] as number
}
