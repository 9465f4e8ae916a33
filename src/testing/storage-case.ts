import type { StorageAdapter } from '../storage/adapter.ts'

export interface StorageConformanceOptions {
  /** An empty store; called by each case. */
  open(): Promise<StorageAdapter>
  /** The same store, opened anew, as after a restart: nothing may be kept in the instance. Left out for storage that does not outlive it. */
  reopen?(storage: StorageAdapter): Promise<StorageAdapter>
  /** Frees what `open` took. */
  close?(storage: StorageAdapter): Promise<void>
  /** How large a large value is; default 5,000,000 bytes. */
  readonly largeBytes?: number
  /** How many writers race for one key; default 16. */
  readonly writers?: number
  /** Whether a key can be created where all keys below it were deleted; default true. Some servers keep the emptied folder. */
  readonly emptiedFolderIsFree?: boolean
}

/** One case before it knows the store. */
export interface StorageCase {
  readonly name: string
  readonly skip?: string | undefined
  run(storage: StorageAdapter): Promise<void>
}
