const windowMs = 10_000
const sampleEveryMs = 200

/** How fast a count grows over the last ten seconds, from a bounded number of samples. */
export class ProgressRate {
  readonly #samples: { atMs: number; done: number }[] = []

  /** A count that falls (the next epoch) starts anew. */
  add(atMs: number, done: number): void {
    const samples = this.#samples
    const last = samples.at(-1)
    if (last !== undefined && done < last.done) samples.length = 0
    const before = samples.at(-2)
    // The last sample moves along until it is far enough from the one before.
    if (before !== undefined && last !== undefined && last.atMs - before.atMs < sampleEveryMs) samples.pop()
    samples.push({ atMs, done })
    while (samples.length > 2 && atMs - (samples[1] as { atMs: number }).atMs >= windowMs) samples.shift()
  }

  /** Undefined until it can be told. */
  perSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || last.atMs <= first.atMs || last.done <= first.done) return undefined
    return ((last.done - first.done) * 1000) / (last.atMs - first.atMs)
  }
}
