import type { LogTarget } from '../../log/log-target.ts'
import type { StorageAdapter } from '../../storage/adapter.ts'
import type { MlflowConnectionOptions } from './connection.ts'

export interface TrackRunOptions extends MlflowConnectionOptions {
  /** Where the run is kept; it is made when it is not there. Default `millrace`. */
  readonly experiment?: string
  /**
   * Where the run is kept, to read what the handle does not tell: of a run that is resumed, its parameters and tags before it ends, and its record when it is
   * cancelled. Default none: they come from the record that the run ends with.
   */
  readonly storage?: StorageAdapter
  /** Between two deliveries; default 1,000. */
  readonly flushIntervalMs?: number
  /** Figures that wait for the server at most: those that come later are counted, and left out there. Default 100,000. */
  readonly maxQueuedMetrics?: number
  /** Is warned once when the server does not take what it is given. */
  readonly logger?: LogTarget
  /** Is told the same. */
  readonly onError?: (error: unknown) => void
}

/** What became of tracking a run. */
export interface TrackedRun {
  /** MLflow's id; undefined where no run was made. */
  readonly mlflowRunId: string | undefined
  /** Figures that found no room in the queue. */
  readonly droppedMetrics: number
  /**
   * What kept something from being written; undefined where all of it is there. `RUN_OWNED` where another process took the run over: from then on nothing was
   * written. `ARGUMENT_INVALID` naming `handle` where tracking began after the run's first event: what the record holds is there. What the run rejected with where
   * it never began.
   */
  readonly error: unknown
}

export interface RunTracking {
  /**
   * Resolves when the run has ended and all that can be written is. It never rejects: wait for it before the handle's result, which rejects when the run
   * fails, so that a program that ends there has told the server.
   */
  readonly finished: Promise<TrackedRun>
}
