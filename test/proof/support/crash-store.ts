import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { FileSystem } from '../../../src/storage/file/file-system.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import type { Moment, RecordedCall } from './crash-oracle.ts'
import { possibleValues } from './crash-oracle.ts'
import type { ModelledFiles } from './modelled-files.ts'

export const storeRoot = '/data/store'
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** What a crash left of a store: its values by key, and what does not work in it. */
export interface FoundStore {
  readonly values: ReadonlyMap<string, string | undefined>
  readonly problems: readonly string[]
}

/** A history of calls on stores over one modelled file system. */
export class CallHistory {
  readonly calls: RecordedCall[] = []
  readonly #files: ModelledFiles
  #order = 0

  constructor(files: ModelledFiles) {
    this.#files = files
  }

  async put(storage: FileStorage, key: string, value: string): Promise<void> {
    await this.#call({ key, kind: 'put', value }, () => storage.put(key, bytesOf(value)))
  }

  async putIfAbsent(storage: FileStorage, key: string, value: string): Promise<void> {
    await this.#call({ key, kind: 'putIfAbsent', value }, () => storage.putIfAbsent(key, bytesOf(value)))
  }

  async delete(storage: FileStorage, key: string): Promise<void> {
    await this.#call({ key, kind: 'delete', value: '' }, () => storage.delete(key))
  }

  /** Whoever was under way is dead from now on: what comes later comes after it. */
  kill(): void {
    for (const call of this.calls) call.end ??= this.#now()
  }

  /** What is wrong with what was found. */
  judge(found: FoundStore, steps: number): readonly string[] {
    const wrong = [...found.problems]
    for (const [key, value] of found.values) {
      const possible = possibleValues(this.calls, key, steps)
      if (!possible.has(value)) wrong.push(`"${key}" is ${JSON.stringify(value)}, not one of ${JSON.stringify([...possible])}`)
    }
    return wrong
  }

  async #call(call: Pick<RecordedCall, 'key' | 'kind' | 'value'>, work: () => Promise<void>): Promise<void> {
    const recorded: RecordedCall = { ...call, begin: this.#now(), end: undefined, outcome: 'unknown' }
    this.calls.push(recorded)
    try {
      await work()
      recorded.outcome = 'done'
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
      recorded.outcome = 'conflict'
    }
    recorded.end = this.#now()
  }

  #now(): Moment {
    return { order: this.#order++, steps: this.#files.steps.length }
  }
}

/** Looks at each key and at all that is listed, then uses the store as if nothing had been. */
export async function observeStore(files: ModelledFiles, keys: readonly string[]): Promise<FoundStore> {
  const values = new Map<string, string | undefined>()
  const problems: string[] = []
  try {
    const storage = await FileStorage.open(storeRoot, { files: files.files })
    problems.push(...files.paths().flatMap((path) => (path.includes('/.tmp-') ? [`the temporary ${path} was not swept`] : [])))
    for (const key of keys) values.set(key, await stateOf(storage, key))
    const there = keys.filter((key) => values.get(key) !== undefined)
    const listed = await keysOf(storage)
    if (listed.join() !== [...there].sort().join()) problems.push(`it lists ${listed.join()}, and has ${there.join()}`)
    // Those that are there first: each is gone afterwards, and a key may lie where the folder of another was.
    const inOrder = [...there, ...keys.filter((key) => values.get(key) === undefined)]
    for (const key of inOrder) problems.push(...(await useOf(storage, key, values.get(key))))
    if ((await keysOf(storage)).length > 0) problems.push('all was deleted, and something is listed')
  } catch (error) {
    problems.push(`it does not work: ${String(error)}`)
  }
  return { values, problems }
}

async function useOf(storage: FileStorage, key: string, value: string | undefined): Promise<string[]> {
  const steps: string[] = []
  const created = await outcomeOf(storage.putIfAbsent(key, bytesOf('made')))
  if (created !== (value === undefined ? 'done' : 'STORAGE_CONFLICT')) steps.push(`putIfAbsent over ${value} gave ${created}`)
  if ((await stateOf(storage, key)) !== (value ?? 'made')) steps.push('putIfAbsent left something else')
  await storage.put(key, bytesOf('over'))
  if ((await stateOf(storage, key)) !== 'over') steps.push('put left something else')
  await storage.delete(key)
  if ((await stateOf(storage, key)) !== undefined) steps.push('delete left something')
  return steps.map((step) => `"${key}": ${step}`)
}

export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    if (MillraceError.is(error)) return error.code
    throw error
  }
}

async function stateOf(storage: FileStorage, key: string): Promise<string | undefined> {
  const object = await storage.get(key)
  return object === undefined ? undefined : textOf(object.bytes)
}

async function keysOf(storage: FileStorage): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list('')) keys.push(key)
  return keys
}

/** The file system for one of several processes, which take turns as the seed says. */
export function interleaved(files: ModelledFiles, seed: string): FileSystem {
  const random = createRandom(seed)
  return files.filesFor(async () => {
    for (let turns = random.int(12); turns > 0; turns--) await Promise.resolve()
  })
}

/** The file system for a process that is killed before its operation of this number; `killed` resolves then. */
export function killedBefore(files: ModelledFiles, operation: number): { readonly files: FileSystem; readonly killed: Promise<'killed'> } {
  let kill: (value: 'killed') => void = () => {}
  const killed = new Promise<'killed'>((resolve) => {
    kill = resolve
  })
  let operations = 0
  const turn = (): Promise<void> | undefined => {
    operations++
    if (operations < operation) return undefined
    kill('killed')
    return new Promise(() => {})
  }
  return { files: files.filesFor(turn), killed }
}
