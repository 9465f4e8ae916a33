import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import { canonicalJson, isPlainObject } from '../core/json.ts'
import { receivedText } from '../core/received.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { blobKey, getBlob, putBlob } from '../storage/blobs.ts'
import type { ColumnType } from './column-type.ts'

/** The version of the stored form that this library writes, and the newest it reads. */
const formatVersion = 1
const format = 'millrace-dataset'

export interface StoredChunk {
  /** SHA-256 of the bytes: the blob's name. */
  readonly blob: string
  /** SHA-256 of the logical values. */
  readonly digest: string
  readonly sizeBytes: number
}
export interface StoredColumn extends ColumnType {
  /** One for every 65,536 rows. */
  readonly chunks: readonly StoredChunk[]
}

/** Column chunks: what a snapshot of data is. */
export interface TableManifest {
  readonly form: 'table'
  readonly digest: string
  readonly rowCount: number
  readonly chunkRows: number
  readonly columns: readonly StoredColumn[]
}

/** Some rows of a table. */
export interface ViewManifest {
  readonly form: 'view'
  readonly digest: string
  readonly rowCount: number
  /** The blob of the table's manifest. */
  readonly base: string
  readonly selection: StoredSelection
}
/** Ranges [start, end) in ascending order, or the blob of a bitmap: bit `row & 7` of byte `row >> 3`. */
export type StoredSelection =
  | { readonly ranges: readonly (readonly [number, number])[] }
  | { readonly bitmap: string; readonly sizeBytes: number }

export type DatasetManifest = TableManifest | ViewManifest

/** Over names, kinds and logical values. */
export function tableDigest(columns: readonly StoredColumn[], rowCount: number): string {
  return digestOfJson({
    rowCount,
    columns: columns.map(({ name, kind, nullable, chunks }) => ({ name, kind, nullable, chunks: chunks.map((chunk) => chunk.digest) })),
  })
}

/** Over the table's digest and the rows chosen. */
export function viewDigest(tableContentDigest: string, selection: StoredSelection): string {
  return digestOfJson({ table: tableContentDigest, selection: 'ranges' in selection ? selection.ranges : selection.bitmap })
}

/** Stores a manifest and returns the SHA-256 of its blob. */
export function putManifest(storage: StorageAdapter, manifest: DatasetManifest, signal: AbortSignal | undefined): Promise<string> {
  const text = canonicalJson({ format, formatVersion, minReaderVersion: 1, ...manifest })
  return putBlob(storage, new TextEncoder().encode(text), signal === undefined ? {} : { signal })
}

/**
 * Reads a manifest.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND`, `STORAGE_CORRUPT`, or `FORMAT_UNSUPPORTED` for one of a newer library.
 */
export async function getManifest(
  storage: StorageAdapter,
  manifestDigest: string,
  signal: AbortSignal | undefined,
): Promise<DatasetManifest> {
  const bytes = await getBlob(storage, manifestDigest, signal === undefined ? {} : { signal })
  const value = parse(bytes)
  if (value === undefined || value.format !== format || (value.form !== 'table' && value.form !== 'view')) {
    const key = blobKey(manifestDigest)
    throw new MillraceError('STORAGE_CORRUPT', {
      message: `Expected the manifest of a dataset at "${key}". Received something else.`,
      details: { key, reason: 'not a dataset manifest' },
    })
  }
  if (typeof value.minReaderVersion !== 'number' || value.minReaderVersion > formatVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected a dataset that version ${formatVersion} of its format can read. Received one for version ${receivedText(value.minReaderVersion)} and later.`,
      details: {
        format,
        formatVersion: typeof value.minReaderVersion === 'number' ? value.minReaderVersion : 0,
        supportedVersion: formatVersion,
      },
    })
  }
  return value as unknown as DatasetManifest
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return isPlainObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
