/** What a deployment has done since it was opened. */
export interface ServingStatistics {
  /** Calls of `predict` and `predictBatch` that were answered. */
  readonly requests: number
  /** Rows of those. */
  readonly rows: number
  /** Calls that were refused because of what they asked. */
  readonly rejected: number
  /** Calls that failed. A cancelled call is none. */
  readonly errors: number
  /** Calls under way. */
  readonly inFlight: number
  /** Half of the answered calls took at most this many milliseconds; within 5 %. Undefined before the first. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

/** Eight buckets for each doubling, from a microsecond to a day: within 4.5 % of the true value, in 2 kB, at a few nanoseconds a call. */
const bucketsPerDoubling = 8
const leastMs = 0.001
const bucketCount = 37 * bucketsPerDoubling

class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount)
  #total = 0

  add(durationMs: number): void {
    const bucket = Math.floor(Math.log2(Math.max(durationMs, leastMs) / leastMs) * bucketsPerDoubling)
    const index = Math.min(bucket, bucketCount - 1)
    this.#counts[index] = (this.#counts[index] as number) + 1
    this.#total++
  }

  /** The duration under which the given share of all calls lies: the geometric middle of the bucket. */
  quantileMs(share: number): number | undefined {
    if (this.#total === 0) return undefined
    const rank = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    for (let index = 0; index < bucketCount; index++) {
      seen += this.#counts[index] as number
      if (seen >= rank) return leastMs * 2 ** ((index + 0.5) / bucketsPerDoubling)
    }
    return undefined
  }
}

/** Counts what a deployment does. */
export class ServingMeter {
  readonly #latency = new LatencyHistogram()
  #requests = 0
  #rows = 0
  #rejected = 0
  #errors = 0

  answered(rows: number, durationMs: number): void {
    this.#requests++
    this.#rows += rows
    this.#latency.add(durationMs)
  }

  rejected(): void {
    this.#rejected++
  }

  failed(): void {
    this.#errors++
  }

  statistics(inFlight: number): ServingStatistics {
    return {
      requests: this.#requests,
      rows: this.#rows,
      rejected: this.#rejected,
      errors: this.#errors,
      inFlight,
      p50Ms: this.#latency.quantileMs(0.5),
      p99Ms: this.#latency.quantileMs(0.99),
    }
  }
}
