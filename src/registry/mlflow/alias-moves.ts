import { MillraceError } from '../../core/error.ts'
import type { LogTarget } from '../../log/log-target.ts'
import type { SetAliasOptions } from '../../model/model-registry.ts'
import { accountOf } from '../names.ts'
import { aliasNoteTag } from './alias-notes.ts'
import { assertAlias, assertModelName } from './names.ts'
import type { VersionFinder } from './version-finder.ts'
import type { VersionStore } from './version-store.ts'
import type { ServerModel } from './wire.ts'

/** Moves of aliases. What is expected of an alias is compared with what was read before the move: MLflow has no way to do both at once. */
export class AliasMoves {
  readonly #store: VersionStore
  readonly #finder: VersionFinder
  readonly #logger: LogTarget | undefined

  constructor(store: VersionStore, finder: VersionFinder, logger: LogTarget | undefined) {
    this.#store = store
    this.#finder = finder
    this.#logger = logger
  }

  async set(name: string, alias: string, version: number, options: SetAliasOptions): Promise<void> {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const account = accountOf(options)
    assertAlias(alias)
    const model = await this.#store.model(assertModelName(name), signal)
    const current = placeOf(model, { name, alias, ...options })
    if (current === version) return
    await this.#finder.version(name, version, signal)
    const tag = aliasNoteTag(alias)
    // Before the move, so that whoever sees the move sees who made it; it counts only while the alias is there.
    if (account.reason !== null || account.by !== null || model?.tags.has(tag))
      await this.#store.tagModel(name, tag, JSON.stringify({ version, ...account }), signal)
    if (!(await this.#store.setAlias(name, alias, version, signal))) throw await this.#finder.notFound(name, version, signal)
    this.#logger?.info('alias set', { model: name, alias, version, ...account })
  }

  async remove(name: string, alias: string, options: SetAliasOptions): Promise<void> {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const account = accountOf(options)
    assertAlias(alias)
    const model = await this.#store.model(assertModelName(name), signal)
    if (placeOf(model, { name, alias, ...options }) === null) return
    await this.#store.removeAlias(name, alias, signal)
    if (model?.tags.has(aliasNoteTag(alias))) await this.#store.tagModel(name, aliasNoteTag(alias), null, signal)
    this.#logger?.info('alias removed', { model: name, alias, ...account })
  }
}

/** Where the alias is, null for nowhere, if that is where the caller believes it to be. */
function placeOf(
  model: ServerModel | undefined,
  { name, alias, expectedVersion }: { readonly name: string; readonly alias: string; readonly expectedVersion?: number },
): number | null {
  const version = model?.aliases.get(alias) ?? null
  if (expectedVersion === undefined || (version ?? 0) === expectedVersion) return version
  throw new MillraceError('ALIAS_MOVED', {
    message: `Expected alias "${alias}" of model "${name}" at ${textOf(expectedVersion)}. Received it at ${textOf(version ?? 0)}.`,
    details: { name, alias, expectedVersion, version },
  })
}

function textOf(version: number): string {
  return version === 0 ? 'no version' : `version ${version}`
}
