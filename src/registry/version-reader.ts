import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import type { ModelPackage } from '../model/model-package.ts'
import type { ModelVersion } from '../model/model-registry.ts'
import { openModelPackage } from '../model/store-package.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { assertName } from './names.ts'
import { aliasIn } from './registry-state.ts'
import type { RegisterEntry, RegistryEntry } from './version-log.ts'
import { asRegister, VersionLog } from './version-log.ts'
import { VersionTags } from './version-tags.ts'

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
  readonly #shared: VersionReaderOptions
  readonly #logs = new Map<string, VersionLog>()

  constructor(options: VersionReaderOptions) {
    this.#shared = options
  }

  logOf(name: string): VersionLog {
    let log = this.#logs.get(assertName('name', name))
    if (log === undefined) {
      log = new VersionLog({ ...this.#shared, prefix: `models/${name}/log` })
      this.#logs.set(name, log)
    }
    return log
  }

  tagsOf(name: string, version: number): VersionTags {
    return new VersionTags({ ...this.#shared, prefix: `models/${name}/tags/${String(version).padStart(16, '0')}` })
  }

  /** Versions that ever had a tag: the others need no look. */
  async taggedVersions(name: string, options: SignalOption): Promise<ReadonlySet<number>> {
    const versions = new Set<number>()
    const prefix = `models/${name}/tags`
    for await (const { key } of this.#shared.storage.list(prefix, signalOf(options)))
      versions.add(Number(key.slice(prefix.length + 1, prefix.length + 17)))
    return versions
  }

  /** @throws {@link MillraceError} `MODEL_NOT_FOUND`. */
  async entryOf(name: string, version: number, options: SignalOption): Promise<RegisterEntry> {
    const made = await this.logOf(name).entryOf(version, signalOf(options))
    if (made !== undefined) return made
    const last = (await this.logOf(name).log.head(signalOf(options)))?.state.lastVersion ?? 0
    throw new MillraceError('MODEL_NOT_FOUND', {
      message: `Expected version ${version} of model "${name}". Received ${last === 0 ? 'a model without versions' : `versions 1 to ${last}`}.`,
      details: { name, version },
    })
  }

  /** The entry of the version that an alias points at in the state of `head`. */
  async aliasEntry(
    name: string,
    alias: string,
    head: RegistryEntry | undefined,
    options: SignalOption,
  ): Promise<RegisterEntry | undefined> {
    const current = head === undefined ? undefined : aliasIn(head.state, alias)
    if (current === undefined) return undefined
    const { log } = this.logOf(name)
    const made = asRegister(await log.entry(current.versionGeneration, signalOf(options)))
    if (made !== undefined) return made
    throw new MillraceError('STORAGE_CORRUPT', {
      message: `Expected the record of version ${current.version} of model "${name}" in generation ${current.versionGeneration} of its log. Received none.`,
      details: { key: log.keyOf(current.versionGeneration), reason: 'it holds no version' },
    })
  }

  /** The entry of the version that an alias points at now. */
  async currentOf(name: string, alias: string, options: SignalOption): Promise<RegisterEntry | undefined> {
    assertName('alias', alias)
    return this.aliasEntry(name, alias, await this.logOf(name).log.head(signalOf(options)), options)
  }

  /** The package, its manifest read and compared with its digest. */
  open(entry: RegisterEntry, options: SignalOption): Promise<ModelPackage> {
    return openModelPackage(this.#shared.storage, entry.operation.manifestDigest, signalOf(options))
  }

  /** The version that an entry made, with its tags now. */
  async versionOf(name: string, entry: RegisterEntry, options: SignalOption): Promise<ModelVersion> {
    return recordOf(name, entry, await this.tagsOf(name, entry.state.lastVersion).read(signalOf(options)))
  }
}

/** What is known of a version. Pure. */
export function recordOf(name: string, entry: RegisterEntry, tags: Readonly<Record<string, string>>): ModelVersion {
  const { manifestDigest, lineage } = entry.operation
  return { name, version: entry.state.lastVersion, manifestDigest, createdAt: entry.time, lineage, tags }
}

/** The options' signal alone, for those whom the rest does not concern. */
export function signalOf(options: SignalOption): SignalOption {
  return options.signal === undefined ? {} : { signal: options.signal }
}
