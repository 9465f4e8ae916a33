/**
 * Networks trained with TensorFlow.js: {@link mlp} is a learner for `train` of `millrace/train`. The only room that imports TensorFlow.js, and only when training starts.
 *
 * @module millrace/tfjs
 */

export type { Backend, BackendName, OpenBackendOptions, OpenedBackend, WasmPaths } from './backend.ts'
export type { HiddenActivation } from './dense-topology.ts'
export { mlp } from './mlp.ts'
export type { MlpOptions } from './mlp-options.ts'
export { openBackend } from './open-backend.ts'
