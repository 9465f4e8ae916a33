import type { PipelineEvent } from 'millrace/pipeline'
import { Pipeline } from 'millrace/pipeline'
import type { Portable, StorageAdapter } from 'millrace/storage'
import { blobKey, MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { collector, counted, stage } from './support/stages.ts'

async function reasonsOf(
  pipeline: Pipeline<void, unknown>,
  storage: StorageAdapter,
  options: { force?: string[]; seed?: number } = {},
): Promise<Record<string, string>> {
  const { record } = await pipeline.run({ storage, ...options })
  return Object.fromEntries(
    record.stages.map(({ name, outcome, reason, detail }) => [name, `${outcome}: ${reason}${detail === undefined ? '' : ` (${detail})`}`]),
  )
}

interface Knobs {
  start?: number
  by?: number
  nested?: { deep: { rate: number; list: number[] } }
  version?: string
  dependency?: string
  codec?: string
  fingerprint?: string | undefined
}

/** make -> scale -> sum, each knob turning one thing. */
function pipelineOf(knobs: Knobs = {}): Pipeline<void, unknown> {
  const { start = 1, by = 2, nested = { deep: { rate: 1, list: [1] } }, version = '1', dependency = 'a', codec = '1' } = knobs
  const outside = 'fingerprint' in knobs ? knobs.fingerprint : 'same'
  const plain = {
    name: 'plain',
    version: codec,
    encode: async (value: number) => ({ stored: value, digest: String(value) }),
    decode: async (stored: unknown) => stored as number,
    blobs: async () => [],
  }
  return new Pipeline('p')
    .pipe(stage('make', () => start, { fingerprint: async () => outside, parameters: { start } }))
    .pipe(
      stage('scale', (value: number) => value * by, { version, parameters: { by, nested }, codeDependencies: [dependency], codec: plain }),
    )
    .pipe(stage('sum', (value: number) => value + 1))
}

describe('the cache', () => {
  it('takes every output from the cache when nothing changed', async () => {
    const storage = new MemoryStorage()
    expect(await reasonsOf(pipelineOf(), storage)).toEqual({
      make: 'succeeded: first run',
      scale: 'succeeded: first run',
      sum: 'succeeded: first run',
    })
    expect(await reasonsOf(pipelineOf(), storage)).toEqual({
      make: 'cached: unchanged',
      scale: 'cached: unchanged',
      sum: 'cached: unchanged',
    })
  })

  it.each<[Knobs, string]>([
    [{ by: 3 }, 'parameters changed (by)'],
    [{ nested: { deep: { rate: 2, list: [1] } } }, 'parameters changed (nested.deep.rate)'],
    [{ nested: { deep: { rate: 2, list: [2] } }, by: 5 }, 'parameters changed (by, nested.deep.list[0], nested.deep.rate)'],
    [{ nested: { deep: { rate: 1, list: [1, 2] } } }, 'parameters changed (nested.deep.list)'],
    [{ version: '2' }, 'version changed'],
    [{ dependency: 'b' }, 'code changed'],
    [{ codec: '2' }, 'codec changed'],
  ])('says of a stage with %j that its %s', async (knobs, reason) => {
    const storage = new MemoryStorage()
    await reasonsOf(pipelineOf(), storage)
    const reasons = await reasonsOf(pipelineOf(knobs), storage)
    expect(reasons.make).toBe('cached: unchanged')
    expect(reasons.scale).toBe(`succeeded: ${reason}`)
  })

  it('runs what comes after a changed output, and says that the input changed', async () => {
    const storage = new MemoryStorage()
    await reasonsOf(pipelineOf(), storage)
    expect(await reasonsOf(pipelineOf({ by: 3 }), storage)).toMatchObject({ sum: 'succeeded: input changed' })
  })

  it('stops the re-run at an output that is the same after all', async () => {
    const storage = new MemoryStorage()
    await reasonsOf(pipelineOf(), storage)
    expect(await reasonsOf(pipelineOf({ version: '2' }), storage)).toMatchObject({
      scale: 'succeeded: version changed',
      sum: 'cached: unchanged',
    })
  })

  it('runs a stage whose world outside changed, or cannot tell', async () => {
    const storage = new MemoryStorage()
    await reasonsOf(pipelineOf(), storage)
    expect(await reasonsOf(pipelineOf({ fingerprint: 'other' }), storage)).toMatchObject({
      make: 'succeeded: fingerprint changed',
      scale: 'cached: unchanged',
    })
    expect(await reasonsOf(pipelineOf({ fingerprint: undefined }), storage)).toMatchObject({
      make: 'succeeded: no fingerprint',
      scale: 'cached: unchanged',
    })
    expect(await reasonsOf(pipelineOf({ fingerprint: undefined }), storage)).toMatchObject({ make: 'succeeded: no fingerprint' })
  })

  it('stores nothing of a stage that has no fingerprint, also when it is forced', async () => {
    const storage = new MemoryStorage()
    const make = stage('make', () => 1, { fingerprint: async () => undefined })
    expect(await reasonsOf(new Pipeline('p').pipe(make), storage, { force: ['make'] })).toEqual({ make: 'succeeded: no fingerprint' })
    expect(await reasonsOf(new Pipeline('p').pipe(stage('make', () => 2)), storage)).toEqual({ make: 'succeeded: first run' })
  })

  it('says why a map of pipelines ran', async () => {
    const storage = new MemoryStorage()
    const pipeline = (by: number) =>
      new Pipeline('p')
        .pipe(stage('list', () => [1, 2]))
        .map(
          new Pipeline<number>('each')
            .pipe(stage('add', (value: number) => value + by, { parameters: { by } }))
            .pipe(stage('end', (value: number) => -value)),
        )
    await pipeline(1).run({ storage })
    expect(await reasonsOf(pipeline(2), storage)).toEqual({ list: 'cached: unchanged', each: 'succeeded: parameters changed (by)' })
  })

  it('finds an output of older parameters again, and tells the next change against those', async () => {
    const storage = new MemoryStorage()
    await reasonsOf(pipelineOf({ by: 2 }), storage)
    await reasonsOf(pipelineOf({ by: 3 }), storage)
    expect(await reasonsOf(pipelineOf({ by: 2 }), storage)).toMatchObject({ scale: 'cached: unchanged' })
    expect(await reasonsOf(pipelineOf({ by: 2, start: 9 }), storage)).toMatchObject({ scale: 'succeeded: input changed' })
  })

  it('runs what is forced, by the name of the stage or of what is around it', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p')
      .pipe(stage('one', () => 1))
      .pipe(new Pipeline<number>('inner').pipe(stage('a', (value: number) => value)).pipe(stage('b', (value: number) => value)))
    await pipeline.run({ storage })
    expect(await reasonsOf(pipeline, storage, { force: ['a'] })).toEqual({
      one: 'cached: unchanged',
      'inner/a': 'succeeded: forced',
      'inner/b': 'cached: unchanged',
    })
    expect(await reasonsOf(pipeline, storage, { force: ['inner'] })).toMatchObject({
      'inner/a': 'succeeded: forced',
      'inner/b': 'succeeded: forced',
    })
    expect(await reasonsOf(pipeline, storage, { force: ['inner/b'] })).toMatchObject({
      'inner/a': 'cached: unchanged',
      'inner/b': 'succeeded: forced',
    })
  })

  it('never takes an effect from the cache', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p').pipe(stage('publish', () => 'done', { effect: true })).pipe(stage('after', (value: string) => value))
    await pipeline.run({ storage })
    expect(await reasonsOf(pipeline, storage)).toEqual({ publish: 'succeeded: effect', after: 'cached: unchanged' })
  })

  it('does not store what an effect at the end returns, which may be anything', async () => {
    const pipeline = new Pipeline('p').pipe(stage('publish', () => new Map([['a', 1]]), { effect: true }))
    expect((await pipeline.run({})).output).toEqual(new Map([['a', 1]]))
  })

  it('runs a stage again under another seed only when it drew random numbers', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p')
      .pipe(stage('plain', () => 1))
      .pipe(stage('draw', (_: number, { random }) => random.split('a').next()))
    await pipeline.run({ storage, seed: 1 })
    expect(await reasonsOf(pipeline, storage, { seed: 2 })).toEqual({ plain: 'cached: unchanged', draw: 'succeeded: seed changed' })
    expect(await reasonsOf(pipeline, storage, { seed: 2 })).toEqual({ plain: 'cached: unchanged', draw: 'cached: unchanged' })
  })

  it('runs only the items of a map that are new', async () => {
    const storage = new MemoryStorage()
    const double = counted('double', (value: number) => value * 2)
    const pipeline = (items: number[]) => new Pipeline('p').pipe(stage('list', () => items, { parameters: { items } })).map(double.stage)
    await pipeline([1, 2, 3]).run({ storage })
    expect(double.runs()).toBe(3)
    const run = await pipeline([3, 1, 4]).run({ storage })
    expect(run.output).toEqual([6, 2, 8])
    expect(double.runs()).toBe(4)
    expect(run.record.stages[1]).toMatchObject({
      outcome: 'succeeded',
      reason: 'input changed',
      items: { total: 3, cached: 2, succeeded: 1, failed: 0 },
    })
  })

  it('says of all items of a first map that it is their first run', async () => {
    const { events, onEvent } = collector()
    await new Pipeline('p')
      .pipe(stage('list', () => [1, 2, 3]))
      .map(stage('double', (value: number) => value * 2))
      .run({ onEvent })
    const reasons = events.flatMap((event) => (event.type === 'stage-missed' && event.stage === 'double' ? [event.reason] : []))
    expect(reasons).toEqual(['first run', 'first run', 'first run'])
  })

  it('shares outputs between pipelines that hold the same stage', async () => {
    const storage = new MemoryStorage()
    const slow = counted('slow', () => 1)
    await new Pipeline('a').pipe(slow.stage).run({ storage })
    await new Pipeline('b').pipe(new Pipeline('inner').pipe(slow.stage)).run({ storage })
    expect(slow.runs()).toBe(1)
  })

  it('names the run that made the output', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p').pipe(stage('one', () => 1))
    await pipeline.run({ storage, id: 'first' })
    const { events, onEvent } = collector()
    await pipeline.run({ storage, onEvent })
    expect(events.find((event): event is Extract<PipelineEvent, { type: 'stage-cached' }> => event.type === 'stage-cached')?.from).toBe(
      'first',
    )
  })
})

