import { MillraceError } from '../core/error.ts'
import type { Appended, Decide } from '../storage/numbered-log.ts'
import type { RegistryOperation, RegistryState } from './registry-state.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'
import { signalOf } from './version-reader.ts'

/** How the log of a model is changed. */
export class ModelChanges {
  readonly #reader: VersionReader

  constructor(reader: VersionReader) {
    this.#reader = reader
  }

  /** @throws {@link MillraceError} `REGISTRY_BUSY` when other writers came first at every attempt: nothing was changed. */
  async append<Existing>(
    name: string,
    decide: Decide<RegistryState, RegistryOperation, Existing>,
    options: { readonly look?: boolean } & SignalOption,
  ): Promise<Appended<RegistryState, RegistryOperation, Existing>> {
    try {
      const log = this.#reader.logOf(name)
      await log.assertEnd(signalOf(options))
      return await log.log.append<Existing>(decide, options)
    } catch (error) {
      // Only of this log: a decision may have read and written elsewhere.
      if (!MillraceError.is(error, 'STORAGE_CONFLICT') || !error.details.key.startsWith(`models/${name}/log/`)) throw error
      const attempts = this.#reader.shared.attempts ?? 100
      throw new MillraceError('REGISTRY_BUSY', {
        message: `Expected to change model "${name}" within ${attempts} attempts. Received other writers' changes first at each.`,
        details: { name, attempts },
        cause: error,
      })
    }
  }
}
