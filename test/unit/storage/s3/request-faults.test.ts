// Each request of each operation fails once, or all from there on, in each way that a request can fail.
import { MillraceError, Registry } from 'millrace'
import type { S3StorageOptions } from 'millrace/storage/s3'
import { S3Storage } from 'millrace/storage/s3'
import { describe, expect, test } from 'vitest'
import { collect, packageNamed } from '../../registry/registry-fixtures.ts'
import { broken, FakeS3, failed, HastyClock, openOn } from './fake-s3.ts'

const row4 = 'row 4: N-th I/O fails, for every N (S3: each request): typed error; old or new state, never a mix'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const storageFaults = ['STORAGE_UNAVAILABLE', 'STORAGE_OUTCOME_UNKNOWN']

const fails: Readonly<Record<string, (apply: () => Response) => Response>> = {
  'the connection breaks before it arrives': () => broken(),
  'the connection breaks when it is applied': (apply) => {
    apply()
    return broken()
  },
  'the server cannot be connected to': () => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) })
  },
  'it is answered with 500 and not applied': () => failed(500, 'InternalError'),
  'it is answered with 500 and applied': (apply) => {
    apply()
    return failed(500, 'InternalError')
  },
  'it is answered with 503 and not applied': () => failed(503, 'ServiceUnavailable'),
  'it is answered with 503 and applied': (apply) => {
    apply()
    return failed(503, 'ServiceUnavailable')
  },
  'it is throttled': () => failed(503, 'SlowDown'),
}

interface Case {
  /** What is there before. */
  readonly before?: (storage: S3Storage) => Promise<unknown>
  readonly options?: Partial<S3StorageOptions>
  readonly order?: 'segments'
  readonly work: (storage: S3Storage, s3: FakeS3) => Promise<unknown>
  /** The states that may be after it has failed, and the last of them after it was done. */
  readonly states: readonly string[]
  readonly stateOf: (storage: S3Storage) => Promise<string>
  /** Outcomes of doing it once more, by the state that it begins with; default: done. */
  readonly again?: Readonly<Record<string, string>>
}

const textOf = async (storage: S3Storage): Promise<string> => {
  const object = await storage.get('key')
  return object === undefined ? 'absent' : new TextDecoder().decode(object.bytes)
}
const keysOf = async (storage: S3Storage): Promise<string> => (await collect(storage.list(''))).map(({ key }) => key).join()
const putOld = (storage: S3Storage): Promise<void> => storage.put('key', bytes('old'))
const putFive = async (storage: S3Storage): Promise<void> => {
  for (const key of ['a/x', 'a/y', 'a-b', 'c', 'd']) await storage.put(key, bytes(key))
}
const five = 'a-b,a/x,a/y,c,d'
const expectKeys = async (storage: S3Storage): Promise<void> => expect(await keysOf(storage)).toBe(five)

const registered = async (storage: S3Storage): Promise<void> => {
  const registry = new Registry({ storage })
  await registry.register('churn', packageNamed('first'), { idempotencyKey: 'first' })
  await registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' })
  await registry.setAlias('churn', 'champion', 1)
}
const registryOf = async (storage: S3Storage): Promise<string> => {
  const registry = new Registry({ storage })
  const versions = (await collect(registry.versions('churn'))).map(({ version }) => version)
  // Whole: each blob that it names is there.
  for (const version of versions) {
    const { manifest, blob } = await registry.load('churn', version)
    await blob(manifest.model.blobs.weights?.digest as string)
  }
  return `${versions.join()} champion@${(await registry.alias('churn', 'champion'))?.version}`
}

