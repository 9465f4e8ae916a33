import type { ListVersionsOptions, ModelVersion, VersionQuery } from '../model/model-registry.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { foldersBelow } from '../storage/folders-below.ts'
import { assertName, assertWholeNumber } from './names.ts'
import { asRegister } from './version-log.ts'
import { noNotes } from './version-notes.ts'
import { assertQuery, matchesQuery } from './version-query.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'
import { signalOf } from './version-reader.ts'

/** The versions of a model as of the moment when the iteration begins, oldest first, deleted ones left out. */
export async function* listVersions(
  reader: VersionReader,
  name: string,
  options: ListVersionsOptions,
): AsyncGenerator<ModelVersion, void, undefined> {
  const { after = 0, limit = Number.POSITIVE_INFINITY, filter } = options
  assertWholeNumber('after', after, 0)
  if (limit !== Number.POSITIVE_INFINITY) assertWholeNumber('limit', limit, 0)
  const io = signalOf(options)
  const log = reader.logOf(assertName('name', name))
  const head = await reader.head(name, io)
  const first = limit === 0 ? undefined : await log.entryOf(after + 1, head, io)
  if (first === undefined || head === undefined) return
  const noted = new NotedVersions(reader.shared.storage, name, after, io)
  let found = 0
  try {
    for await (const entry of log.log.entries({ ...io, from: first.generation, to: head.generation })) {
      const made = asRegister(entry)
      if (made === undefined || (await log.isDeleted(head.state, made.state.lastVersion, io))) continue
      const hasNotes = await noted.has(made.state.lastVersion)
      const version = hasNotes ? await reader.versionOf(name, made, io) : await reader.recordOf(name, made, noNotes, io)
      if (filter !== undefined && !filter(version)) continue
      yield version
      if (++found >= limit) return
    }
  } finally {
    await noted.close()
  }
}

/** The names of all models, sorted as storage sorts them; a model costs one listing, however long its log is. */
export async function* listModels(storage: StorageAdapter, options: SignalOption): AsyncGenerator<string, void, undefined> {
  yield* foldersBelow(storage, 'models', signalOf(options))
}

/** Versions of which all holds that the query asks, model by model. */
export async function* searchVersions(reader: VersionReader, query: VersionQuery): AsyncGenerator<ModelVersion, void, undefined> {
  assertQuery(query)
  const { name, limit = Number.POSITIVE_INFINITY } = query
  if (limit !== Number.POSITIVE_INFINITY) assertWholeNumber('limit', limit, 0)
  const io = signalOf(query)
  let left = limit
  const filter = (version: ModelVersion): boolean => matchesQuery(version, query)
  for await (const model of name === undefined ? listModels(reader.shared.storage, io) : [assertName('name', name)]) {
    if (left === 0) return
    for await (const version of listVersions(reader, model, { ...io, filter, limit: left })) {
      yield version
      left--
    }
  }
}

/** Which versions ever had notes, in one listing that is read as far as is asked, in rising order: the others need no look. */
class NotedVersions {
  readonly #prefix: string
  readonly #keys: AsyncIterator<{ readonly key: string }>
  #next: number | undefined = 0

  constructor(storage: StorageAdapter, name: string, after: number, options: SignalOption) {
    this.#prefix = `models/${name}/notes`
    const behind = after === 0 ? {} : { after: `${this.#prefix}/${String(after).padStart(16, '0')}/zz` }
    this.#keys = storage.list(this.#prefix, { ...options, ...behind })[Symbol.asyncIterator]()
  }

  async has(version: number): Promise<boolean> {
    while (this.#next !== undefined && this.#next < version) {
      const found = await this.#keys.next()
      const start = this.#prefix.length + 1
      this.#next = found.done === true ? undefined : Number(found.value.key.slice(start, start + 16))
    }
    return this.#next === version
  }

  async close(): Promise<void> {
    await this.#keys.return?.()
  }
}
