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

/**
 * The head state of one model's log. It holds no list of versions: a version's record stays in the entry that made it, and which were deleted and
 * which key made which are indexes in the entries.
 */
export type RegistryState = {
  /** The newest version, deleted or not; 0 before the first. */
  readonly lastVersion: number
  readonly aliases: { readonly [alias: string]: AliasState }
  /** Aliases that do not move easily, sorted. */
  readonly protectedAliases: readonly string[]
  /** Generation of the newest entry that was made with an idempotency key: the root of the index of keys. */
  readonly keyRoot: number | null
  /** Generation of the newest entry that deleted a version: the root of the index of deleted ones. */
  readonly deletionRoot: number | null
}

/** Why and by whom something was done. */
export type Account = { readonly reason: string | null; readonly by: string | null }

/** Makes the next version. */
export type RegisterOperation = {
  readonly type: 'register'
  /** SHA-256 of the manifest's canonical JSON, wherever it is kept. */
  readonly manifestDigest: string
  /** The manifest itself; null when it is too large for an entry and is a blob. */
  readonly manifest: Json
  /** What is told of a version, where the manifest is a blob; null where the manifest tells it, or where it is too large as well. */
  readonly record: { readonly lineage: Json; readonly metrics: Readonly<Record<string, number>> } | null
  /** SHA-256 of the idempotency key, and the nodes of the index of keys. */
  readonly key: { readonly digest: string; readonly nodes: readonly (readonly number[])[] } | null
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
export type ProtectAliasOperation = Account & { readonly type: 'protect-alias' | 'unprotect-alias'; readonly alias: string }
/** A tombstone. */
export type DeleteVersionOperation = Account & {
  readonly type: 'delete-version'
  readonly version: number
  /** Of the index of deleted versions. */
  readonly nodes: readonly (readonly number[])[]
}

/** Every change of a model's log; all of them stay in its history. */
export type RegistryOperation =
  | RegisterOperation
  | SetAliasOperation
  | RemoveAliasOperation
  | RollbackOperation
  | ProtectAliasOperation
  | DeleteVersionOperation

export const initialRegistryState: RegistryState = {
  lastVersion: 0,
  aliases: {},
  protectedAliases: [],
  keyRoot: null,
  deletionRoot: null,
}

/** The state after an operation. Pure; whether the operation may be done was decided before. */
export function reduceRegistry(state: RegistryState, operation: RegistryOperation, at: { readonly generation: number }): RegistryState {
  const { generation } = at
  switch (operation.type) {
    case 'register': {
      const keyRoot = operation.key === null ? state.keyRoot : generation
      return { ...state, lastVersion: state.lastVersion + 1, keyRoot }
    }
    case 'set-alias': {
      const { alias, version, versionGeneration } = operation
      const below = aliasIn(state, alias)?.setAt ?? null
      return { ...state, aliases: { ...state.aliases, [alias]: { version, versionGeneration, setAt: generation, below } } }
    }
    case 'rollback-alias': {
      const { alias, version, versionGeneration, below } = operation
      return { ...state, aliases: { ...state.aliases, [alias]: { version, versionGeneration, setAt: generation, below } } }
    }
    case 'remove-alias': {
      const { [operation.alias]: _removed, ...aliases } = state.aliases
      return { ...state, aliases }
    }
    case 'protect-alias':
      return { ...state, protectedAliases: [...new Set([...state.protectedAliases, operation.alias])].sort() }
    case 'unprotect-alias':
      return { ...state, protectedAliases: state.protectedAliases.filter((alias) => alias !== operation.alias) }
    case 'delete-version':
      return { ...state, deletionRoot: generation }
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

/** The aliases at a version, sorted. */
export function aliasesAt(state: RegistryState, version: number): readonly string[] {
  return Object.keys(state.aliases)
    .filter((alias) => aliasIn(state, alias)?.version === version)
    .sort()
}