describe('a stored output that is not what it was', () => {
  const numbers = (): Pipeline<void, Float64Array> => new Pipeline('p').pipe(stage('numbers', () => Float64Array.of(1, 2, 3)))

  async function keysBelow(storage: StorageAdapter, prefix: string): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of storage.list(prefix)) keys.push(key)
    return keys
  }

  async function damage(storage: StorageAdapter, key: string, offset: number): Promise<void> {
    const bytes = (await storage.get(key))?.bytes as Uint8Array
    bytes[offset] = (bytes[offset] as number) ^ 1
    await storage.put(key, bytes)
  }

  it('is made again when a blob is missing', async () => {
    const storage = new MemoryStorage()
    await numbers().run({ storage })
    for (const key of await keysBelow(storage, 'blobs')) await storage.delete(key)
    expect(await reasonsOf(numbers(), storage)).toEqual({ numbers: 'succeeded: stored output is missing' })
    expect(await reasonsOf(numbers(), storage)).toEqual({ numbers: 'cached: unchanged' })
  })

  it('is made again when a blob is corrupt, and then the blob is sound', async () => {
    const storage = new MemoryStorage()
    await numbers().run({ storage })
    const [blob] = await keysBelow(storage, 'blobs')
    await damage(storage, blob as string, 3)
    expect(await reasonsOf(numbers(), storage)).toEqual({ numbers: 'succeeded: stored output is corrupt' })
    const again = await numbers().run({ storage })
    expect(again.record.stages[0]?.outcome).toBe('cached')
    expect(again.output).toEqual(Float64Array.of(1, 2, 3))
  })

  it('is made again for every bit of the entry that is flipped', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p').pipe(stage('one', () => ({ value: 12 })))
    await pipeline.run({ storage })
    const entry = (await keysBelow(storage, 'cache')).find((key) => !key.startsWith('cache/last')) as string
    const sound = (await storage.get(entry))?.bytes as Uint8Array
    for (let offset = 0; offset < sound.length; offset += 7) {
      await storage.put(entry, sound)
      await damage(storage, entry, offset)
      const run = await pipeline.run({ storage })
      expect(run.output).toEqual({ value: 12 })
      expect(run.record.stages[0]?.reason).toBe('stored output is corrupt')
    }
  })

  it('is made again when the entry is gone', async () => {
    const storage = new MemoryStorage()
    await numbers().run({ storage })
    for (const key of await keysBelow(storage, 'cache')) if (!key.startsWith('cache/last')) await storage.delete(key)
    expect(await reasonsOf(numbers(), storage)).toEqual({ numbers: 'succeeded: stored output is missing' })
  })

  it('is a first run when what is remembered is unreadable too', async () => {
    const storage = new MemoryStorage()
    await numbers().run({ storage })
    for (const key of await keysBelow(storage, 'cache'))
      await (key.startsWith('cache/last') ? damage(storage, key, 9) : storage.delete(key))
    expect(await reasonsOf(numbers(), storage)).toEqual({ numbers: 'succeeded: first run' })
  })

  it('cannot be read when the portable that wrote it is gone', async () => {
    const storage = new MemoryStorage()
    class Celsius {
      readonly degrees: number
      constructor(degrees: number) {
        this.degrees = degrees
      }
    }
    const celsius: Portable<Celsius> = {
      kind: 'celsius',
      matches: (value): value is Celsius => value instanceof Celsius,
      encode: async (value) => ({ stored: value.degrees, digest: `celsius ${value.degrees}` }),
      decode: async (stored) => new Celsius(Number(stored)),
      blobs: async () => [],
    }
    const pipeline = (portables: Portable[]) =>
      new Pipeline('p').pipe(stage('measure', () => ({ value: new Celsius(20) as Celsius | number }), { portables }))
    await pipeline([celsius]).run({ storage })
    const cached = await pipeline([celsius]).run({ storage })
    expect(cached.record.stages[0]?.outcome).toBe('cached')
    expect(cached.output.value).toBeInstanceOf(Celsius)
    const without = new Pipeline('p').pipe(stage('measure', () => ({ value: 20 })))
    expect(await reasonsOf(without, storage)).toEqual({ measure: 'succeeded: stored output cannot be read' })
  })

  it('is verified once in a run, however many stages hold it', async () => {
    const reads = new Map<string, number>()
    class CountingStorage extends MemoryStorage {
      override get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
        reads.set(call[0], (reads.get(call[0]) ?? 0) + 1)
        return super.get(...call)
      }
    }
    const storage = new CountingStorage()
    const blobPortable: Portable<{ readonly blob: string }> = {
      kind: 'blob',
      matches: (value): value is { readonly blob: string } => typeof value === 'object' && value !== null && 'blob' in value,
      encode: async (value) => ({ stored: value.blob, digest: value.blob }),
      decode: async (stored) => ({ blob: String(stored) }),
      blobs: async (stored) => [String(stored)],
    }
    const { putBlob } = await import('millrace/storage')
    const blob = await putBlob(storage, new Uint8Array(1000))
    const keep = (name: string) => stage(name, (input: { held: { blob: string } }) => input)
    const pipeline = new Pipeline('p')
      .pipe(stage('make', () => ({ held: { blob } }), { portables: [blobPortable] }))
      .pipe(keep('a'))
      .pipe(keep('b'))
      .pipe(keep('c'))
    await pipeline.run({ storage })
    reads.clear()
    const { record } = await pipeline.run({ storage })
    expect(record.stages.every(({ outcome }) => outcome === 'cached')).toBe(true)
    expect(reads.get(blobKey(blob))).toBe(1)
  })
})

describe('a cached output', () => {
  it('has its keys in the order in which they were made', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('ordered').pipe(stage('make', () => ({ zulu: { b: 1, a: 2 }, alpha: [{ y: 1, x: 2 }] })))
    const made = await pipeline.run({ storage })
    const cached = await pipeline.run({ storage })
    expect(cached.record.stages[0]?.outcome).toBe('cached')
    expect(JSON.stringify(cached.output)).toBe(JSON.stringify(made.output))
  })
})
