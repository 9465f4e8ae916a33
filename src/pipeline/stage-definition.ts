import type { Clock } from '../core/clock.ts'
import type { Json } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { Portable } from '../storage/portable.ts'

/** What a stage is given beside its input: everything that would otherwise be ambient. */
export interface StageContext {
  /** Aborts when the run is cancelled or the stage's time is up. */
  readonly signal: AbortSignal
  readonly logger: LogTarget
  /** A stream of its own, seeded from the run's seed and the cache key: the same input gives the same draws. */
  readonly random: Random
  readonly clock: Clock
  readonly storage: StorageAdapter
  readonly runId: string
  /** Given by the host (a git commit, say): for lineage. */
  readonly codeVersion: string | undefined
  /** The same for every attempt of this stage on this input: what an effect passes on, so that doing it twice is doing it once. */
  readonly idempotencyKey: string
  /** `total` in the same unit as `done`; `fields` are figures to show beside it, such as the loss. */
  progress(done: number, total?: number, unit?: string, fields?: Readonly<Record<string, number>>): void
  /** Figures that are kept with the run, such as a loss; `step` counts epochs or the like. They must be numbers, finite or not. */
  metrics(values: Readonly<Record<string, number>>, step?: number): void
  /** Something that the stage made outside of what flows, for the run's record: a version of a model, a report. */
  artifact(artifact: { readonly kind: string; readonly name: string; readonly reference: string }): void
}

/** How an output is stored and digested. Name and version are part of the cache key; an output that cannot be decoded is a miss. */
export interface Codec<Value> {
  readonly name: string
  readonly version: string
  encode(value: Value, options: CodecOptions): Promise<{ readonly stored: Json; readonly digest: string }>
  decode(stored: Json, options: CodecOptions): Promise<Value>
  /** Blobs that the stored output needs, for the verification of a hit. */
  blobs(stored: Json, options: CodecOptions): Promise<readonly string[]>
}
export interface CodecOptions {
  readonly storage: StorageAdapter
  /** Those of all stages of the pipeline. */
  readonly portables: readonly Portable[]
  readonly signal?: AbortSignal
}

export interface StageDefinition<Input, Output> {
  /** `[a-z0-9-]`, unique in its pipeline. */
  readonly name: string
  /** Raise it when `run` changes its meaning: it is part of the cache key. */
  readonly version: string
  /** Part of the cache key. A function in it counts by its source text. */
  readonly parameters?: unknown
  /** What the outside world contributes to the cache key (a file's size and time, an ETag); undefined: run. */
  readonly fingerprint?: (input: Input, context: StageContext) => Promise<string | undefined>
  /** It changes the world outside (registers, publishes) or depends on it: never taken from the cache. */
  readonly effect?: boolean
  /** What `run` closes over and the cache must know. */
  readonly codeDependencies?: readonly string[]
  /** JSON with the pipeline's portables when left out. */
  readonly codec?: Codec<Output>
  /** How the live objects that this stage adds are stored. */
  readonly portables?: readonly Portable[]
  /** Further attempts after the first; default 0. */
  readonly retries?: number
  /** For each attempt, in milliseconds; default none. */
  readonly timeoutMs?: number
  readonly run: (input: Input, context: StageContext) => Output | Promise<Output>
}
