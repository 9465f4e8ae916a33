import type { MapItem, PipelineEvent } from './pipeline-event.ts'

/** What a stage did at one place of the run, and the journal has. */
export interface Acknowledgement {
  readonly cacheKey: string
  readonly inputDigest: string
  readonly outputDigest: string | undefined
  /** The epoch that kept the output with the run; undefined where it is in the cache. */
  readonly keptIn: number | undefined
}

/** A stage that had begun when its process died. */
interface Begun {
  readonly cacheKey: string
  readonly inputDigest: string
}

/**
 * What a run has done in earlier epochs, from the events of its journal. A resumption does none of it again, and what had begun without an end is run
 * again under the key that it had. It holds three digests for each place that was done, only while a run is being resumed.
 */
export class AcknowledgedWork {
  readonly #done = new Map<string, Acknowledgement>()
  readonly #begun = new Map<string, Begun>()

  apply(event: PipelineEvent): void {
    switch (event.type) {
      case 'stage-missed':
        this.#done.delete(placeOf(event))
        this.#begun.set(placeOf(event), { cacheKey: event.cacheKey, inputDigest: event.inputDigest })
        return
      case 'stage-succeeded': {
        const place = placeOf(event)
        const begun = this.#begun.get(place)
        if (begun === undefined) return
        this.#begun.delete(place)
        this.#done.set(place, { ...begun, outputDigest: event.outputDigest, keptIn: event.keptIn })
        return
      }
      case 'stage-cached': {
        const { cacheKey, inputDigest, outputDigest, keptIn } = event
        if (cacheKey !== undefined && inputDigest !== undefined)
          this.#done.set(placeOf(event), { cacheKey, inputDigest, outputDigest, keptIn })
        return
      }
    }
  }

  /** What was done at the place on the same input. It is handed out once. */
  take(where: { readonly stage: string; readonly item?: MapItem }, inputDigest: string): Acknowledgement | undefined {
    const place = placeOf(where)
    const done = this.#done.get(place)
    this.#done.delete(place)
    return done?.inputDigest === inputDigest ? done : undefined
  }

  /** The key under which the place had begun on the same input. */
  begunKey(where: { readonly stage: string; readonly item?: MapItem }, inputDigest: string): string | undefined {
    const begun = this.#begun.get(placeOf(where))
    return begun?.inputDigest === inputDigest ? begun.cacheKey : undefined
  }
}

/** One text for one place of a run. */
export function placeOf({ stage, item }: { readonly stage: string; readonly item?: MapItem }): string {
  return item === undefined ? stage : `${stage}#${item.index}${item.stage === undefined ? '' : `/${item.stage}`}`
}
