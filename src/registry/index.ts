/**
 * Versions of models and the aliases that point at them: {@link Registry}, over any storage that can put if absent, and the step {@link register}. The host's git
 * version for lineage is in `millrace/registry/git`, a registry on an MLflow server in `millrace/registry/mlflow`.
 *
 * @module millrace/registry
 */

export type { AliasMoveRequest, BeforeAliasMove } from './alias-moves.ts'
export type { CollectGarbageOptions } from './collect-garbage.ts'
export type { DeploymentRecord } from './deployment-records.ts'
export type { ExportedFile } from './export/export-index.ts'
export type { ExportModelOptions, OpenPackage } from './export/export-model.ts'
export { exportModel } from './export/export-model.ts'
export { decodeFiles, encodeFiles } from './export/file-stream.ts'
export type { UnmovedAlias } from './export/import-aliases.ts'
export type { ImportedModel, ImportModelOptions } from './export/import-model.ts'
export { importModel } from './export/import-model.ts'
export type { RegisterOptions, Registrable } from './register-stage.ts'
export { register } from './register-stage.ts'
export { Registry } from './registry.ts'
export type { RegistryAction, RegistryChange } from './registry-change.ts'
export type { AccountOptions, RegistryOptions } from './registry-options.ts'
export { registryReferences } from './registry-references.ts'
export type { Account } from './registry-state.ts'
export type { AliasTerm, DataLineage, RunLineage, VersionLineage } from './version-lineage.ts'
export type { TagChanges } from './version-notes.ts'
export type { SignalOption } from './version-reader.ts'
