/**
 * The step from a registered version to answers: {@link Deployment} serves it in the host's process; {@link nodeHandler} and {@link fetchHandler} put it behind HTTP
 * (the Open Inference Protocol).
 *
 * @module millrace/deploy
 */

export { Deployment } from './deployment.ts'
export type { DeploymentEvent } from './deployment-event.ts'
export type {
  Actions,
  BatchPrediction,
  DeploymentMetadata,
  DeploymentOptions,
  Outcomes,
  Prediction,
  PredictOptions,
  RefreshOutcome,
} from './deployment-options.ts'
export { fetchHandler } from './fetch-handler.ts'
export type { InferenceRequest, InferenceResponse } from './inference-message.ts'
export type { InferenceProtocol, InferenceProtocolOptions, ServedDeployment } from './inference-protocol.ts'
export { createInferenceProtocol } from './inference-protocol.ts'
export { nodeHandler } from './node-handler.ts'
export type { GuardOptions } from './request-guard.ts'
export type { ServingStatistics } from './serving-statistics.ts'
