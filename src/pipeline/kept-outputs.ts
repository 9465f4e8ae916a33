import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { runFolder } from './journal-entry.ts'
import { decodeStored, encodeStored } from './stored-json.ts'

const format = { format: 'millrace-run-output', formatVersion: 1, minReaderVersion: 1 } as const

/** An output that only a resumption of its own run may use. */
export interface KeptOutput {
  /** Null where it was too large to keep: then only its blobs are held. */
  readonly stored: Json
  readonly digest: string
  readonly blobs: readonly string[]
  readonly isWhole: boolean
}

/**
 * Outputs that the cache must not hold, since another run may not use them (of effects, of stages without a fingerprint, of forced ones): kept with the run at
 * `runs/<id>/outputs/<epoch>/<key>`, so that an owner that was taken over can overwrite nothing.
 */
export class KeptOutputs {
  readonly #storage: StorageAdapter
  readonly #runId: string

  constructor(storage: StorageAdapter, runId: string) {
    this.#storage = storage
    this.#runId = runId
  }

  async keep(epoch: number, place: string, output: KeptOutput): Promise<void> {
    await this.#storage.put(this.#key(epoch, place), encodeStored({ ...format, place, ...output }))
  }

  /** Undefined where it is gone, corrupt or was too large. */
  async get(epoch: number, place: string, options: { readonly signal?: AbortSignal } = {}): Promise<KeptOutput | undefined> {
    const key = this.#key(epoch, place)
    const object = await this.#storage.get(key, options)
    const output = object === undefined ? undefined : decodeKept(key, object.bytes)
    return output?.isWhole === true ? output : undefined
  }

  #key(epoch: number, place: string): string {
    return `${keptFolder(this.#runId)}/${epoch}/${digestOfJson(place)}`
  }
}

export function keptFolder(runId: string): string {
  return `${runFolder(runId)}/outputs`
}

/** Undefined for what is corrupt. @throws {@link MillraceError} `FORMAT_UNSUPPORTED`. */
export function decodeKept(key: string, bytes: Uint8Array): KeptOutput | undefined {
  try {
    const { stored, digest, blobs, isWhole } = decodeStored(key, bytes, format.format, format.formatVersion)
    return { stored: (stored ?? null) as Json, digest: String(digest), blobs: blobs as readonly string[], isWhole: isWhole === true }
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return undefined
    throw error
  }
}