const cases: Readonly<Record<string, Case>> = {
  open: {
    work: async (_, s3) => {
      const storage = await S3Storage.open({
        endpoint: 'https://s3.example.test',
        bucket: 'bucket',
        credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
        fetch: s3.fetch,
        clock: new HastyClock(),
        attempts: 1,
      })
      expect([storage.capabilities.putIfAbsent, storage.listOrder]).toEqual([true, 'bytes'])
    },
    states: [''],
    stateOf: keysOf,
  },
  get: {
    before: putOld,
    work: async (storage) => expect(await textOf(storage)).toBe('old'),
    states: ['old'],
    stateOf: textOf,
  },
  'get of a range': {
    before: putOld,
    work: async (storage) => expect((await storage.get('key', { range: { start: 1, end: 3 } }))?.bytes).toEqual(bytes('ld')),
    states: ['old'],
    stateOf: textOf,
  },
  'put of a new object': { work: (storage) => storage.put('key', bytes('new')), states: ['absent', 'new'], stateOf: textOf },
  'put over another': { before: putOld, work: (storage) => storage.put('key', bytes('new')), states: ['old', 'new'], stateOf: textOf },
  'put that looks for folders': {
    options: { refuseFolderKeys: true },
    work: (storage) => storage.put('a/b/key', bytes('new')),
    states: ['', 'a/b/key'],
    stateOf: keysOf,
  },
  putIfAbsent: {
    work: (storage) => storage.putIfAbsent('key', bytes('new')),
    states: ['absent', 'new'],
    stateOf: textOf,
    again: { new: 'STORAGE_CONFLICT' },
  },
  delete: { before: putOld, work: (storage) => storage.delete('key'), states: ['old', 'absent'], stateOf: textOf },
  list: { before: putFive, work: expectKeys, states: [five], stateOf: keysOf },
  'list of a server that lists by segments': {
    before: putFive,
    options: { listOrder: 'segments' },
    order: 'segments',
    work: expectKeys,
    states: [five],
    stateOf: keysOf,
  },
  'Registry.register': {
    before: registered,
    work: (storage) => new Registry({ storage }).register('churn', packageNamed('third'), { idempotencyKey: 'third' }),
    states: ['1,2 champion@1', '1,2,3 champion@1'],
    stateOf: registryOf,
  },
  'Registry.setAlias': {
    before: registered,
    work: (storage) => new Registry({ storage }).setAlias('churn', 'champion', 2),
    states: ['1,2 champion@1', '1,2 champion@2'],
    stateOf: registryOf,
  },
}

async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    if (MillraceError.is(error)) return error.code
    throw error
  }
}

describe.each(Object.entries(cases))('%s', (name, { before, options, order, work, states, stateOf, again = {} }) => {
  // Many requests each, and what S3 makes of a fault is shown by the others.
  const isShort = !name.startsWith('Registry')
  test.each([
    ['tried once', { attempts: 1 }, false],
    ['tried again', { attempts: 3 }, false],
    ['tried again, on a server that stays away', { attempts: 3 }, true],
  ] as const)(
    `${row4} (%s)`,
    async (_, { attempts }, forGood) => {
      const seen = new Set<string>()
      // Made once and copied: each request failing in each way needs a store of its own.
      const prepared = new FakeS3()
      await before?.(await openOn(prepared))
      for (const [how, fail] of Object.entries(fails).filter(
        (_, index) => isShort || index === 1 || (!forGood && (index === 0 || index === 3)),
      )) {
        for (let index = 1; ; index++) {
          const s3 = new FakeS3()
          s3.pageSize = 2
          if (order !== undefined) s3.order = order
          for (const [key, object] of prepared.objects) s3.objects.set(key, object)
          const storage = await openOn(s3, { attempts, listOrder: 'bytes', ...options })
          let count = 0
          let failures = 0
          s3.intercept = (_, apply) => {
            count++
            if (forGood ? count < index : count !== index) return undefined
            failures++
            return fail(apply)
          }
          const outcome = await outcomeOf(() => work(storage, s3))
          s3.intercept = undefined
          const at = `request ${index}, ${how}, gave ${outcome}`
          seen.add(outcome)
          expect(['done', ...storageFaults], at).toContain(outcome)
          const state = await stateOf(storage)
          expect(outcome === 'done' ? states.slice(-1) : states, at).toContain(state)
          // What is refused for certain was not done.
          if (outcome === 'STORAGE_UNAVAILABLE') expect(state, at).toBe(states[0])
          // When all is well again, it is done or was done.
          expect(await outcomeOf(() => work(storage, s3)), at).toBe(again[state] ?? 'done')
          expect(await stateOf(storage), at).toBe(states.at(-1))
          if (failures === 0) {
            expect(outcome, at).toBe('done')
            expect(index).toBeGreaterThan(1)
            break
          }
          expect(index, 'it ends').toBeLessThan(100)
        }
      }
      // Else nothing failed.
      if (attempts === 1 || forGood) expect(seen.size).toBeGreaterThan(1)
    },
    120_000,
  )
})
