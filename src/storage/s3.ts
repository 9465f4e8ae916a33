/**
 * Storage in an object store that speaks the S3 API: {@link S3Storage}, and {@link checkS3}, which finds out whether a server can be trusted with a
 * registry. For Node and browsers; it needs the optional package `aws4fetch`.
 *
 * @module millrace/storage/s3
 */

import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { IdentifierSource } from '../core/identifiers.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import type { ByteRange, StorageAdapter, StorageCapabilities, StoredEntry, StoredObject } from './adapter.ts'
import { assertBytes } from './arguments.ts'
import { conflict } from './faults.ts'
import { assertKey, assertPrefix, folderCollision, foldersOf } from './key.ts'
import { assertLimit, assertRange } from './range.ts'
import { S3Client } from './s3/client.ts'
import { listObjects } from './s3/list-objects.ts'
import { createObject, deleteObject, getObject, isThere, putObject } from './s3/objects.ts'
import type { S3ConnectionOptions, S3ListOrder } from './s3/options.ts'
import { s3Settings } from './s3/options.ts'
import { probe } from './s3/probe.ts'
import { loadSigner, Signer } from './s3/signer.ts'

export type { S3CheckOptions, S3CheckReport, S3RaceReport } from './s3/check.ts'
export { checkS3 } from './s3/check.ts'
export type { S3Credentials } from './s3/credentials.ts'
export type { S3ConnectionOptions, S3Fetch, S3ListOrder } from './s3/options.ts'
export type { SignerLibrary } from './s3/signer.ts'

export interface S3StorageOptions extends S3ConnectionOptions {
  /**
   * True: opens a server that ignores `If-None-Match` as well, for data and caches only. `capabilities.putIfAbsent` is false then, a registry refuses
   * the storage, and `putIfAbsent` looks first and writes later, which is not atomic. Default false.
   */
  readonly withoutPutIfAbsent?: boolean
  /**
   * True: before each write, looks whether the key is the folder of another or lies below one, and rejects with `STORAGE_INVALID_KEY`. An object store
   * does not mind, so that this costs a listing and a HEAD for each folder of the key, and does not tell apart two writers at once. Default false: what the
   * library stores never collides; set it where keys come from elsewhere and the data may move to files one day.
   */
  readonly refuseFolderKeys?: boolean
  /** How the server sorts its listings; default: found out when opened. */
  readonly listOrder?: S3ListOrder
  readonly signal?: AbortSignal
}

interface Options {
  readonly signal?: AbortSignal
}

/**
 * Storage in a bucket, for any number of processes and pages at once. `putIfAbsent` is a `PUT` with `If-None-Match: *`; a lost reply is looked into, never
 * guessed. Opening probes the server: one that ignores the header is refused, since a registry on it would lose versions. No probe shows a server
 * that checks first and writes later: {@link checkS3} does, by a race.
 *
 * Throttled and failed requests are tried again with jitter, as `Retry-After` asks. Secrets are in no error. Nothing is uploaded in parts: the library
 * keeps its objects below 8 MB.
 *
 * @example
 * const storage = await S3Storage.open({
 *   endpoint: 'https://s3.eu-central-1.amazonaws.com',
 *   region: 'eu-central-1',
 *   bucket: 'models',
 *   prefix: 'team-a',
 *   credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'from a secret store' },
 * })
 * await storage.putIfAbsent('models/churn/log/0000000000000001', bytes)
 */
