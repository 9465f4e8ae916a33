/**
 * What a trained model is: its signature, its package (plan, weights, profile, golden predictions, lineage) and the contracts that steps share: {@link Learner},
 * {@link Model}, {@link ModelRegistry}. Dense networks are served here by plain JavaScript.
 *
 * @module millrace/model
 */

export type { Activation } from './activations.ts'
export { activationNames } from './activations.ts'
export type { Baseline } from './baseline.ts'
export { denseInputsOf, sideBySide } from './dense-input.ts'
export { denseNetworkLoader } from './dense-network.ts'
export type { DenseInput, DenseLayerDefinition, DenseNetworkDefinition } from './dense-network-format.ts'
export { denseNetworkKind, storeDenseNetwork } from './dense-network-format.ts'
export type { Evaluation, MetricValue, MetricValues, Slice } from './evaluation.ts'
export type { EvaluatedPart, GatedPart, GateResult, PreparedPart, RegisteredPart, TrainedPart, Verdict } from './flow.ts'
export { goldenTolerance } from './golden.ts'
export { labelsOf } from './labels.ts'
export type { EpochRecord, ExampleSource, Examples, LearnedModel, Learner, LearnerContext, Task, TrainingSet } from './learner.ts'
export type { LoadedPackage } from './load-package.ts'
export { loadModelPackage } from './load-package.ts'
export { blobsOfManifest } from './manifest.ts'
export type { Model, ModelLoader, ModelReference, StoredModel } from './model.ts'
export type { BlobReference, Lineage, Manifest, ModelPackage, Signature } from './model-package.ts'
export { modelReferencePortable, storeModel } from './model-reference.ts'
export type {
  Champion,
  ChampionSource,
  DeploymentRecorder,
  ListVersionsOptions,
  MetricBound,
  ModelRegistry,
  ModelVersion,
  ModelVersionNotes,
  RegisterModelOptions,
  RegistryEvent,
  SetAliasOptions,
  VersionComparison,
  VersionQuery,
  WatchOptions,
} from './model-registry.ts'
export type { PackageModelOptions } from './package-model.ts'
export { packageModel } from './package-model.ts'
export { checkSignature } from './signature.ts'
export { blobsOfPackage, openModelPackage, storeModelPackage } from './store-package.ts'
