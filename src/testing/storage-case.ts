import type { StorageAdapter, StorageCapabilities } from '../storage/adapter.ts'
import type { SubjectCase, SuiteOptions } from './conformance-suite.ts'

export interface StorageConformanceOptions extends SuiteOptions<StorageAdapter> {
  /** An empty store; called by each case. */
  open(): Promise<StorageAdapter>
  /**
   * The same store through another instance, while the first may still be in use: what a restart finds, and what another process sees. Left out for storage
   * that does not outlive its instance.
   */
  reopen?(storage: StorageAdapter): Promise<StorageAdapter>
  /** Frees what `open` took. */
  close?(storage: StorageAdapter): Promise<void>
  /**
   * What the adapter says of itself; it decides which cases apply, and a case compares it with what the adapter does say. Default: `putIfAbsent`, and as much
   * else as the suite can see: `multiProcess` and a durability with `reopen`, neither without.
   */
  readonly capabilities?: Partial<StorageCapabilities>
  /** By name, the cases that this store is known to fail, and why: each passes for as long as it fails. */
  readonly expectedFailures?: Readonly<Record<string, string>>
  /** How large a large value is; default 5,000,000 bytes. */
  readonly largeBytes?: number
  /** How many writers race for one key; default 16. */
  readonly writers?: number
  /** How many keys are many: more than the store gives in one page; default 1,200. */
  readonly manyKeys?: number
  /** Whether a key can be created where all keys below it were deleted; default true. Some servers keep the emptied folder. */
  readonly emptiedFolderIsFree?: boolean
  /** Whether of writers who create a key and one below it at once only one side succeeds; default true. A store without folders cannot tell them apart. */
  readonly racedFolderIsRefused?: boolean
  /** How far the clocks of the store's machines may be apart; default 0 milliseconds. */
  readonly clockSkewMs?: number
}

/** One case before it knows the store. */
export type StorageCase = SubjectCase<StorageAdapter>

/** Why cases about create races do not apply; undefined when they do. */
export function whyNoRaces(options: Pick<StorageConformanceOptions, 'capabilities'>): string | undefined {
  return options.capabilities?.putIfAbsent === false ? 'the storage says that its putIfAbsent is not atomic' : undefined
}

/** Why cases with two instances at once do not apply; undefined when they do. */
export function whyOneInstance(options: StorageConformanceOptions): string | undefined {
  if (options.reopen === undefined) return 'the storage does not outlive its instance'
  return options.capabilities?.multiProcess === false ? 'the storage says that no other process may use it' : undefined
}

/** Why cases about what is kept do not apply; undefined when they do. */
export function whyNotKept(options: StorageConformanceOptions): string | undefined {
  if (options.reopen === undefined) return 'the storage does not outlive its instance'
  return options.capabilities?.durability === 'none' ? 'the storage says that it keeps nothing' : undefined
}