export class S3Storage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  /** How the server sorts its listings; those of `list` are always sorted by bytes. */
  readonly listOrder: S3ListOrder
  readonly #client: S3Client
  readonly #newId: IdentifierSource
  readonly #refuseFolderKeys: boolean

  private constructor(client: S3Client, newId: IdentifierSource, traits: Traits) {
    this.name = client.settings.name
    this.capabilities = { putIfAbsent: traits.putIfAbsent, multiProcess: true, durability: 'device' }
    this.listOrder = traits.listOrder
    this.#client = client
    this.#newId = newId
    this.#refuseFolderKeys = traits.refuseFolderKeys
  }

  /**
   * Opens a bucket, which must be there. It writes up to two small objects and deletes them; where it fails or is aborted, it tries to for a second at most.
   *
   * @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING` for a server that ignores `If-None-Match`; `STORAGE_DENIED` for credentials that it does not
   * let in; `STORAGE_UNAVAILABLE`, also where there is no such bucket; `STORAGE_NO_SPACE`; `DEPENDENCY_MISSING` without `aws4fetch`; `ARGUMENT_INVALID`,
   * `STORAGE_INVALID_KEY` for a prefix that is none.
   */
  static async open(options: S3StorageOptions): Promise<S3Storage> {
    const { withoutPutIfAbsent = false, refuseFolderKeys = false, signal } = options
    throwIfAborted(signal)
    const settings = s3Settings(options)
    const client = new S3Client(settings, new Signer(await loadSigner(options.aws4fetch), settings.region))
    const newId = createIdentifierSource(settings)
    const asked = options.listOrder === undefined
    const answers = await probe(client, { ifNoneMatch: !withoutPutIfAbsent, listOrder: asked }, { newId, signal })
    if (answers.ifNoneMatch === false) {
      throw new MillraceError('STORAGE_CAPABILITY_MISSING', {
        message: `Expected the server of "${settings.name}" to refuse a second create with If-None-Match: *. Received success: a registry on it would lose versions. For data and caches, open it with withoutPutIfAbsent.`,
        details: { storage: settings.name, capability: 'putIfAbsent' },
      })
    }
    const listOrder = options.listOrder ?? answers.listOrder ?? 'bytes'
    return new S3Storage(client, newId, { putIfAbsent: !withoutPutIfAbsent, listOrder, refuseFolderKeys })
  }

  async get(key: string, options: Options & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    throwIfAborted(options.signal)
    assertKey(key)
    assertRange(options.range)
    return await getObject(this.#client, this.#inBucket(key), options.range, options.signal)
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    const { signal } = options
    throwIfAborted(signal)
    assertKey(key)
    assertBytes(bytes)
    const body = new Uint8Array(bytes)
    await this.#assertPlace(key, signal)
    if (this.capabilities.putIfAbsent) return await createObject(this.#client, this.#inBucket(key), body, { newId: this.#newId, signal })
    if (await isThere(this.#client, this.#inBucket(key), signal)) throw conflict(key)
    await putObject(this.#client, this.#inBucket(key), body, signal)
  }

  async put(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    assertBytes(bytes)
    const body = new Uint8Array(bytes)
    await this.#assertPlace(key, options.signal)
    await putObject(this.#client, this.#inBucket(key), body, options.signal)
  }

  /**
   * One request. After a lost reply it looks whether the object is gone, and deletes nothing twice: what is there then may be new.
   *
   * @throws {@link MillraceError} `STORAGE_OUTCOME_UNKNOWN` where an object is there after a lost reply.
   */
  async delete(key: string, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    await deleteObject(this.#client, this.#inBucket(key), options.signal)
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StoredEntry, void, undefined> {
    const { after, limit = Number.POSITIVE_INFINITY, signal } = options
    throwIfAborted(signal)
    assertPrefix(prefix)
    if (after !== undefined) assertKey(after)
    assertLimit(limit)
    yield* listObjects(this.#client, { prefix, after, limit, order: this.listOrder, signal })
  }

  async #assertPlace(key: string, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#refuseFolderKeys) return
    const below = async (): Promise<void> => {
      const entries = listObjects(this.#client, { prefix: key, limit: 1, order: this.listOrder, signal })
      for await (const entry of entries) throw folderCollision(key, entry.key)
    }
    const above = foldersOf(key).map(async (folder) => {
      if (await isThere(this.#client, this.#inBucket(folder), signal)) throw folderCollision(key, folder)
    })
    // All of them, so that nothing is under way any more when it rejects.
    for (const looked of await Promise.allSettled([below(), ...above])) if (looked.status === 'rejected') throw looked.reason
  }

  #inBucket(key: string): string {
    return this.#client.settings.prefix + key
  }
}

interface Traits {
  readonly putIfAbsent: boolean
  readonly listOrder: S3ListOrder
  readonly refuseFolderKeys: boolean
}
