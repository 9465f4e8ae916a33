import type { Clock } from '../../core/clock.ts'
import { mapConcurrently } from '../../core/concurrency.ts'
import { createIdentifierSource } from '../../core/identifiers.ts'
import type { Random } from '../../core/random.ts'
import { isDigest } from '../../model/blob-reference.ts'
import type { StorageAdapter } from '../../storage/adapter.ts'
import { BlobWriter } from '../../storage/blob-writer.ts'
import { storageTime } from '../../storage/storage-time.ts'

const folder = 'imports'
const writesAtOnce = 8
/** What an import that died has staged is kept for so long; a living one has to register a file within that time of reading it. */
const keptForMs = 7 * 86_400_000

interface Options {
  readonly signal?: AbortSignal
}

/**
 * Files of one import between the moment when each is read and the moment when a version names it, safe from collectors: for each there is an object
 * `imports/<import>/<digest>`, which {@link stagedBlobs} tells collectors of. That it is there is all that it says.
 */
export class ImportStaging {
  readonly storage: StorageAdapter
  readonly #folder: string
  /** Begun with the first file. */
  #writer: BlobWriter | undefined
  readonly #keys: string[] = []

  constructor(storage: StorageAdapter, source: { readonly clock: Clock; readonly random: Random }) {
    this.storage = storage
    this.#folder = `${folder}/${createIdentifierSource(source)()}`
  }

  /** Stores a file, one after the other; it is there until {@link ImportStaging.end}, whatever is collected meanwhile. */
  async put(bytes: Uint8Array, options: Options): Promise<void> {
    this.#writer ??= await BlobWriter.begin(this.storage, options)
    const digest = await this.#writer.put(bytes, options)
    const key = `${this.#folder}/${digest}`
    this.#keys.push(key)
    const content = JSON.stringify({ format: 'millrace-import', formatVersion: 1, minReaderVersion: 1 })
    await this.storage.put(key, new TextEncoder().encode(content), options)
    await this.#writer.confirm([digest], async () => bytes, options)
  }

  /** What no version names may be collected from now on. Never rejects: what cannot be taken away is forgotten by itself after a week. */
  async end(): Promise<void> {
    await mapConcurrently(this.#keys, writesAtOnce, (key) => this.storage.delete(key)).catch(() => {})
  }
}

/** The blobs that imports under way need. */
export async function* stagedBlobs(storage: StorageAdapter, options: Options): AsyncGenerator<string, void, undefined> {
  for await (const { digest } of staged(storage, options)) yield digest
}

/** Takes away what imports left that died long ago, by the storage's own clock. */
export async function forgetDeadImports(storage: StorageAdapter, options: { readonly clock: Clock } & Options): Promise<void> {
  const { clock, ...io } = options
  const dead: string[] = []
  let now: number | undefined
  for await (const { key, modifiedAt } of staged(storage, io)) {
    now ??= await storageTime(storage, clock, io)
    // An age that is not known is no age.
    if (now - modifiedAt > keptForMs) dead.push(key)
  }
  await mapConcurrently(dead, writesAtOnce, (key) => storage.delete(key, io), io.signal)
}

async function* staged(
  storage: StorageAdapter,
  options: Options,
): AsyncGenerator<{ readonly key: string; readonly digest: string; readonly modifiedAt: number }, void, undefined> {
  for await (const { key, modifiedAt } of storage.list(folder, options)) {
    const digest = key.split('/')[2]
    if (isDigest(digest)) yield { key, digest, modifiedAt }
  }
}
