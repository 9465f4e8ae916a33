import { MillraceError } from '../../../src/core/error.ts'
import { canonicalJson } from '../../../src/core/json.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'

/** What is read from a storage, by name: each gives something that can be compared as JSON. */
export type Readers = Readonly<Record<string, (storage: StorageAdapter) => Promise<unknown>>>

export interface FlipReport {
  /** How many bits were flipped, each alone. */
  flips: number
  /** How often each fault was the answer. */
  readonly faults: Map<string, number>
  /** What was neither the right value nor a fault that may be: a proof has none. */
  readonly wrong: string[]
}

/** Longer than anything here takes, so that what comes not to an end is told from what is slow. */
const longestMs = 20_000

/**
 * Flips one bit, chosen at random, in every `step`-th byte of each object of a storage, in a copy of it, and reads everything: each reading must
 * give what it gave before, or one of the faults.
 */
export async function flipEachByte(options: {
  readonly storage: StorageAdapter
  readonly readers: Readers
  readonly faults: readonly string[]
  readonly step: number
  /** Which objects; default all. */
  readonly keys?: (key: string) => boolean
}): Promise<FlipReport> {
  const { storage, readers, faults, step, keys = () => true } = options
  const objects = await objectsOf(storage)
  const right = new Map<string, string>()
  for (const [name, read] of Object.entries(readers)) right.set(name, textOf(await read(await storageOf(objects))))
  const report: FlipReport = { flips: 0, faults: new Map(), wrong: [] }
  for (const [key, bytes] of objects) {
    if (!keys(key)) continue
    const random = createRandom(key)
    for (let index = random.int(Math.min(step, bytes.length)); index < bytes.length; index += step) {
      const flipped = bytes.slice()
      const bit = random.int(8)
      flipped[index] = (flipped[index] ?? 0) ^ (1 << bit)
      report.flips++
      for (const [name, read] of Object.entries(readers)) {
        // A copy for each, since a reader may write.
        const outcome = await outcomeOf(read, await storageOf(objects, key, flipped))
        if (outcome === right.get(name)) continue
        if (faults.includes(outcome)) report.faults.set(outcome, (report.faults.get(outcome) ?? 0) + 1)
        else report.wrong.push(`bit ${bit} of byte ${index} of "${key}": ${name} gave ${outcome.slice(0, 500)}`)
      }
    }
  }
  return report
}

export async function objectsOf(storage: StorageAdapter): Promise<ReadonlyMap<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>()
  for await (const { key } of storage.list('')) {
    const object = await storage.get(key)
    if (object !== undefined) objects.set(key, object.bytes)
  }
  return objects
}

async function storageOf(objects: ReadonlyMap<string, Uint8Array>, changed = '', changedBytes?: Uint8Array): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  for (const [key, bytes] of objects) await storage.put(key, key === changed && changedBytes !== undefined ? changedBytes : bytes)
  return storage
}

/** The order of an object's keys says nothing. */
function textOf(value: unknown): string {
  return canonicalJson(JSON.parse(JSON.stringify(value) ?? 'null'))
}

async function outcomeOf(read: (storage: StorageAdapter) => Promise<unknown>, storage: StorageAdapter): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('no answer'), longestMs)
  })
  const answer = read(storage).then(textOf, (error: unknown) =>
    MillraceError.is(error) ? error.code : `${String(error)} ${error instanceof Error ? error.stack : ''}`,
  )
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
