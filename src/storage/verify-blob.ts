import { Sha256, sha256HexAsync } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'
import type { BlobCopy } from './blob-copies.ts'
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
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED` when none is intact and a newer library wrote the list of the chunks of one.
 * @example
 * await verifyBlob(storage, await putBlob(storage, bytes)) // 'intact'
 */
export async function verifyBlob(
  storage: StorageAdapter,
  digest: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<BlobCondition> {
  let worst: BlobCondition = 'missing'
  let newer: MillraceError | undefined
  for await (const found of copiesOf(storage, digest, options)) {
    try {
      const { condition } = await examineCopy(storage, found, options)
      if (condition === 'intact') return 'intact'
      if (condition === 'corrupt') worst = 'corrupt'
    } catch (error) {
      if (!MillraceError.is(error, 'FORMAT_UNSUPPORTED')) throw error
      newer = error
    }
  }
  if (newer !== undefined) throw newer
  return worst
}

/**
 * What one stored copy is, and which of its chunks are corrupt: then the list may be right, and is corrupt only with its chunks.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED` for a list of a newer library.
 */
export async function examineCopy(
  storage: StorageAdapter,
  { digest, isList, object }: BlobCopy,
  options: Options,
): Promise<{ readonly condition: BlobCondition; readonly corruptChunks: readonly string[] }> {
  const sound = { condition: 'intact', corruptChunks: [] } as const
  const damaged = { condition: 'corrupt', corruptChunks: [] } as const
  if (!isList) return (await sha256HexAsync(object.bytes)) === digest ? sound : damaged
  const list = decodeChunkList(object.bytes)
  if (list === undefined) return damaged
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
  return whole.digestHex() === digest ? sound : damaged
}

async function readChunk(storage: StorageAdapter, digest: string, options: Options): Promise<Uint8Array | 'missing' | 'corrupt'> {
  let found = false
  for await (const { object } of copiesOf(storage, digest, { ...options, contentOnly: true })) {
    if ((await sha256HexAsync(object.bytes)) === digest) return object.bytes
    found = true
  }
  return found ? 'corrupt' : 'missing'
}
