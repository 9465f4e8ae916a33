/** A call of a storage, with its place in the order of all calls and in the steps of the file system. */
export interface RecordedCall {
  readonly key: string
  readonly kind: 'put' | 'putIfAbsent' | 'delete'
  /** What it writes. */
  readonly value: string
  readonly begin: Moment
  /** Undefined while it has not ended. */
  end: Moment | undefined
  /** `unknown`: it was killed. */
  outcome: 'done' | 'conflict' | 'unknown'
}

export interface Moment {
  readonly order: number
  /** How many steps of the file system there were. */
  readonly steps: number
}

/**
 * All values that a key may have after a crash: those that it ends with in some order of its calls in which each call that ended before another
 * began comes before it, what was acknowledged happened, what conflicted found something there, and what was never answered happened or did not.
 */
export function possibleValues(calls: readonly RecordedCall[], key: string, steps: number): ReadonlySet<string | undefined> {
  const begun = calls.filter((call) => call.key === key && call.begin.steps <= steps)
  const found = new Set<string | undefined>()
  const go = (left: readonly RecordedCall[], value: string | undefined): void => {
    if (left.length === 0) found.add(value)
    for (const call of left) {
      if (left.some((other) => other.end !== undefined && other.end.order < call.begin.order)) continue
      const rest = left.filter((other) => other !== call)
      const outcome = call.end !== undefined && call.end.steps <= steps ? call.outcome : 'unknown'
      if (outcome === 'unknown') go(rest, value)
      if (outcome === 'conflict') {
        if (value !== undefined) go(rest, value)
      } else if (call.kind === 'putIfAbsent') {
        if (value === undefined) go(rest, call.value)
      } else go(rest, call.kind === 'put' ? call.value : undefined)
    }
  }
  go(begun, undefined)
  return found
}
