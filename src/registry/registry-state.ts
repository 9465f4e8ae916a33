import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'

/** Where an alias stands, and what it stood on before: enough to roll back step by step, in a size that does not grow. */
export type AliasState = {
  readonly version: number
  /** Of the entry that holds the version's record. */
  readonly versionGeneration: number
  /** Generation of the entry that put the alias here. */
  readonly setAt: number
  /** Generation of the entry whose state holds what a rollback returns to; null: there is nothing before. */
  readonly below: number | null
}

/** The head state of one model's log. It holds no list of versions: a version's record stays in the entry that made it. */
export type RegistryState = {
  /** The newest version; 0 before the first. */
  readonly lastVersion: number
  readonly aliases: { readonly [alias: string]: AliasState }
}

/** Why and by whom an alias was moved. */
export type Account = { readonly reason: string | null; readonly by: string | null }

/** Makes the next version. */
export type RegisterOperation = {
  readonly type: 'register'
  readonly manifestDigest: string
  readonly lineage: Json
  /** SHA-256 of the idempotency key. */
  readonly keyDigest: string | null
}
export type SetAliasOperation = Account & {
  readonly type: 'set-alias'
  readonly alias: string
  readonly version: number
  readonly versionGeneration: number
}
export type RemoveAliasOperation = Account & { readonly type: 'remove-alias'; readonly alias: string }
export type RollbackOperation = Account & {
  readonly type: 'rollback-alias'
  readonly alias: string
  /** What the alias had before. */
  readonly version: number
  readonly versionGeneration: number
  readonly below: number | null
}

/** Every change of a model's log; all of them stay in its history. */
export type RegistryOperation = RegisterOperation | SetAliasOperation | RemoveAliasOperation | RollbackOperation

export const initialRegistryState: RegistryState = { lastVersion: 0, aliases: {} }

/** The state after an operation. Pure; whether the operation may be done was decided before. */
export function reduceRegistry(state: RegistryState, operation: RegistryOperation, at: { readonly generation: number }): RegistryState {
  switch (operation.type) {
    case 'register':
      return { ...state, lastVersion: state.lastVersion + 1 }
    case 'set-alias': {
      const { alias, version, versionGeneration } = operation
      const below = aliasIn(state, alias)?.setAt ?? null
      return { ...state, aliases: { ...state.aliases, [alias]: { version, versionGeneration, setAt: at.generation, below } } }
    }
    case 'rollback-alias': {
      const { alias, version, versionGeneration, below } = operation
      return { ...state, aliases: { ...state.aliases, [alias]: { version, versionGeneration, setAt: at.generation, below } } }
    }
    case 'remove-alias': {
      const { [operation.alias]: _removed, ...aliases } = state.aliases
      return { ...state, aliases }
    }
    default:
      // A newer library's operation comes with a minReaderVersion that refuses us before we get here.
      throw new MillraceError('STORAGE_CORRUPT', {
        message: `Expected an operation of a model registry. Received ${JSON.stringify((operation as { readonly type?: unknown }).type)}.`,
        details: { key: '', reason: 'unknown operation' },
      })
  }
}

/** Where an alias stands. */
export function aliasIn(state: RegistryState, alias: string): AliasState | undefined {
  return Object.hasOwn(state.aliases, alias) ? state.aliases[alias] : undefined
}
