import type { PredictionRecordKind } from '../log/prediction-log.ts'

/** What happens to a deployment. `time` is milliseconds since 1970 UTC. */
export type DeploymentEvent = {
  readonly time: number
  readonly model: string
} /** New calls go to `version`; calls under way end on `from`. */ & (
  | { readonly type: 'version-swapped'; readonly from: number; readonly version: number }
  /** The last call on it has ended and its memory is free. */
  | { readonly type: 'version-disposed'; readonly version: number }
  /** `version` goes on serving. */
  | { readonly type: 'refresh-failed'; readonly version: number; readonly error: unknown }
  /** The registry was not told that the version is at work here. */
  | { readonly type: 'record-failed'; readonly version: number; readonly error: unknown }
  | { readonly type: 'prediction-failed'; readonly version: number; readonly rows: number; readonly error: unknown }
  | { readonly type: 'log-failed'; readonly kind: PredictionRecordKind; readonly error: unknown }
  | { readonly type: 'monitor-failed'; readonly monitor: string; readonly error: unknown }
  | { readonly type: 'deployment-closed' }
)
