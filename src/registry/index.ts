export type { RegisterOptions, Registrable } from './register-stage.ts'
export { register } from './register-stage.ts'
export type { RegistryEvent, RegistryOptions } from './registry.ts'
export { Registry } from './registry.ts'
export type {
  Account,
  RegisterOperation,
  RegistryOperation,
  RemoveAliasOperation,
  RollbackOperation,
  SetAliasOperation,
} from './registry-state.ts'
export type { TagChanges } from './version-tags.ts'
