import { MillraceError } from 'millrace/core'
import { cacheReferences, openCache, Pipeline } from 'millrace/pipeline'
import { blobKey, collectBlobs, MemoryStorage, putBlob } from 'millrace/storage'
import { FakeClock } from 'millrace/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { cacheEntryKey, encodeCacheEntry } from '../../../src/pipeline/cache-entry.ts'
import { settle } from './support/instant-clock.ts'
import { contentOf, copyOf, DyingStorage, keysOf } from './support/runs.ts'
import { counted, deferred, rejectionOf, runFailure, stage } from './support/stages.ts'

const dayMs = 86_400_000

let clock: FakeClock
let storage: MemoryStorage
beforeEach(() => {
  clock = new FakeClock()
  storage = new MemoryStorage({ clock })
})

const later = (ms: number): void => clock.setNow(clock.now() + ms)
const entriesIn = async (from: MemoryStorage = storage): Promise<number> =>
  (await keysOf(from, 'cache')).filter((key) => /^cache\/[0-9a-f]{2}\//.test(key)).length

/** One stage that makes an array of its own. */
const arrayOf = (value: number, length = 100): Pipeline<void, Float64Array> =>
  new Pipeline(`p${value}`).pipe(stage('numbers', () => new Float64Array(length).fill(value), { parameters: { value, length } }))

describe('the size of the cache', () => {
  it('is nothing in an empty storage', async () => {
    expect(await openCache(storage).size()).toEqual({ entries: 0, sizeBytes: 0 })
  })

  it('counts entries, and the blobs that they need once', async () => {
    const shared = new Pipeline('shared')
      .pipe(stage('numbers', () => new Float64Array(1000)))
      .pipe(stage('both', (value: Float64Array) => ({ value, again: value })))
    await shared.run({ storage })
    let entryBytes = 0
    for await (const { key, sizeBytes } of storage.list('cache')) if (!key.startsWith('cache/last')) entryBytes += sizeBytes
    expect(await openCache(storage).size()).toEqual({ entries: 2, sizeBytes: entryBytes + 8000 })
  })

  it('counts a large blob with its chunks', async () => {
    const length = 9 * 1024 * 1024
    await new Pipeline('large').pipe(stage('bytes', () => new Uint8Array(length).fill(3))).run({ storage })
    const { sizeBytes } = await openCache(storage).size()
    expect(sizeBytes).toBeGreaterThan(length)
    expect(sizeBytes).toBeLessThan(length + 10_000)
  })

  it('lets an entry go whose large blob has a damaged list, which until then keeps blobs from being collected', async () => {
    await new Pipeline('large').pipe(stage('bytes', () => new Uint8Array(9 * 1024 * 1024).fill(3))).run({ storage, clock })
    const [list] = (await keysOf(storage, 'blobs')).filter((key) => key.endsWith('.chunks'))
    await storage.put(list as string, new Uint8Array(0))
    later(2 * dayMs)
    const collect = () => collectBlobs(storage, { references: [cacheReferences(storage)], clock })
    expect(MillraceError.is(await rejectionOf(collect()), 'STORAGE_CORRUPT')).toBe(true)
    expect((await openCache(storage).collect({ maxBytes: 0 })).collected.entries).toBe(1)
    expect((await collect()).collected.blobs).toBe(3)
  })
})

describe('collecting the cache', () => {
  it('lets go what was not used for the longest time until the rest fits', async () => {
    for (const value of [1, 2, 3, 4]) {
      await arrayOf(value).run({ storage, clock })
      later(60_000)
    }
    const cache = openCache(storage)
    const { sizeBytes } = await cache.size()
    const report = await cache.collect({ maxBytes: sizeBytes / 2 })
    expect(report.collected.entries).toBe(2)
    expect(report.found).toEqual({ entries: 4, sizeBytes })
    expect(await cache.size()).toEqual({ entries: 2, sizeBytes: sizeBytes - report.collected.sizeBytes })
    const outcomes: string[] = []
    for (const value of [1, 2, 3, 4]) outcomes.push(`${(await arrayOf(value).run({ storage, clock })).record.stages[0]?.outcome}`)
    expect(outcomes).toEqual(['succeeded', 'succeeded', 'cached', 'cached'])
  })

  it('counts a hit that is more than a day after the last as use', async () => {
    await arrayOf(1).run({ storage, clock })
    later(60_000)
    await arrayOf(2).run({ storage, clock })
    later(2 * dayMs)
    await arrayOf(1).run({ storage, clock })
    later(60_000)
    expect((await openCache(storage).collect({ maxAgeMs: dayMs })).collected.entries).toBe(1)
    expect((await arrayOf(1).run({ storage, clock })).record.stages[0]?.outcome).toBe('cached')
    expect((await arrayOf(2).run({ storage, clock })).record.stages[0]?.reason).toBe('stored output is missing')
  })

  it('says of items of a map whose outputs were collected no more than it knows', async () => {
    const pipeline = (items: number[]) =>
      new Pipeline('p').pipe(stage('list', () => items, { parameters: { items } })).map(stage('double', (value: number) => value * 2))
    await pipeline([1, 2]).run({ storage, clock })
    expect((await pipeline([1, 3]).run({ storage, clock })).record.stages[1]?.reason).toBe('input changed')
    later(2 * dayMs)
    await openCache(storage).collect({ maxAgeMs: dayMs })
    expect((await pipeline([1, 3]).run({ storage, clock })).record.stages[1]?.reason).toBe('no stored output for this input')
  })

  it('only tells what would go in a dry run', async () => {
    await arrayOf(1).run({ storage, clock })
    later(2 * dayMs)
    const before = await contentOf(storage)
    const report = await openCache(storage).collect({ maxBytes: 0, dryRun: true, clock })
    expect(report).toMatchObject({ dryRun: true, collected: { entries: 1 }, held: 0 })
    expect(report.collected).toEqual(report.found)
    expect(await contentOf(storage)).toEqual(before)
  })

  it('goes by the clock of the storage, not of the host', async () => {
    await arrayOf(1).run({ storage, clock })
    const ahead = new FakeClock({ now: clock.now() + 100 * dayMs })
    expect((await openCache(storage).collect({ maxAgeMs: dayMs, clock: ahead })).collected.entries).toBe(0)
  })

  it('frees the blobs for the collection of blobs, and only those that nothing else needs', async () => {
    await arrayOf(1).run({ storage, clock })
    const mine = await putBlob(storage, new Uint8Array(new Float64Array(100).fill(2).buffer))
    await arrayOf(2).run({ storage, clock })
    later(2 * dayMs)
    const references = [
      cacheReferences(storage),
      {
        name: 'mine',
        async *references() {
          yield mine
        },
      },
    ]
    expect((await collectBlobs(storage, { references, olderThanMs: 0, clock })).collected.blobs).toBe(0)
    await openCache(storage).collect({ maxBytes: 0 })
    expect((await collectBlobs(storage, { references, olderThanMs: 0, clock })).collected.blobs).toBe(1)
    expect(await storage.get(blobKey(mine))).toBeDefined()
  })

  it('refuses limits that make no sense', async () => {
    const cache = openCache(storage)
    for (const limits of [{}, { maxBytes: -1 }, { maxAgeMs: Number.NaN }, { maxBytes: 1, abandonedAfterMs: -1 }])
      expect(MillraceError.is(await rejectionOf(cache.collect(limits)), 'ARGUMENT_INVALID')).toBe(true)
  })

  it.each([
    ['maxBytes', { maxBytes: null }],
    ['maxBytes', { maxBytes: '' }],
    ['maxBytes', { maxBytes: '5' }],
    ['maxBytes', { maxBytes: [] }],
    ['maxBytes', { maxBytes: true }],
    ['maxAgeMs', { maxAgeMs: null }],
    ['maxAgeMs', { maxAgeMs: new Date(0) }],
    ['abandonedAfterMs', { maxBytes: 1, abandonedAfterMs: null }],
    ['dryRun', { maxBytes: 0, dryRun: 'no' }],
    ['dryRun', { maxBytes: 0, dryRun: 0 }],
    ['maxBytes', {}],
    ['options', undefined],
    ['options', null],
    ['options', 5],
  ])('takes nothing for a limit that is none, and lets nothing go: %s of %j', async (argument, options) => {
    await arrayOf(1).run({ storage, clock })
    later(2 * dayMs)
    const before = await contentOf(storage)
    const collect = openCache(storage).collect as (options: unknown) => Promise<unknown>
    const error = await rejectionOf(collect(options))
    expect(MillraceError.is(error, 'ARGUMENT_INVALID') && error.details.argument).toBe(argument)
    expect(await contentOf(storage)).toEqual(before)
  })

  it('stops when aborted', async () => {
    await arrayOf(1).run({ storage, clock })
    await expect(openCache(storage).collect({ maxBytes: 0, signal: AbortSignal.abort('stop') })).rejects.toBe('stop')
    expect(await entriesIn()).toBe(1)
  })

  it('collects a corrupt entry like any other, and touches nothing of a newer version', async () => {
    await arrayOf(1).run({ storage, clock })
    const [key] = (await keysOf(storage, 'cache')).filter((each) => !each.startsWith('cache/last'))
    await storage.put(key as string, Uint8Array.of(1, 2, 3))
    later(2 * dayMs)
    expect((await openCache(storage).collect({ maxBytes: 0 })).collected.entries).toBe(1)
    const { digestOfJson } = await import('millrace/core')
    const newer = { format: 'millrace-cache-entry', formatVersion: 9, minReaderVersion: 9 }
    await storage.put(key as string, new TextEncoder().encode(JSON.stringify({ ...newer, checksum: digestOfJson(newer) })))
    expect(MillraceError.is(await rejectionOf(openCache(storage).collect({ maxBytes: 0 })), 'FORMAT_UNSUPPORTED')).toBe(true)
    const references = cacheReferences(storage)
    const error = await rejectionOf(collectBlobs(storage, { references: [references], olderThanMs: 0 }))
    expect(MillraceError.is(error, 'FORMAT_UNSUPPORTED')).toBe(true)
  })
})

describe('what a run in progress needs', () => {
  /** Runs until the second stage waits. */
  async function inProgress(from: MemoryStorage = storage, options: { readonly leaseMs?: number } = {}) {
    const begun = deferred()
    const end = deferred()
    const numbers = counted('numbers', () => new Float64Array(100).fill(7))
    const pipeline = new Pipeline('p').pipe(numbers.stage).pipe(
      stage('slow', async (value: Float64Array) => {
        begun.resolve()
        await end.promise
        return value.length
      }),
    )
    const run = pipeline.run({ storage: from, clock, id: 'r', ...options })
    await begun.promise
    await settle()
    return { run, end, numbers, pipeline }
  }

  it('stays: the entries that it made, and those that it took', async () => {
    await new Pipeline('other').pipe(stage('numbers', () => new Float64Array(100).fill(7))).run({ storage, clock })
    await arrayOf(1).run({ storage, clock })
    later(2 * dayMs)
    const { run, end, numbers } = await inProgress()
    later(2 * dayMs)
    await arrayOf(2).run({ storage, clock })
    later(2 * dayMs)
    const report = await openCache(storage).collect({ maxBytes: 0 })
    // That of the other pipeline is the same stage, and so the one that the run took; the newer one may be about to be taken.
    expect(report).toMatchObject({ found: { entries: 3 }, collected: { entries: 1 }, held: 2 })
    end.resolve()
    expect((await run).output).toBe(100)
    expect(numbers.runs()).toBe(0)
    later(2 * dayMs)
    expect((await openCache(storage).collect({ maxBytes: 0 })).held).toBe(0)
    expect(await keysOf(storage, 'runs-open')).toEqual([])
  })

  it('stays for a while when its process died, and so it can be resumed', async () => {
    const dying = new DyingStorage({ clock })
    const { numbers } = await inProgress(dying)
    dying.isDead = true
    const dead = await copyOf(dying, () => true, clock)
    later(2 * dayMs)
    expect((await openCache(dead).collect({ maxBytes: 0 })).collected.entries).toBe(0)
    later(6 * dayMs)
    expect((await openCache(dead).collect({ maxBytes: 0 })).collected.entries).toBe(1)
    expect(await keysOf(dead, 'runs-open')).toEqual([])
    expect(numbers.runs()).toBe(1)
  })

  it.each([0, 1, 5000])('stays until its lease is over, where what is abandoned is let go after %i ms', async (abandonedAfterMs) => {
    const { run, end, numbers, pipeline } = await inProgress(storage, { leaseMs: 60_000 })
    for (let beat = 0; beat < 3; beat++) {
      // A moment before the next beat.
      later(59_000)
      expect(await openCache(storage).collect({ maxBytes: 0, abandonedAfterMs })).toMatchObject({ collected: { entries: 0 }, held: 1 })
      expect(await keysOf(storage, 'runs-open/r')).toHaveLength(1)
      await clock.advance(15_000)
      await settle()
    }
    later(60_001)
    const copy = await copyOf(storage, () => true, clock)
    end.resolve()
    await run
    expect((await pipeline.run({ storage, clock, resume: 'r' })).output).toBe(100)
    expect(numbers.runs()).toBe(1)
    // One that shows no life for so long is taken for dead.
    later(60_001)
    expect((await openCache(copy).collect({ maxBytes: 0, abandonedAfterMs })).collected.entries).toBe(1)
    expect(await keysOf(copy, 'runs-open/r')).toEqual([])
  })

  it('stays for the lease that runs have by default where its marker is damaged', async () => {
    const { run, end } = await inProgress()
    await storage.put('runs-open/r/0000000000000001', Uint8Array.of(1))
    later(9000)
    expect((await openCache(storage).collect({ maxBytes: 0, abandonedAfterMs: 0 })).held).toBe(1)
    end.resolve()
    await run
  })

  it('stays for as long as its heart beats', async () => {
    const { run, end } = await inProgress()
    for (let day = 0; day < 20; day++) {
      later(dayMs)
      await clock.advance(2500)
      await settle()
    }
    expect((await openCache(storage).collect({ maxBytes: 0 })).collected.entries).toBe(0)
    end.resolve()
    await run
  })

  it('stays for a run that failed, so that it can be resumed, but holds nothing else', async () => {
    let isBroken = true
    const numbers = counted('numbers', () => new Float64Array(100).fill(7))
    const effect = counted('effect', (value: Float64Array) => Float64Array.from(value, (each) => each + 1), { effect: true })
    const pipeline = new Pipeline('p')
      .pipe(numbers.stage)
      .pipe(effect.stage)
      .pipe(
        stage('end', (value: Float64Array) => {
          if (isBroken) throw new Error('not yet')
          return value[0]
        }),
      )
    await runFailure(pipeline.run({ storage, clock, id: 'r' }))
    await arrayOf(2).run({ storage, clock })
    later(2 * dayMs)
    expect(await openCache(storage).collect({ maxBytes: 0 })).toMatchObject({ collected: { entries: 1 }, held: 1 })
    expect((await collectBlobs(storage, { references: [cacheReferences(storage)], olderThanMs: 0, clock })).collected.blobs).toBe(1)
    isBroken = false
    expect((await pipeline.run({ storage, clock, resume: 'r' })).output).toBe(8)
    expect([numbers.runs(), effect.runs()]).toEqual([1, 1])
    later(dayMs)
    await openCache(storage).collect({ maxBytes: 0 })
    expect((await collectBlobs(storage, { references: [cacheReferences(storage)], olderThanMs: 0, clock })).found.blobs).toBe(2)
    expect((await collectBlobs(storage, { references: [cacheReferences(storage)], olderThanMs: 0, clock })).found.blobs).toBe(0)
  })

  it('keeps the blobs of an entry that it took in the moment in which the entry was collected', async () => {
    await arrayOf(1).run({ storage, clock })
    later(2 * dayMs)
    // The run takes the output; its journal is read before that and the entry deleted after it.
    const collecting = deferred()
    const taken = deferred()
    class RacingStorage extends MemoryStorage {
      override async delete(...call: Parameters<MemoryStorage['delete']>): Promise<void> {
        if (/^cache\/[0-9a-f]{2}\//.test(call[0])) {
          collecting.resolve()
          await taken.promise
        }
        await storage.delete(...call)
      }
      override get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
        return storage.get(...call)
      }
      override put(...call: Parameters<MemoryStorage['put']>): Promise<void> {
        return storage.put(...call)
      }
      override list(...call: Parameters<MemoryStorage['list']>): ReturnType<MemoryStorage['list']> {
        return storage.list(...call)
      }
    }
    const collection = openCache(new RacingStorage()).collect({ maxBytes: 0 })
    await collecting.promise
    later(1)
    const end = deferred()
    const pipeline = arrayOf(1).pipe(
      stage('slow', async (value: Float64Array) => {
        await end.promise
        return value
      }),
    )
    const run = pipeline.run({ storage, clock })
    await settle()
    later(1)
    taken.resolve()
    expect((await collection).collected.entries).toBe(1)
    expect(await entriesIn()).toBe(0)
    const references = [cacheReferences(storage)]
    later(2 * dayMs)
    expect((await collectBlobs(storage, { references, olderThanMs: 0, clock })).collected.blobs).toBe(0)
    end.resolve()
    expect((await run).output).toHaveLength(100)
    later(1)
    // The array is the output of `slow` too, which is in the cache now.
    await openCache(storage).collect({ maxAgeMs: 0 })
    later(1)
    await openCache(storage).collect({ maxAgeMs: 0 })
    expect(await keysOf(storage, 'cache-retired')).toEqual([])
    expect((await collectBlobs(storage, { references, olderThanMs: 0, clock })).collected.blobs).toBe(1)
  })

  it('names the blobs of an entry at every moment in which the entry goes', async () => {
    for (const value of [1, 2]) await arrayOf(value).run({ storage, clock })
    later(2 * dayMs)
    const { end, run } = await inProgress()
    const names = async (): Promise<number> => {
      const named = new Set<string>()
      for await (const digest of cacheReferences(storage).references({})) named.add(digest)
      return named.size
    }
    const before = await names()
    const counts: number[] = []
    class WatchedStorage extends MemoryStorage {
      override async delete(...call: Parameters<MemoryStorage['delete']>): Promise<void> {
        counts.push(await names())
        await storage.delete(...call)
        counts.push(await names())
      }
      override get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
        return storage.get(...call)
      }
      override async put(...call: Parameters<MemoryStorage['put']>): Promise<void> {
        await storage.put(...call)
        counts.push(await names())
      }
      override list(...call: Parameters<MemoryStorage['list']>): ReturnType<MemoryStorage['list']> {
        return storage.list(...call)
      }
    }
    expect((await openCache(new WatchedStorage()).collect({ maxBytes: 0 })).collected.entries).toBe(2)
    expect(counts.length).toBeGreaterThan(3)
    for (const count of counts) expect(count).toBe(before)
    end.resolve()
    await run
  })

  it('keeps the blobs of an output that another took the place of', async () => {
    let value = 1
    const unstable = stage('unstable', () => new Float64Array(50).fill(value))
    const end = deferred()
    const slow = new Pipeline('slow').pipe(unstable).pipe(
      stage('wait', async (array: Float64Array) => {
        await end.promise
        return array[0]
      }),
    )
    const run = slow.run({ storage, clock })
    await settle()
    value = 2
    await new Pipeline('fast').pipe(unstable).run({ storage, clock, force: ['unstable'] })
    later(2 * dayMs)
    expect((await collectBlobs(storage, { references: [cacheReferences(storage)], olderThanMs: 0, clock })).collected.blobs).toBe(0)
    end.resolve()
    expect((await run).output).toBe(1)
  })
})

