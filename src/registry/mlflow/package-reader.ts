import { throwIfAborted } from '../../core/abort.ts'
import { sha256HexAsync } from '../../core/digest.ts'
import { MillraceError } from '../../core/error.ts'
import { isPlainObject, type Json } from '../../core/json.ts'
import { isDigest } from '../../model/blob-reference.ts'
import { blobsOfManifest, decodeManifest } from '../../model/manifest.ts'
import type { Manifest, ModelPackage } from '../../model/model-package.ts'
import type { ModelVersion } from '../../model/model-registry.ts'
import { artifactPath, getArtifact } from './artifacts.ts'
import type { MlflowConnection, SignalOption } from './connection.ts'
import { blobFile, manifestFile } from './model-file.ts'
import { ownPrefix } from './names.ts'
import { getRun } from './runs.ts'
import type { VersionStore } from './version-store.ts'
import type { ServerVersion } from './wire.ts'

/** Labels of a version that this registry writes. */
export const versionTags = {
  /** The package's identity. */
  manifestDigest: 'millrace.manifest-digest',
  /** Of the idempotency key, or of this one registration. */
  registration: 'millrace.registration',
  /** JSON, where it is short. */
  lineage: 'millrace.lineage',
  metrics: 'millrace.metrics',
} as const

/** What a version's run is called there, and the repository's commit that it was made from. */
const commitTag = 'mlflow.source.git.commit'

/** Versions and packages as this library has them, of what the server tells. */
export class PackageReader {
  readonly #connection: MlflowConnection
  readonly #store: VersionStore

  constructor(connection: MlflowConnection, store: VersionStore) {
    this.#connection = connection
    this.#store = store
  }

  /**
   * What is known of a version. One that another client made has no manifest: its digest is empty, its figures and its lineage are what its run says (figures that
   * are not finite are left out).
   */
  async record(found: ServerVersion, options: SignalOption): Promise<ModelVersion> {
    const { name, version, createdAt, description, tags } = found
    const manifestDigest = digestOf(found)
    const labels = [...tags].filter(([tag]) => manifestDigest === '' || !tag.startsWith(ownPrefix))
    const told = manifestDigest === '' ? await this.#toldByRun(found, options) : await this.#toldByPackage(found, options)
    return { name, version, manifestDigest, createdAt, ...told, tags: Object.fromEntries(labels), description }
  }

  /**
   * The manifest of a version, compared with its digest.
   *
   * @throws {@link MillraceError} `MODEL_INVALID` for a version without a package of this library; `STORAGE_NOT_FOUND`, `STORAGE_CORRUPT`.
   */
  async manifest(
    found: ServerVersion,
    options: SignalOption,
  ): Promise<{ readonly manifest: Manifest; readonly manifestDigest: string; readonly path: string }> {
    const { name, version } = found
    const manifestDigest = digestOf(found)
    if (manifestDigest === '') throw notOurs(found)
    const path = artifactPath(this.#connection, await this.#store.artifactUri(name, version, options))
    const bytes = await getArtifact(this.#connection, `${path}/${manifestFile}`, options)
    await expectDigest(bytes, manifestDigest)
    return { manifest: decodeManifest(bytes), manifestDigest, path }
  }

  /** The package, every blob of it read and compared with digest and size; the bytes are kept, so that each is fetched once. */
  async load(found: ServerVersion, options: SignalOption): Promise<ModelPackage> {
    const { manifest, manifestDigest, path } = await this.manifest(found, options)
    const blobs = new Map<string, Uint8Array>()
    for (const { digest, sizeBytes } of blobsOfManifest(manifest)) {
      throwIfAborted(options.signal)
      const bytes = await getArtifact(this.#connection, `${path}/${blobFile(digest)}`, { ...options, sizeBytes })
      await expectDigest(bytes, digest)
      blobs.set(digest, bytes)
    }
    return {
      manifest,
      manifestDigest,
      async blob(digest: string, { signal }: SignalOption = {}): Promise<Uint8Array> {
        throwIfAborted(signal)
        const bytes = blobs.get(digest)
        // A copy: what is kept has been verified, and stays so.
        if (bytes !== undefined) return bytes.slice()
        throw new MillraceError('STORAGE_NOT_FOUND', {
          message: `Expected a blob that the manifest ${manifestDigest} names. Received "${digest}".`,
          details: { key: digest },
        })
      },
    }
  }

  async #toldByPackage(found: ServerVersion, options: SignalOption): Promise<Told> {
    const lineage = jsonIn(found.tags.get(versionTags.lineage))
    const metrics = jsonIn(found.tags.get(versionTags.metrics))
    if (lineage !== undefined && isFigures(metrics)) return { lineage, metrics }
    const { manifest } = await this.manifest(found, options)
    return { lineage: { ...manifest.lineage } as unknown as Json, metrics: manifest.metrics }
  }

  async #toldByRun(found: ServerVersion, options: SignalOption): Promise<Told> {
    const run = found.runId === '' ? undefined : await getRun(this.#connection, found.runId, options)
    if (run === undefined) return { lineage: { runId: found.runId, source: found.source }, metrics: {} }
    const lineage = {
      runId: run.runId,
      source: found.source,
      codeVersion: run.tags.get(commitTag) ?? null,
      parameters: Object.fromEntries(run.parameters),
    }
    return { lineage, metrics: Object.fromEntries([...run.metrics].filter(([, value]) => Number.isFinite(value))) }
  }
}

interface Told {
  readonly lineage: Json
  readonly metrics: Readonly<Record<string, number>>
}

/** Empty for a version that has no package of this library. */
function digestOf(found: ServerVersion): string {
  const digest = found.tags.get(versionTags.manifestDigest)
  return isDigest(digest) ? digest : ''
}

function isFigures(value: Json | undefined): value is Readonly<Record<string, number>> {
  return isPlainObject(value) && Object.values(value).every(Number.isFinite)
}

function jsonIn(text: string | undefined): Json | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Json)
  } catch {
    return undefined
  }
}

async function expectDigest(bytes: Uint8Array, digest: string): Promise<void> {
  const received = await sha256HexAsync(bytes)
  if (received === digest) return
  throw new MillraceError('STORAGE_CORRUPT', {
    message: `Expected an artifact of SHA-256 ${digest}. Received one of ${received}.`,
    details: { key: digest, reason: 'digest mismatch' },
  })
}

function notOurs({ name, version, source }: ServerVersion): MillraceError<'MODEL_INVALID'> {
  const reason = `version ${version} of "${name}" was made by another client of MLflow and holds no package of this library`
  return new MillraceError('MODEL_INVALID', {
    message: `Expected a model package. Received none: ${reason}; its files are at "${source}".`,
    details: { reason },
  })
}
