/**
 * Versions of models and the aliases that point at them: {@link Registry}, over any storage that can put if absent, and the step {@link register}. The host's git
 * version for lineage is in `millrace/registry/git`.
 *
 * @module millrace/registry
 */

export type { RegisterOptions, Registrable } from './register-stage.ts'
export { register } from './register-stage.ts'
export type { RegistryChange, RegistryOptions } from './registry.ts'
export { Registry } from './registry.ts'
export type {
  Account,
  RegisterOperation,
  RegistryOperation,
  RemoveAliasOperation,
  RollbackOperation,
  SetAliasOperation,
} from './registry-state.ts'
export type { SignalOption } from './version-reader.ts'
export type { TagChanges } from './version-tags.ts'