describe('an output that is too large', () => {
  it('is not kept, and both the event and the next miss say so', async () => {
    const events: unknown[] = []
    const text = counted('text', () => 'x'.repeat(10_000))
    const pipeline = new Pipeline('p').pipe(text.stage).pipe(stage('length', (value: string) => value.length))
    await pipeline.run({ storage, maxEntryBytes: 5000, onEvent: (event) => void events.push(event) })
    expect(events).toContainEqual(expect.objectContaining({ type: 'stage-succeeded', stage: 'text', tooLargeBytes: expect.any(Number) }))
    expect(await entriesIn()).toBe(1)
    const again = await pipeline.run({ storage, maxEntryBytes: 5000 })
    expect(again.record.stages.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([
      'succeeded: output was too large to keep',
      'cached: unchanged',
    ])
    expect(text.runs()).toBe(2)
  })

  it('keeps its blobs while the run is in progress', async () => {
    const end = deferred()
    const pipeline = new Pipeline('p').pipe(stage('both', () => ({ text: 'x'.repeat(10_000), array: new Float64Array(10) }))).pipe(
      stage('wait', async (value: { text: string; array: Float64Array }) => {
        await end.promise
        return value.array.length
      }),
    )
    const run = pipeline.run({ storage, clock, maxEntryBytes: 5000 })
    await settle()
    later(2 * dayMs)
    expect((await collectBlobs(storage, { references: [cacheReferences(storage)], olderThanMs: 0, clock })).collected.blobs).toBe(0)
    end.resolve()
    await run
    expect((await collectBlobs(storage, { references: [cacheReferences(storage)], olderThanMs: 0, clock })).collected.blobs).toBe(1)
  })
})

describe('two runs that share a cache', () => {
  it('are both right when they compute one key at once', async () => {
    const gate = deferred()
    let runs = 0
    const slow = stage('slow', async () => {
      runs++
      await gate.promise
      return Float64Array.of(1, 2, 3)
    })
    const pipeline = (name: string) =>
      new Pipeline(name).pipe(slow).pipe(stage('sum', (value: Float64Array) => value.reduce((sum, each) => sum + each, 0)))
    const both = [pipeline('a').run({ storage }), pipeline('b').run({ storage })]
    await settle()
    gate.resolve()
    const [a, b] = await Promise.all(both)
    expect(runs).toBe(2)
    expect([a?.output, b?.output]).toEqual([6, 6])
    expect(a?.record.stages.map(({ outputDigest }) => outputDigest)).toEqual(b?.record.stages.map(({ outputDigest }) => outputDigest))
    expect((await pipeline('c').run({ storage })).record.stages.map(({ outcome }) => outcome)).toEqual(['cached', 'cached'])
  })

  it('are each true to themselves when what they compute at once is not the same', async () => {
    const gates = [deferred(), deferred()]
    let serial = 0
    const unstable = stage('unstable', async () => {
      const own = serial++
      await gates[own]?.promise
      return Float64Array.of(own)
    })
    const pipeline = new Pipeline('p').pipe(unstable).pipe(stage('first', (value: Float64Array) => value[0]))
    const both = [pipeline.run({ storage }), pipeline.run({ storage })]
    await settle()
    for (const gate of gates) gate.resolve()
    const runs = await Promise.all(both)
    expect(runs.map(({ output }) => output)).toEqual([0, 1])
    for (const { output, record } of runs) {
      const alone = await new Pipeline('q').pipe(stage('first', () => output)).run({})
      expect(record.stages[1]?.outputDigest).toBe(alone.record.stages[0]?.outputDigest)
    }
  })
})

describe('references of the cache', () => {
  it('name blobs of entries whose codec nobody has any more', async () => {
    const blob = await putBlob(storage, Uint8Array.of(9))
    const key = '0'.repeat(64)
    const entry = { key, stage: 's', version: '1', codec: 'gone@1', stored: { any: 'thing' }, digest: key, blobs: [blob] }
    await storage.put(
      cacheEntryKey(key),
      encodeCacheEntry({ ...entry, metrics: {}, artifacts: [], runId: 'r', createdAt: 0, usedAt: 0, seed: null }),
    )
    const named: string[] = []
    for await (const digest of cacheReferences(storage).references({})) named.push(digest)
    expect(named).toEqual([blob])
  })
})
