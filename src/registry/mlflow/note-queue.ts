import type { MetricPoint } from './batches.ts'
import { tagText } from './batches.ts'
import { ownPrefix } from './names.ts'
import type { RunNotes } from './run-notes.ts'

/** Names that did not fit, for a tag. */
const maxLeft = 1000

/** What is delivered at once. */
export interface NoteBatch {
  readonly metrics: readonly MetricPoint[]
  readonly parameters: ReadonlyMap<string, string>
  readonly tags: ReadonlyMap<string, string>
}

/** What waits to be written of a run: figures up to a bound, and of parameters and tags the last of each name. */
export class NoteQueue {
  readonly #maxMetrics: number
  readonly #left = new Set<string>()
  #metrics: MetricPoint[] = []
  #parameters = new Map<string, string>()
  #tags = new Map<string, string>()
  #dropped = 0

  constructor(maxMetrics: number) {
    this.#maxMetrics = maxMetrics
  }

  /** Figures that found no room. */
  get dropped(): number {
    return this.#dropped
  }

  get isEmpty(): boolean {
    return this.#metrics.length === 0 && this.#parameters.size === 0 && this.#tags.size === 0
  }

  add({ metrics = [], parameters = new Map(), tags = new Map(), left = [] }: RunNotes): void {
    for (const point of metrics) {
      if (this.#metrics.length < this.#maxMetrics) this.#metrics.push(point)
      else this.#dropped += 1
    }
    for (const [key, text] of parameters) this.#parameters.set(key, text)
    for (const [key, text] of tags) this.#tags.set(key, text)
    for (const name of left) if (this.#left.size < maxLeft) this.#left.add(name)
  }

  /** The tags that say what is not there. */
  addGaps(): void {
    if (this.#left.size > 0) this.#tags.set(`${ownPrefix}only-in-record`, tagText([...this.#left].join(', ')))
    if (this.#dropped > 0) this.#tags.set(`${ownPrefix}dropped-metrics`, String(this.#dropped))
  }

  take(): NoteBatch {
    const batch = { metrics: this.#metrics, parameters: this.#parameters, tags: this.#tags }
    this.#metrics = []
    this.#parameters = new Map()
    this.#tags = new Map()
    return batch
  }

  /** What was not delivered, before what came since; what came since of the same name counts. */
  putBack({ metrics, parameters, tags }: NoteBatch): void {
    const room = Math.max(0, this.#maxMetrics - metrics.length)
    this.#dropped += Math.max(0, this.#metrics.length - room)
    this.#metrics = [...metrics, ...this.#metrics.slice(0, room)]
    this.#parameters = new Map([...parameters, ...this.#parameters])
    this.#tags = new Map([...tags, ...this.#tags])
  }
}
