import type { RunHandle } from '../../pipeline/run.ts'
import { RunTracker } from './run-tracker.ts'
import type { RunTracking, TrackRunOptions } from './run-tracking.ts'

/**
 * Writes a run to an MLflow server as it happens: the stages' parameters, the figures that they tell by step (the losses of each epoch among them) as
 * `stage/figure`, tags, what became of each stage, and at the end the run's record as the artifact `run-record.json`. A run that is resumed goes on in the
 * same MLflow run, which then has parameters and tags also where it was not tracked before.
 *
 * Guarantees: the run waits for nothing and is failed by nothing here; what the server does not take is told once, to `logger` and `onError`, and tried again
 * with the next delivery where that may help. What the server would cut (a parameter above 6,000 characters) is left out there and named in the tag
 * `millrace.only-in-record`. An owner who was taken over (`RUN_OWNED`) writes nothing more: the run is its heir's. Memory is bounded by `maxQueuedMetrics`.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for an address or a limit that is none.
 * @example
 * const handle = pipeline.start({ storage })
 * const tracking = trackRun({ url: 'http://127.0.0.1:5000', experiment: 'flight-delay', attempts: 1 }, handle)
 * const { mlflowRunId, error } = await tracking.finished // never rejects
 * const { record } = await handle.result // rejects when the run failed
 */
export function trackRun(options: TrackRunOptions, handle: Pick<RunHandle<unknown>, 'id' | 'result' | 'on'>): RunTracking {
  return { finished: new RunTracker(options, handle).finished }
}
