import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { IndexedEntry } from '../../../src/registry/log-index.ts'
import { findIndexed, indexNodes, versionKey } from '../../../src/registry/log-index.ts'

/** A log of indexed entries, some of its generations without a key. */
class IndexedLog {
  readonly entries = new Map<number, IndexedEntry>()
  root: number | null = null
  generation = 0
  loads = 0

  load = async (generation: number): Promise<IndexedEntry> => {
    this.loads++
    return this.entries.get(generation) ?? expect.unreachable()
  }

  async add(key: string): Promise<number> {
    const nodes = await indexNodes(this.root, key, this.load)
    this.generation++
    this.entries.set(this.generation, { generation: this.generation, key, nodes })
    this.root = this.generation
    return this.generation
  }

  find(key: string): Promise<IndexedEntry | undefined> {
    return findIndexed(this.root, key, this.load)
  }
}

describe('an index in the entries of a log', () => {
  test('finds the newest entry of each key, and nothing for others, as a map would', async () => {
    // Few digits, so that keys share their beginnings.
    const key = fc.string({ unit: fc.constantFrom('0', '1', 'f'), minLength: 6, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(key, { nil: undefined, freq: 6 }), { maxLength: 60 }), fc.array(key), async (keys, others) => {
        const log = new IndexedLog()
        const map = new Map<string, number>()
        for (const next of keys) {
          // An entry of another kind.
          if (next === undefined) log.generation++
          else map.set(next, await log.add(next))
        }
        for (const wanted of [...map.keys(), ...others]) expect((await log.find(wanted))?.generation).toBe(map.get(wanted))
      }),
      { numRuns: 300 },
    )
  })

  test('still finds what was there at an earlier root', async () => {
    const log = new IndexedLog()
    const roots: number[] = []
    for (let version = 1; version <= 50; version++) roots.push(await log.add(versionKey(version)))
    for (const [index, root] of roots.entries()) {
      expect(await findIndexed(root, versionKey(index + 1), log.load)).toMatchObject({ generation: index + 1 })
      expect(await findIndexed(root, versionKey(index + 2), log.load)).toBeUndefined()
    }
  })

  test('of 10,000 keys is a few nodes deep, in look-ups and in what an entry holds', async () => {
    const log = new IndexedLog()
    let largest = 0
    for (let version = 1; version <= 10_000; version++) {
      await log.add(versionKey(version))
      largest = Math.max(largest, log.entries.get(version)?.nodes.length ?? 0)
    }
    expect(largest).toBe(4)
    log.loads = 0
    for (let version = 1; version <= 10_000; version += 97) expect((await log.find(versionKey(version)))?.generation).toBe(version)
    expect(log.loads).toBeLessThanOrEqual(104 * 5)
    expect(await log.find(versionKey(10_001))).toBeUndefined()
  })

  test('tells versions apart up to the largest number there is', () => {
    const versions = [1, 15, 16, 17, 255, 256, 2 ** 32, Number.MAX_SAFE_INTEGER]
    expect(new Set(versions.map(versionKey)).size).toBe(versions.length)
    expect(new Set(versions.map((version) => versionKey(version).length)).size).toBe(1)
  })
})
