import { MillraceError } from '../../core/error.ts'
import type { SignalOption } from './connection.ts'
import { assertModelName, ownPrefix } from './names.ts'
import type { VersionStore } from './version-store.ts'
import type { ServerModel, ServerVersion } from './wire.ts'

const deletionPrefix: string = `${ownPrefix}deleted.`

/** Finds versions, and says of one that is not there whether it ever was: MLflow answers the same to both. */
export class VersionFinder {
  readonly #store: VersionStore

  constructor(store: VersionStore) {
    this.#store = store
  }

  /** @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`. */
  async version(name: string, version: number, options: SignalOption): Promise<ServerVersion> {
    const found = await this.#store.version(assertModelName(name), version, options)
    if (found === undefined) throw await this.notFound(name, version, options)
    return found
  }

  /** Numbers are given in their order, so one that is not above another was there. */
  async notFound(name: string, version: number, options: SignalOption): Promise<MillraceError> {
    const model = await this.#store.model(name, options)
    const newest = Math.max(model?.newestVersion ?? 0, ...deletionsOf(model))
    if (Number.isSafeInteger(version) && version >= 1 && version <= newest) {
      return new MillraceError('VERSION_DELETED', {
        message: `Expected version ${version} of model "${name}". Received one that was deleted.`,
        details: { name, version },
      })
    }
    return new MillraceError('MODEL_NOT_FOUND', {
      message: `Expected version ${version} of model "${name}". Received ${newest === 0 ? 'a model without versions' : `versions up to ${newest}`}.`,
      details: { name, version },
    })
  }

  /**
   * Keeps the number of a version that is about to be deleted known: in a tag of the model. One tag is enough, that of the highest number, so whoever deletes takes
   * lower ones off; of two who do so at once neither takes the higher one off.
   */
  async noteDeletion(version: number, model: ServerModel, options: SignalOption): Promise<void> {
    await this.#store.tagModel(model.name, `${deletionPrefix}${version}`, '', options)
    for (const lower of deletionsOf(model).filter((deleted) => deleted < version))
      await this.#store.tagModel(model.name, `${deletionPrefix}${lower}`, null, options)
  }
}

function deletionsOf(model: ServerModel | undefined): readonly number[] {
  const tags = [...(model?.tags.keys() ?? [])].filter((tag) => tag.startsWith(deletionPrefix))
  return tags.map((tag) => Number(tag.slice(deletionPrefix.length))).filter(Number.isSafeInteger)
}
