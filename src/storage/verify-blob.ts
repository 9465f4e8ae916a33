import { Sha256, sha256HexAsync } from '../core/digest.ts'
import type { StorageAdapter, StoredObject } from './adapter.ts'
import { copiesOf } from './blob-copies.ts'
import { decodeChunkList } from './chunk-list.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** What a blob was found to be. */
export type BlobCondition = 'intact' | 'missing' | 'corrupt'

/**
 * Reads and hashes a blob as readers find it: intact when any of its copies is. At most one stored object (8 MB) is in memory.
 *
 * @example
 * await verifyBlob(storage, await putBlob(storage, bytes)) // 'intact'
 */
export async function verifyBlob(
  storage: StorageAdapter,
  digest: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<BlobCondition> {
  let worst: BlobCondition = 'missing'
  for await (const { object } of copiesOf(storage, digest, options)) {
    const { condition } = await examineCopy(storage, digest, object, options)
    if (condition === 'intact') return 'intact'
    if (condition === 'corrupt') worst = 'corrupt'
  }
  return worst
}

/** What one stored copy is, and which of its chunks are corrupt: then the list may be right, and is corrupt only with its chunks. */
export async function examineCopy(
  storage: StorageAdapter,
  digest: string,
  object: StoredObject,
  options: Options,
): Promise<{ readonly condition: BlobCondition; readonly corruptChunks: readonly string[] }> {
  const sound = { condition: 'intact', corruptChunks: [] } as const
  if ((await sha256HexAsync(object.bytes)) === digest) return sound
  const list = decodeChunkList(object.bytes)
  if (list?.isIntact !== true) return { condition: 'corrupt', corruptChunks: [] }
  const whole = new Sha256()
  const corruptChunks = new Set<string>()
  let isMissing = false
  for (const chunk of list.chunks) {
    const found = await readChunk(storage, chunk, options)
    if (found === 'missing') isMissing = true
    else if (found === 'corrupt') corruptChunks.add(chunk)
    else whole.update(found)
  }
  if (corruptChunks.size > 0) return { condition: 'corrupt', corruptChunks: [...corruptChunks] }
  if (isMissing) return { condition: 'missing', corruptChunks: [] }
  return whole.digestHex() === digest ? sound : { condition: 'corrupt', corruptChunks: [] }
}

async function readChunk(storage: StorageAdapter, digest: string, options: Options): Promise<Uint8Array | 'missing' | 'corrupt'> {
  let found = false
  for await (const { object } of copiesOf(storage, digest, options)) {
    if ((await sha256HexAsync(object.bytes)) === digest) return object.bytes
    found = true
  }
  return found ? 'corrupt' : 'missing'
}
