import type { Clock } from '../core/clock.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { Portable } from '../storage/portable.ts'
import type { AcknowledgedWork } from './acknowledged.ts'
import type { StageCache } from './cache.ts'
import type { KeptOutputs } from './kept-outputs.ts'
import type { Limiter } from './limiter.ts'
import type { MapItem, PipelineEvent } from './pipeline-event.ts'
import type { Codec } from './stage-definition.ts'

/** Events as those who run stages make them: the run adds its id and the time. */
export type NewEvent = PipelineEvent extends infer Event ? (Event extends PipelineEvent ? Omit<Event, 'runId' | 'time'> : never) : never

/** What all stages of one run share. */
export interface RunScope {
  readonly runId: string
  readonly storage: StorageAdapter
  readonly cache: StageCache
  readonly codec: Codec<unknown>
  readonly portables: readonly Portable[]
  readonly logger: LogTarget
  readonly clock: Clock
  readonly seed: number
  readonly codeVersion: string | undefined
  readonly failFast: boolean
  readonly concurrency: number
  readonly retryDelayMs: number
  readonly maxRetryDelayMs: number
  readonly limiter: Limiter
  /** Aborts when the host cancels the run, and when the run stops itself after a failure. */
  readonly signal: AbortSignal
  /** True when it was the host who stopped it. */
  readonly isCancelled: () => boolean
  /** Stops what is under way: after a failure with `failFast`. */
  readonly stop: () => void
  readonly isForced: (node: string) => boolean
  readonly emit: (event: NewEvent) => void
  /** 1 for the process that began the run. */
  readonly epoch: number
  /** What earlier epochs did; undefined where the run is not resumed. */
  readonly acknowledged: AcknowledgedWork | undefined
  /** Undefined where no other process could resume the run. */
  readonly kept: KeptOutputs | undefined
  /** Resolves when all that was told is in the journal. @throws `RUN_OWNED` and the storage's faults: then the run stops. */
  readonly commit: () => Promise<void>
  /** Resolves when few enough events wait to be written. */
  readonly room: () => Promise<void>
}

/** Where in the run a stage stands. */
export interface Place {
  /** The node of the pipeline's graph: as events and records name it. */
  readonly stage: string
  readonly item?: MapItem
  /** The node with the nodes of maps around it: `double`, or `each/double`. */
  readonly path: string
}

/** What flows: a value and the digest of its content; undefined where nothing needs it. */
export interface Valued {
  readonly value: unknown
  readonly digest: string | undefined
  /** The run that made it, where it was taken from the cache. */
  readonly from?: string
}

/** The part of an event that says where it belongs. */
export function whereOf(place: Place): { readonly stage: string; readonly item?: MapItem } {
  return place.item === undefined ? { stage: place.stage } : { stage: place.stage, item: place.item }
}

/** The name of a place in messages. */
export function nameOf(place: Place): string {
  if (place.item === undefined) return place.stage
  const inner = place.item.stage === undefined ? '' : `, stage ${place.item.stage}`
  return `${place.stage} (item ${place.item.index}${inner})`
}
