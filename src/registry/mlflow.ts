/**
 * Models and runs in an MLflow server: {@link MlflowRegistry}, which is a registry like any other, and {@link trackRun}, which writes a run there as it happens. Both
 * only need `fetch`, so they work in pages too.
 *
 * @module millrace/registry/mlflow
 */

export type { MlflowConnectionOptions } from './mlflow/connection.ts'
export type { MlflowCredentials, MlflowLogin } from './mlflow/credentials.ts'
export type { MlflowRegistryOptions } from './mlflow/mlflow-registry.ts'
export { MlflowRegistry } from './mlflow/mlflow-registry.ts'
export type { RunTracking, TrackedRun, TrackRunOptions } from './mlflow/run-tracking.ts'
export { trackRun } from './mlflow/track-run.ts'
