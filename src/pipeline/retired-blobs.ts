import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { decodeStored, encodeStored } from './stored-json.ts'

const format = { format: 'millrace-cache-retired', formatVersion: 1, minReaderVersion: 1 } as const
const folder = 'cache-retired'

interface Options {
  readonly signal?: AbortSignal
}

/** Blobs whose entries left the cache while a run was in progress that may hold what they made. */
export interface RetiredBlobs {
  readonly key: string
  /** By the store's clock: runs that began later cannot hold them. */
  readonly modifiedAt: number
}

/**
 * Holds the blobs of entries that leave the cache. A run that took an output just before its entry left still reads its blobs, perhaps hours later, and
 * nobody can know: so they are held until all runs that were in progress then have ended.
 *
 * @returns the key; writing the same blobs again holds them anew.
 */
export async function retireBlobs(storage: StorageAdapter, blobs: readonly string[], options: Options = {}): Promise<string> {
  const key = `${folder}/${digestOfJson(blobs)}`
  await storage.put(key, encodeStored({ ...format, blobs }), options)
  return key
}

export async function* listRetired(storage: StorageAdapter, options: Options = {}): AsyncGenerator<RetiredBlobs, void, undefined> {
  for await (const { key, modifiedAt } of storage.list(folder, options)) yield { key, modifiedAt }
}

/** None for what is gone or corrupt. */
export async function readRetired(storage: StorageAdapter, key: string, options: Options = {}): Promise<readonly string[]> {
  const object = await storage.get(key, options)
  if (object === undefined) return []
  try {
    const { blobs } = decodeStored(key, object.bytes, format.format, format.formatVersion)
    return Array.isArray(blobs) ? blobs.map(String) : []
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return []
    throw error
  }
}
