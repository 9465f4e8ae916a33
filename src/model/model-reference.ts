import { digestOfJson, sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import { isPlainObject, type Json, toJson } from '../core/json.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { Portable, PortableOptions } from '../storage/portable.ts'
import { isBlobReferences, isDigest, readBlob, storeBlobs } from './blob-reference.ts'
import { checkFormat } from './check-format.ts'
import type { Model, ModelLoader, ModelReference, StoredModel } from './model.ts'
import { loaderOf } from './model-kinds.ts'
import type { BlobReference } from './model-package.ts'

const format = { format: 'millrace-model-reference', supportedVersion: 1 } as const

/** What stands for a stored model: its kind, its JSON, and where its blobs are. */
export interface ModelDescription {
  readonly kind: string
  readonly json: Json
  readonly blobs: Readonly<Record<string, BlobReference>>
}

/** SHA-256 over kind, JSON and the digests of the blobs by name: equal models have equal digests, wherever they are. */
export function digestOfModel(model: ModelDescription): string {
  return digestOfJson({
    kind: model.kind,
    json: model.json,
    blobs: Object.fromEntries(Object.entries(model.blobs).map(([name, { digest }]) => [name, digest])),
  })
}

/** What {@link digestOfModel} takes, of a model that is in memory. */
export function describeModel(model: StoredModel): ModelDescription {
  const blobs = Object.entries(model.blobs).map(([name, bytes]) => [name, { digest: sha256Hex(bytes), sizeBytes: bytes.byteLength }])
  return { kind: model.kind, json: model.json, blobs: Object.fromEntries(blobs) }
}

/**
 * Puts a model into storage, content-addressed, and gives what flows instead of it.
 *
 * @param loaders - one of them opens models of this kind.
 * @throws {@link MillraceError} `MODEL_KIND_UNKNOWN` when none does, before anything is written.
 * @example
 * const reference = await storeModel(storage, network, denseNetworkLoader)
 * const model = await reference.open()
 * model.dispose()
 */
export async function storeModel(
  storage: StorageAdapter,
  model: StoredModel,
  loaders: ModelLoader | readonly ModelLoader[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<ModelReference> {
  const loader = loaderOf(model.kind, 'load' in loaders ? [loaders] : loaders)
  const json = toJson(model.json)
  const blobs = await storeBlobs(storage, model.blobs, options)
  return new StoredModelReference(storage, { kind: model.kind, json, blobs }, loader)
}

/** How references are kept in a pipeline's cache: a reference that was decoded opens with the loader of its kind among `loaders`. */
export function modelReferencePortable(loaders: readonly ModelLoader[]): Portable<ModelReference> {
  return {
    kind: 'model',
    matches: isModelReference,
    async encode(value: ModelReference, options: PortableOptions): Promise<{ readonly stored: Json; readonly digest: string }> {
      const description = await describeIn(value, options)
      const stored = toJson({ format: format.format, formatVersion: 1, minReaderVersion: 1, ...description })
      return { stored, digest: digestOfModel(description) }
    },
    async decode(stored: Json, options: PortableOptions): Promise<ModelReference> {
      const description = readDescription(stored)
      return new StoredModelReference(options.storage, description, loaderOf(description.kind, loaders))
    },
    async blobs(stored: Json): Promise<readonly string[]> {
      return Object.values(readDescription(stored).blobs).map(({ digest }) => digest)
    },
  }
}

class StoredModelReference implements ModelReference {
  readonly digest: string
  readonly kind: string
  readonly storage: StorageAdapter
  readonly description: ModelDescription
  readonly #loader: ModelLoader

  constructor(storage: StorageAdapter, description: ModelDescription, loader: ModelLoader) {
    this.digest = digestOfModel(description)
    this.kind = description.kind
    this.storage = storage
    this.description = description
    this.#loader = loader
  }

  async stored(options: { readonly signal?: AbortSignal } = {}): Promise<StoredModel> {
    const blobs: [string, Uint8Array][] = []
    for (const [name, reference] of Object.entries(this.description.blobs)) {
      blobs.push([name, await readBlob(this.storage, reference, options)])
    }
    return { kind: this.kind, json: this.description.json, blobs: Object.fromEntries(blobs) }
  }

  async open(options: { readonly signal?: AbortSignal } = {}): Promise<Model> {
    return this.#loader.load(await this.stored(options), options)
  }
}

/** By structure: a plugin, or another copy of this library, may have made it. */
function isModelReference(value: unknown): value is ModelReference {
  if (typeof value !== 'object' || value === null) return false
  const { digest, kind, stored, open } = value as Partial<ModelReference>
  return isDigest(digest) && typeof kind === 'string' && typeof stored === 'function' && typeof open === 'function'
}

/** Nothing is read or written again for a reference that stands in the same storage already. */
async function describeIn(value: ModelReference, options: PortableOptions): Promise<ModelDescription> {
  if (value instanceof StoredModelReference && value.storage === options.storage) return value.description
  const model = await value.stored(options)
  return { kind: model.kind, json: toJson(model.json), blobs: await storeBlobs(options.storage, model.blobs, options) }
}

function readDescription(stored: Json): ModelDescription {
  checkFormat(stored, format)
  const { kind, json, blobs } = stored
  if (typeof kind === 'string' && isPlainObject(json) && isBlobReferences(blobs)) return { kind, json: toJson(json), blobs }
  throw new MillraceError('MODEL_INVALID', {
    message: 'Expected a stored model reference with kind, JSON and blobs. Received one without.',
    details: { reason: 'kind, json or blobs are missing' },
  })
}
