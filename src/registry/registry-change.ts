import type { Account, RegistryOperation } from './registry-state.ts'
import type { RegistryEntry } from './version-log.ts'

/** What was done to a model. */
export type RegistryAction =
  | {
      readonly type: 'register'
      readonly version: number
      readonly manifestDigest: string
      /** SHA-256 of the idempotency key. */
      readonly keyDigest: string | null
    }
  | (Account & { readonly type: 'set-alias' | 'rollback-alias'; readonly alias: string; readonly version: number })
  | (Account & { readonly type: 'remove-alias' | 'protect-alias' | 'unprotect-alias'; readonly alias: string })
  | (Account & { readonly type: 'delete-version'; readonly version: number })

/** One change of a model, as it stands in its history. */
export interface RegistryChange {
  readonly generation: number
  /** Milliseconds since 1970 UTC by the writer's clock, never before that of the change before it. */
  readonly time: number
  readonly operation: RegistryAction
}

/** A change as it is told, without what only the log needs. Pure. */
export function changeOf({ generation, time, operation, state }: RegistryEntry): RegistryChange {
  return { generation, time, operation: actionOf(operation, state.lastVersion) }
}

function actionOf(operation: RegistryOperation, lastVersion: number): RegistryAction {
  if (operation.type === 'register') {
    const { manifestDigest, key } = operation
    return { type: 'register', version: lastVersion, manifestDigest, keyDigest: key?.digest ?? null }
  }
  const { reason, by } = operation
  switch (operation.type) {
    case 'set-alias':
    case 'rollback-alias':
      return { type: operation.type, alias: operation.alias, version: operation.version, reason, by }
    case 'delete-version':
      return { type: 'delete-version', version: operation.version, reason, by }
    default:
      return { type: operation.type, alias: operation.alias, reason, by }
  }
}
