import type { Json } from '../core/json.ts'

/** Bounds of a bucket differ by two per cent, so a quantile is within one per cent. */
const growth = Math.log(1.02)
const leastMs = 1e-3
const bucketCount = Math.ceil(Math.log(3_600_000 / leastMs) / growth) + 1

/**
 * Durations from a microsecond to an hour in buckets of equal ratio: quantiles within one per cent of their value, from 1,100 counters
 * (Masson, Rim and Lee, "DDSketch", VLDB 2019).
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(bucketCount)
  #count = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  get maxMs(): number {
    return this.#maxMs
  }

  add(durationMs: number): void {
    const bucket = durationMs > leastMs ? Math.min(bucketCount - 1, Math.ceil(Math.log(durationMs / leastMs) / growth)) : 0
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#count++
    if (durationMs > this.#maxMs) this.#maxMs = durationMs
  }

  /** The duration that a share `p` of them does not exceed, in milliseconds; 0 of none. */
  quantileMs(p: number): number {
    let below = 0
    const rank = Math.max(1, Math.ceil(p * this.#count))
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      below += this.#counts[bucket] as number
      if (below < rank) continue
      // The middle of the bucket, but never more than the longest there was.
      return this.#count === 0 ? 0 : Math.min(this.#maxMs, bucket === 0 ? leastMs : leastMs * Math.exp(growth * (bucket - 0.5)))
    }
    return 0
  }

  /** The buckets that are not empty. */
  toJSON(): Json {
    const buckets: (readonly [number, number])[] = []
    this.#counts.forEach((count, bucket) => {
      if (count > 0) buckets.push([bucket, count])
    })
    return { buckets, maxMs: this.#maxMs }
  }

  static fromJSON(stored: Json): LatencyHistogram {
    const { buckets, maxMs } = stored as unknown as {
      readonly buckets: readonly (readonly [number, number])[]
      readonly maxMs: number
    }
    const histogram = new LatencyHistogram()
    for (const [bucket, count] of buckets) {
      histogram.#counts[bucket] = count
      histogram.#count += count
    }
    histogram.#maxMs = maxMs
    return histogram
  }
}
