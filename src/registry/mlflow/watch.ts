import { throwIfAborted } from '../../core/abort.ts'
import type { Clock } from '../../core/clock.ts'
import { invalidArgument } from '../../core/invalid-argument.ts'
import type { RegistryEvent, WatchOptions } from '../../model/model-registry.ts'
import { aliasNoteOf } from './alias-notes.ts'
import { isTransient } from './reply.ts'
import type { VersionStore } from './version-store.ts'
import type { ServerModel } from './wire.ts'

const longestDelayMs = 30_000

/** Looks at a model again and again and tells what is other than before. A server that cannot be reached is waited for, longer each time. */
export async function* watchModel(
  store: VersionStore,
  name: string,
  alias: string,
  options: WatchOptions & { readonly clock: Clock },
): AsyncGenerator<RegistryEvent, void, undefined> {
  const { clock, intervalMs = 1000, signal } = options
  if (!(intervalMs > 0)) throw invalidArgument('intervalMs', 'a number of milliseconds above 0', String(intervalMs))
  const io = signal === undefined ? {} : { signal }
  let told: Told | undefined
  let failures = 0
  while (true) {
    throwIfAborted(signal)
    try {
      const model = await store.model(name, io)
      if (told === undefined)
        told = { modelCreatedAt: model?.createdAt, newestVersion: model?.newestVersion ?? 0, at: model?.aliases.get(alias) ?? null }
      else yield* changes(store, { name, alias, model, told, time: clock.now() }, io)
      failures = 0
    } catch (error) {
      if (!isTransient(error)) throw error
      failures += 1
    }
    await clock.sleep(failures === 0 ? intervalMs : Math.max(intervalMs, Math.min(longestDelayMs, intervalMs * 2 ** failures)), signal)
  }
}

/** What whoever watches knows by now. */
interface Told {
  /** Undefined while there is no model. */
  modelCreatedAt: number | undefined
  /** The highest number told. More than any that the model had when it was read: versions are read after it, and meanwhile others are made. */
  newestVersion: number
  /** Where the alias is. */
  at: number | null
}

/** Notes in `told` what it tells before it tells it, so that nothing is told twice when the next read fails. */
async function* changes(
  store: VersionStore,
  look: {
    readonly name: string
    readonly alias: string
    readonly model: ServerModel | undefined
    readonly told: Told
    readonly time: number
  },
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<RegistryEvent, void, undefined> {
  const { name, alias, model, told, time } = look
  // The numbers of a model that was deleted and made again begin again.
  if (model?.createdAt !== told.modelCreatedAt) {
    told.modelCreatedAt = model?.createdAt
    told.newestVersion = 0
  }
  if (model !== undefined && model.newestVersion > told.newestVersion) {
    for await (const { version, createdAt } of store.versions(name, told.newestVersion, options)) {
      told.newestVersion = version
      yield { type: 'version-registered', name, time: createdAt, version }
    }
  }
  const from = told.at
  const to = model?.aliases.get(alias) ?? null
  if (from === to) return
  told.at = to
  const { reason, by } = model === undefined || to === null ? { reason: null, by: null } : aliasNoteOf(model, alias)
  yield { type: 'alias-moved', name, time, alias, from, to, reason, by }
}
