import { isAbortOf } from '../core/abort.ts'
import type { RefreshOutcome } from './deployment-options.ts'
import type { Reporter } from './reporter.ts'
import { RowReader } from './row-reader.ts'
import { ServedVersion } from './served-version.ts'
import { VersionRecord } from './version-record.ts'
import { loadVersion, resolveVersion, type VersionSource } from './version-source.ts'

/** Holds the version that is served, and changes it without a call noticing. */
export class VersionKeeper {
  readonly #source: VersionSource
  readonly #reporter: Reporter
  readonly #record: VersionRecord
  #current: ServedVersion
  #refreshing: Promise<RefreshOutcome> | undefined

  private constructor(source: VersionSource, reporter: Reporter, current: ServedVersion) {
    this.#source = source
    this.#reporter = reporter
    this.#current = current
    this.#record = new VersionRecord(source, reporter)
    this.#record.serves(current.version)
  }

  /** Loads the version that the source names now. */
  static async open(source: VersionSource, reporter: Reporter, options: { readonly signal?: AbortSignal }): Promise<VersionKeeper> {
    const version = await resolveVersion(source, options)
    return new VersionKeeper(source, reporter, await loadServed(source, reporter, version, options))
  }

  /** What new calls are answered by. */
  get current(): ServedVersion {
    return this.#current
  }

  /** Follows the source; whoever asks while a refresh is under way joins it. Rejects only when aborted. */
  refresh(options: { readonly signal?: AbortSignal }): Promise<RefreshOutcome> {
    this.#refreshing ??= this.#refresh(options).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** Resolves when no refresh is under way, and the registry is told of what served. */
  async settled(): Promise<void> {
    await this.#refreshing?.catch(() => {})
    await this.#record.settled()
  }

  async #refresh(options: { readonly signal?: AbortSignal }): Promise<RefreshOutcome> {
    const old = this.#current
    try {
      const version = await resolveVersion(this.#source, options)
      if (version === old.version) return 'unchanged'
      this.#current = await loadServed(this.#source, this.#reporter, version, options)
    } catch (error) {
      if (isAbortOf(options.signal, error)) throw error
      this.#reporter.refreshFailed(old.version, error)
      return 'failed'
    }
    this.#reporter.swapped(old.version, this.#current.version)
    this.#record.serves(this.#current.version)
    old.retire()
    return 'swapped'
  }
}

async function loadServed(
  source: VersionSource,
  reporter: Reporter,
  version: number,
  options: { readonly signal?: AbortSignal },
): Promise<ServedVersion> {
  const loaded = await loadVersion(source, version, options)
  try {
    const further = source.columns?.map((column) => column.name) ?? []
    const reader = new RowReader(loaded.signature.inputs, further)
    return new ServedVersion(version, loaded, reader, (disposed) => reporter.disposed(disposed))
  } catch (error) {
    loaded.model.dispose()
    throw error
  }
}
