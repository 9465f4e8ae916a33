import { MillraceError } from '../../core/error.ts'
import type { LogTarget } from '../../log/log-target.ts'
import { accountOf } from '../names.ts'
import type { MlflowConnection, SignalOption } from './connection.ts'
import { assertModelName, ownPrefix } from './names.ts'
import { tagRun } from './runs.ts'
import type { VersionFinder } from './version-finder.ts'
import type { VersionStore } from './version-store.ts'

/** Deletes versions; their runs stay, with who deleted the version and why. */
export class VersionDeletion {
  readonly #connection: MlflowConnection
  readonly #store: VersionStore
  readonly #finder: VersionFinder
  readonly #logger: LogTarget | undefined

  constructor(connection: MlflowConnection, store: VersionStore, finder: VersionFinder, logger: LogTarget | undefined) {
    this.#connection = connection
    this.#store = store
    this.#finder = finder
    this.#logger = logger
  }

  async delete(name: string, version: number, options: { readonly reason?: string; readonly by?: string } & SignalOption): Promise<void> {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const account = accountOf(options)
    const found = await this.#store.version(assertModelName(name), version, signal)
    const model = await this.#store.model(name, signal)
    if (found === undefined || model === undefined) {
      const fault = await this.#finder.notFound(name, version, signal)
      if (MillraceError.is(fault, 'VERSION_DELETED')) return
      throw fault
    }
    const aliases = [...model.aliases].filter(([, at]) => at === version).map(([alias]) => alias)
    if (aliases.length > 0) throw inUse(name, version, aliases)
    await this.#finder.noteDeletion(version, model, signal)
    await this.#store.deleteVersion(name, version, signal)
    const note = JSON.stringify({ model: name, version, ...account, time: this.#connection.clock.now() })
    if (found.runId !== '') await tagRun(this.#connection, found.runId, { key: `${ownPrefix}deleted`, value: note }, signal)
    this.#logger?.info('version deleted', { model: name, version, ...account })
  }
}

function inUse(name: string, version: number, aliases: readonly string[]): MillraceError<'VERSION_IN_USE'> {
  return new MillraceError('VERSION_IN_USE', {
    message: `Expected version ${version} of model "${name}" to be under no alias, to delete it. Received one under ${aliases.join(', ')}.`,
    details: { name, version, aliases },
  })
}
