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
  let before: { readonly model: ServerModel | undefined } | undefined
  let failures = 0
  while (true) {
    throwIfAborted(signal)
    try {
      const model = await store.model(name, io)
      const events =
        before === undefined ? [] : await changesOf(store, name, alias, { before: before.model, now: model, time: clock.now() }, io)
      before = { model }
      failures = 0
      yield* events
    } catch (error) {
      if (!isTransient(error)) throw error
      failures += 1
    }
    await clock.sleep(failures === 0 ? intervalMs : Math.max(intervalMs, Math.min(longestDelayMs, intervalMs * 2 ** failures)), signal)
  }
}

async function changesOf(
  store: VersionStore,
  name: string,
  alias: string,
  looks: { readonly before: ServerModel | undefined; readonly now: ServerModel | undefined; readonly time: number },
  options: { readonly signal?: AbortSignal },
): Promise<readonly RegistryEvent[]> {
  const { before, now, time } = looks
  const events: RegistryEvent[] = []
  const last = before?.newestVersion ?? 0
  if ((now?.newestVersion ?? 0) > last) {
    for await (const { version, createdAt } of store.versions(name, last, options))
      events.push({ type: 'version-registered', name, time: createdAt, version })
  }
  const from = before?.aliases.get(alias) ?? null
  const to = now?.aliases.get(alias) ?? null
  if (from !== to) {
    const { reason, by } = now === undefined || to === null ? { reason: null, by: null } : aliasNoteOf(now, alias)
    events.push({ type: 'alias-moved', name, time, alias, from, to, reason, by })
  }
  return events
}
