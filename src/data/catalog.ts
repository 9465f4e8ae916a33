import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import { receivedText } from '../core/received.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { BlobWriter } from '../storage/blob-writer.ts'
import { getBlob } from '../storage/blobs.ts'
import { assertSegment } from '../storage/key.ts'
import { type EntryCheck, NumberedLog, type NumberedLogEntry } from '../storage/numbered-log.ts'
import { compareDatasets, type DatasetComparison } from './compare-datasets.ts'
import type { Dataset } from './dataset.ts'
import { blobsOfDataset, datasetPortable } from './dataset-portable.ts'
import { openDataset, type StoredDataset } from './stored-dataset.ts'

/** One version of named data. */
export interface DataVersion {
  readonly name: string
  /** 1, 2, 3 ... without gaps. */
  readonly version: number
  /** Names it had been given when it was made; where a tag points now is what {@link Catalog.version} says. */
  readonly tag: string | null
  /** Of the dataset's logical values. */
  readonly digest: string
  /** What `openDataset` takes. */
  readonly manifestDigest: string
  readonly rowCount: number
  /** Milliseconds since 1970 UTC. */
  readonly time: number
  readonly note: string | null
  /** The version whose data came back with this one. */
  readonly revertOf: number | null
}

interface VersionOperation extends Readonly<Record<string, Json>> {
  readonly manifestDigest: string
  readonly digest: string
  readonly rowCount: number
  readonly tag: string | null
  readonly note: string | null
  readonly revertOf: number | null
}
/** Where the tags point. */
interface CatalogState extends Readonly<Record<string, Json>> {
  readonly tags: Readonly<Record<string, number>>
}
type CatalogLog = NumberedLog<CatalogState, VersionOperation>

const root = 'catalog'
const maxTagLength = 128

/**
 * Names for data versions: which snapshot is `flights`, which of them is `june`, and what it was before. Each name is a log of versions that only grows, so
 * several processes may tag at once and nothing is forgotten; going back is a new version with the old data.
 *
 * @example
 * const catalog = new Catalog({ storage })
 * await catalog.tag('flights', dataset, 'june')
 * const june = await catalog.open('flights', 'june')
 */
export class Catalog {
  readonly #storage: StorageAdapter
  readonly #clock: Clock | undefined
  readonly #random: Random | undefined
  readonly #logs = new Map<string, CatalogLog>()

  /** @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING`, at the first use, when the storage cannot put if absent. */
  constructor(options: { readonly storage: StorageAdapter; readonly clock?: Clock; readonly random?: Random }) {
    this.#storage = options.storage
    this.#clock = options.clock
    this.#random = options.random
  }

