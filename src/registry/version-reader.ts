import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { toJson } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import { receivedText } from '../core/received.ts'
import { checkManifest, digestOfManifest } from '../model/manifest.ts'
import type { Manifest, ModelPackage } from '../model/model-package.ts'
import type { ModelVersion } from '../model/model-registry.ts'
import { openModelPackage, packageIn } from '../model/store-package.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { DeploymentRecords } from './deployment-records.ts'
import { assertName } from './names.ts'
import { RecentMap } from './recent-map.ts'
import type { RegistryState } from './registry-state.ts'
import { aliasIn, initialRegistryState } from './registry-state.ts'
import type { RegisterEntry, RegistryEntry } from './version-log.ts'
import { VersionLog } from './version-log.ts'
import type { Notes } from './version-notes.ts'
import { VersionNotes, versionFolder } from './version-notes.ts'

export interface SignalOption {
  readonly signal?: AbortSignal
}

export interface VersionReaderOptions {
  readonly storage: StorageAdapter
  readonly clock: Clock
  readonly random: Random
  readonly attempts?: number
}

/** Where the versions and aliases of every model stand in storage, and how they are read; it changes nothing. */
export class VersionReader {
  readonly shared: VersionReaderOptions
  /** A log that is opened again is read again: names that were only asked for must not add up. */
  readonly #logs = new RecentMap<string, VersionLog>(256)

  constructor(options: VersionReaderOptions) {
    this.shared = options
  }

  logOf(name: string): VersionLog {
    let log = this.#logs.get(assertName('name', name))
    if (log === undefined) {
      log = new VersionLog({ ...this.shared, prefix: `models/${name}/log` })
      this.#logs.set(name, log)
    }
    return log
  }

  /** Tags and description of a version. */
  notesOf(name: string, version: number): VersionNotes {
    return new VersionNotes({ ...this.shared, prefix: `models/${name}/notes/${versionFolder(version)}` })
  }

  /** Where a version was put to work. */
  deploymentsOf(name: string, version: number): DeploymentRecords {
    return new DeploymentRecords({ ...this.shared, prefix: `models/${name}/deployments/${versionFolder(version)}` })
  }

  head(name: string, options: SignalOption): Promise<RegistryEntry | undefined> {
    return this.logOf(name).head(signalOf(options))
  }

  /** @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`. */
  async entryOf(name: string, version: number, options: SignalOption): Promise<RegisterEntry> {
    return this.entryAsOf(name, version, await this.head(name, options), options)
  }

  /** The entry that made a version, in the state of `head`. @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`. */
  async entryAsOf(name: string, version: number, head: RegistryEntry | undefined, options: SignalOption): Promise<RegisterEntry> {
    const log = this.logOf(name)
    const made = await log.entryOf(version, head, signalOf(options))
    if (made === undefined) throw versionNotFound(name, version, head?.state ?? initialRegistryState)
    if (await log.isDeleted((head as RegistryEntry).state, version, signalOf(options))) throw versionDeleted(name, version)
    return made
  }

  /** The entry of the version that an alias points at in the state of `head`. */
  async aliasEntry(
    name: string,
    alias: string,
    head: RegistryEntry | undefined,
    options: SignalOption,
  ): Promise<RegisterEntry | undefined> {
    const current = head === undefined ? undefined : aliasIn(head.state, alias)
    return current === undefined ? undefined : this.logOf(name).registerAt(current.versionGeneration, signalOf(options))
  }

  /** The entry of the version that an alias points at now. */
  async currentOf(name: string, alias: string, options: SignalOption): Promise<RegisterEntry | undefined> {
    assertName('alias', alias)
    return this.aliasEntry(name, alias, await this.head(name, options), options)
  }

  /** The entry of a version, given by its number or by an alias that is at it. @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`. */
  async entryAt(name: string, versionOrAlias: number | string, options: SignalOption): Promise<RegisterEntry> {
    if (typeof versionOrAlias !== 'string') return this.entryOf(name, versionOrAlias, options)
    const made = await this.currentOf(name, versionOrAlias, options)
    if (made === undefined) throw aliasNotFound(name, versionOrAlias)
    return made
  }

  /** The package, its manifest compared with its digest. @throws {@link MillraceError} `STORAGE_CORRUPT`, `FORMAT_UNSUPPORTED`, `STORAGE_NOT_FOUND`. */
  async open(name: string, entry: RegisterEntry, options: SignalOption): Promise<ModelPackage> {
    const { manifest: inline, manifestDigest } = entry.operation
    if (inline === null) return openModelPackage(this.shared.storage, manifestDigest, signalOf(options))
    const manifest = checkManifest(inline)
    if (digestOfManifest(manifest) === manifestDigest) return packageIn(this.shared.storage, manifest, manifestDigest)
    const key = this.logOf(name).log.keyOf(entry.generation)
    throw new MillraceError('STORAGE_CORRUPT', {
      message: `Expected the manifest of SHA-256 ${manifestDigest} in "${key}". Received another.`,
      details: { key, reason: 'digest mismatch' },
    })
  }

  /** The version that an entry made, with its notes now. */
  async versionOf(name: string, entry: RegisterEntry, options: SignalOption): Promise<ModelVersion> {
    return this.recordOf(name, entry, await this.notesOf(name, entry.state.lastVersion).read(signalOf(options)), options)
  }

  /** The version that an entry made, with notes that are known already. */
  async recordOf(name: string, entry: RegisterEntry, notes: Notes, options: SignalOption): Promise<ModelVersion> {
    const { manifestDigest, record } = entry.operation
    const { lineage, metrics } = record ?? (await this.#manifestOf(name, entry, options))
    const { tags, description } = notes
    return {
      name,
      version: entry.state.lastVersion,
      manifestDigest,
      createdAt: entry.time,
      lineage: toJson(lineage),
      metrics,
      tags,
      description,
    }
  }

  /** As it stands in the entry, which has a checksum; else the blob, which is read only where even the record was too large for an entry. */
  async #manifestOf(name: string, entry: RegisterEntry, options: SignalOption): Promise<Pick<Manifest, 'lineage' | 'metrics'>> {
    const { manifest } = entry.operation
    return manifest === null ? (await this.open(name, entry, options)).manifest : checkManifest(manifest)
  }
}

/** The options' signal alone, for those whom the rest does not concern. */
export function signalOf(options: SignalOption): SignalOption {
  return options.signal === undefined ? {} : { signal: options.signal }
}

export function versionNotFound(name: string, version: number, state: RegistryState): MillraceError<'MODEL_NOT_FOUND'> {
  const last = state.lastVersion
  return new MillraceError('MODEL_NOT_FOUND', {
    message: `Expected version ${receivedText(version)} of model "${name}". Received ${last === 0 ? 'a model without versions' : `versions 1 to ${last}`}.`,
    details: { name, version },
  })
}

export function aliasNotFound(name: string, alias: string): MillraceError<'MODEL_NOT_FOUND'> {
  return new MillraceError('MODEL_NOT_FOUND', {
    message: `Expected an alias "${alias}" of model "${name}". Received none.`,
    details: { name, alias },
  })
}

export function versionDeleted(name: string, version: number): MillraceError<'VERSION_DELETED'> {
  return new MillraceError('VERSION_DELETED', {
    message: `Expected a version of model "${name}" that is there. Received version ${version}, which was deleted.`,
    details: { name, version },
  })
}