  /**
   * Makes a dataset the newest version of a name, and points a tag at it. Doing it again with the newest version's data and tag changes nothing.
   *
   * @param dataset a dataset, or the SHA-256 of the manifest of one in this storage.
   * @throws {@link MillraceError} `STORAGE_INVALID_KEY` for a name that is no key segment (`[a-z0-9._-]`); `ARGUMENT_INVALID` for a tag that is not 1 to 128
   * characters; `STORAGE_NOT_FOUND` for a digest that is not there, also
   * when a collector took a blob of it meanwhile: write the dataset again, and tag it again.
   */
  async tag(
    name: string,
    dataset: Dataset | string,
    tag?: string,
    options: { readonly note?: string; readonly signal?: AbortSignal } = {},
  ): Promise<DataVersion> {
    const signal = signalOf(options)
    const log = this.#log(name)
    if (tag !== undefined) assertTag(tag)
    const writer = await BlobWriter.begin(this.#storage, signal)
    const stored =
      typeof dataset === 'string' ? dataset : manifestOf(await datasetPortable.encode(dataset, { storage: this.#storage, ...signal }))
    const { manifestDigest, digest, rowCount } = await openDataset(this.#storage, stored, signal)
    const operation = { manifestDigest, digest, rowCount, tag: tag ?? null, note: options.note ?? null, revertOf: null }
    const appended = await log.append<DataVersion>((state, head) => {
      const isNewest = head?.operation.digest === digest && (tag === undefined || state.tags[tag] === head.generation)
      return isNewest && head !== undefined ? { existing: versionOf(name, head) } : { operation }
    }, signal)
    const version = appended.entry === undefined ? appended.existing : versionOf(name, appended.entry)
    await this.#confirm(writer, version.manifestDigest, signal)
    return version
  }

  /** All versions of a name, the oldest first; none for a name that is not there. */
  async list(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly DataVersion[]> {
    const versions: DataVersion[] = []
    for await (const entry of this.#log(name).entries(signalOf(options))) versions.push(versionOf(name, entry))
    return versions
  }

  /** The names there are, sorted. */
  async names(options: { readonly signal?: AbortSignal } = {}): Promise<readonly string[]> {
    const names = new Set<string>()
    for await (const { key } of this.#storage.list(root, signalOf(options))) {
      const [, name, entry] = key.split('/')
      if (name !== undefined && entry !== undefined) names.add(name)
    }
    return [...names].sort()
  }

  /**
   * A version by its number or tag; without either the newest.
   *
   * @throws {@link MillraceError} `DATASET_NOT_FOUND`.
   */
  async version(name: string, which?: number | string, options: { readonly signal?: AbortSignal } = {}): Promise<DataVersion> {
    const signal = signalOf(options)
    const log = this.#log(name)
    const head = await log.head(signal)
    const number = typeof which === 'string' ? head?.state.tags[which] : (which ?? head?.generation)
    const entry =
      number === undefined || head === undefined || !(number >= 1 && number <= head.generation)
        ? undefined
        : await log.entry(number, signal)
    if (entry !== undefined) return versionOf(name, entry)
    const asked = which === undefined ? name : `${name}@${typeof which === 'string' ? which : receivedText(which)}`
    const tags = Object.keys(head?.state.tags ?? {})
    throw new MillraceError('DATASET_NOT_FOUND', {
      message: `Expected a data version "${asked}". Received ${head === undefined ? 'no version of that name' : `versions 1 to ${head.generation} and the tags ${tags.join(', ') || '(none)'}`}.`,
      details: { name: asked },
    })
  }

  /** Opens a version. @throws {@link MillraceError} `DATASET_NOT_FOUND`, and what `openDataset` throws. */
  async open<Row extends object = object>(
    name: string,
    which?: number | string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<StoredDataset<Row>> {
    const { manifestDigest } = await this.version(name, which, options)
    return openDataset<Row>(this.#storage, manifestDigest, signalOf(options))
  }

  /** Makes the data of an earlier version the newest again, as a new version; its tag moves there with it. @throws {@link MillraceError} `DATASET_NOT_FOUND`. */
  async revert(
    name: string,
    to: number | string,
    options: { readonly note?: string; readonly signal?: AbortSignal } = {},
  ): Promise<DataVersion> {
    const { version, manifestDigest, digest, rowCount, tag } = await this.version(name, to, options)
    const operation = { manifestDigest, digest, rowCount, tag, note: options.note ?? null, revertOf: version }
    const writer = await BlobWriter.begin(this.#storage, signalOf(options))
    const { entry } = await this.#log(name).append(() => ({ operation }), signalOf(options))
    await this.#confirm(writer, manifestDigest, signalOf(options))
    return versionOf(name, entry as NumberedLogEntry<CatalogState, VersionOperation>)
  }

  /** What differs between two versions of a name. @throws {@link MillraceError} `DATASET_NOT_FOUND`. */
  async compare(
    name: string,
    before: number | string,
    after: number | string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<DatasetComparison> {
    return compareDatasets(await this.open(name, before, options), await this.open(name, after, options))
  }

  /** A version is acknowledged only when no collector that missed it takes its blobs. */
  async #confirm(writer: BlobWriter, manifestDigest: string, signal: { readonly signal?: AbortSignal }): Promise<void> {
    const blobs = await blobsOfDataset(this.#storage, manifestDigest, signal.signal)
    await writer.confirm(blobs, (digest) => getBlob(this.#storage, digest, signal), signal)
  }

  #log(name: string): CatalogLog {
    let log = this.#logs.get(name)
    if (log === undefined) {
      assertSegment(name)
      log = new NumberedLog<CatalogState, VersionOperation>({
        storage: this.#storage,
        // In a folder of the name's own: the log keeps a hint beside it, which must not lie where another name's log may.
        prefix: `${root}/${name}/log`,
        format: 'millrace-catalog',
        formatVersion: 1,
        initial: { tags: {} },
        check: isCatalogEntry,
        reduce: (state, operation, { generation }) =>
          operation.tag === null ? state : { tags: { ...state.tags, [operation.tag]: generation } },
        ...(this.#clock !== undefined && { clock: this.#clock }),
        ...(this.#random !== undefined && { random: this.#random }),
      })
      this.#logs.set(name, log)
    }
    return log
  }
}

const isCatalogEntry: EntryCheck = ({ operation, state, generation }) => {
  if (!isPlainObject(operation) || !isPlainObject(state) || !isPlainObject(state.tags)) return false
  const { manifestDigest, digest, rowCount, tag, note, revertOf } = operation
  return (
    [manifestDigest, digest].every((text) => typeof text === 'string') &&
    [tag, note].every((text) => text === null || typeof text === 'string') &&
    Number.isSafeInteger(rowCount) &&
    (revertOf === null || Number.isSafeInteger(revertOf)) &&
    Object.values(state.tags).every(
      (version) => Number.isSafeInteger(version) && (version as number) >= 1 && (version as number) <= generation,
    )
  )
}

/** All tags are in each entry, so they are short. */
function assertTag(tag: string): void {
  if (typeof tag === 'string' && tag.length >= 1 && tag.length <= maxTagLength) return
  const [expected, received] = [`1 to ${maxTagLength} characters`, receivedText(tag)]
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected the tag of a data version to be ${expected}. Received ${received}.`,
    details: { argument: 'tag', expected, received },
  })
}

function versionOf(name: string, { generation, time, operation }: NumberedLogEntry<CatalogState, VersionOperation>): DataVersion {
  const { manifestDigest, digest, rowCount, tag, note, revertOf } = operation
  return { name, version: generation, tag, digest, manifestDigest, rowCount, time, note, revertOf }
}

function manifestOf({ stored }: { readonly stored: Json }): string {
  return (stored as { readonly manifest: string }).manifest
}

function signalOf({ signal }: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
