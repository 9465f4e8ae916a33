import { MillraceError } from 'millrace/core'
import type {
  ByteRange,
  SegmentStore,
  SegmentWriter,
  StorageAdapter,
  StorageCapabilities,
  StoredEntry,
  StoredObject,
} from 'millrace/storage'
import { MemoryStorage } from 'millrace/storage'
import type { ConformanceCase, StorageConformanceOptions } from 'millrace/testing'
import { FaultyStorage, failMatching, segmentStoreConformance, storageConformance } from 'millrace/testing'
import { describe, expect, test } from 'vitest'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface Options {
  readonly signal?: AbortSignal
}
type ListOptions = NonNullable<Parameters<StorageAdapter['list']>[1]>

/** The names of the cases that a storage does not pass. */
async function failuresOf(cases: readonly ConformanceCase[]): Promise<string[]> {
  const failed: string[] = []
  for (const { name, run, skip } of cases) {
    if (skip !== undefined) continue
    await run().catch(() => failed.push(name))
  }
  return failed
}

function casesFor(open: () => StorageAdapter, options: Partial<StorageConformanceOptions> = {}): readonly ConformanceCase[] {
  return storageConformance({ open: async () => open(), largeBytes: 200_000, manyKeys: 150, ...options })
}

/** Creates when it looks free, and looks first. */
class RacyStorage extends MemoryStorage {
  override async putIfAbsent(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    if ((await this.get(key)) !== undefined) return await super.putIfAbsent(key, bytes, options)
    await new Promise((resolve) => setTimeout(resolve, 1))
    await this.put(key, bytes, options)
  }
}

/** Replaces whatever is there, as a server that ignores the condition does. */
class OverwritingStorage extends MemoryStorage {
  override putIfAbsent(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    return this.put(key, bytes, options)
  }
}

/** Writes a large value in two goes. */
class TearingStorage extends MemoryStorage {
  override async put(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    if (bytes.length > 60_000) {
      await super.put(key, bytes.subarray(0, 60_000), options)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await super.put(key, bytes, options)
  }
}

/** Folders before what is beside them, as a walk of a tree gives them. */
class SegmentOrderedStorage extends MemoryStorage {
  override async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    const entries: StoredEntry[] = []
    for await (const entry of super.list(prefix, { ...(options.signal && { signal: options.signal }) })) entries.push(entry)
    const order = (key: string): string => key.replaceAll('/', '\0')
    entries.sort((left, right) => (order(left.key) < order(right.key) ? -1 : 1))
    const behind = entries.filter(({ key }) => options.after === undefined || order(key) > order(options.after))
    for (const entry of behind.slice(0, options.limit)) {
      options.signal?.throwIfAborted()
      yield entry
      options.signal?.throwIfAborted()
    }
  }
}

/** No list gives more than a hundred. */
class OnePageStorage extends MemoryStorage {
  override list(prefix: string, options: ListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    return super.list(prefix, { ...options, limit: Math.min(options.limit ?? 100, 100) })
  }
}

/** Takes `after` for the first of the next page. */
class RepeatingStorage extends MemoryStorage {
  override async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    const { after, ...others } = options
    if (after !== undefined && (prefix === '' || after.startsWith(`${prefix}/`))) {
      const object = await this.get(after)
      if (object !== undefined && options.limit !== 0) yield { key: after, sizeBytes: object.sizeBytes, modifiedAt: 1 }
    }
    yield* super.list(prefix, after === undefined ? others : options)
  }
}

class DeafStorage extends MemoryStorage {
  override get(key: string, options?: Options & { readonly range?: ByteRange }): Promise<StoredObject | undefined> {
    return super.get(key, options?.range === undefined ? {} : { range: options.range })
  }
  override put(key: string, bytes: Uint8Array): Promise<void> {
    return super.put(key, bytes)
  }
  override putIfAbsent(key: string, bytes: Uint8Array): Promise<void> {
    return super.putIfAbsent(key, bytes)
  }
  override delete(key: string): Promise<void> {
    return super.delete(key)
  }
  override list(prefix: string, { signal: _, ...options }: ListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    return super.list(prefix, options)
  }
}

/** Tells an abort in words of its own. */
class RewordingStorage extends MemoryStorage {
  override async put(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    await Promise.resolve()
    if (options?.signal?.aborted) throw new Error('the request was aborted')
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (options?.signal?.aborted) throw new Error('the request was aborted')
    await super.put(key, bytes, options)
  }
}

/** Lists what lies beside a prefix that its name begins with. */
class LooseStorage extends MemoryStorage {
  override async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    for await (const entry of super.list('', options)) if (entry.key.startsWith(prefix)) yield entry
  }
}

/** A prefix that is put in front, and never taken off again. */
class LeakingStorage implements StorageAdapter {
  readonly name = 'leaking'
  readonly capabilities: StorageCapabilities
  readonly #storage: StorageAdapter = new MemoryStorage()

  constructor() {
    this.capabilities = this.#storage.capabilities
  }
  get(key: string, options?: Options & { readonly range?: ByteRange }): Promise<StoredObject | undefined> {
    return this.#storage.get(`p/${key}`, options)
  }
  put(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    return this.#storage.put(`p/${key}`, bytes, options)
  }
  putIfAbsent(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    return this.#storage.putIfAbsent(`p/${key}`, bytes, options)
  }
  delete(key: string, options?: Options): Promise<void> {
    return this.#storage.delete(`p/${key}`, options)
  }
  list(prefix: string, options: ListOptions = {}): AsyncIterable<StoredEntry> {
    return this.#storage.list(prefix === '' ? 'p' : `p/${prefix}`, options)
  }
}

/** Hands out its own bytes and keeps the caller's. */
class SharingStorage extends MemoryStorage {
  readonly #held = new Map<string, Uint8Array>()
  override async put(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    await super.put(key, bytes, options)
    this.#held.set(key, bytes)
  }
  override async get(key: string, options: Options & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    const object = await super.get(key, options)
    const held = this.#held.get(key)
    return object && held && options.range === undefined ? { bytes: held, sizeBytes: held.length } : object
  }
}

class StrictDeleteStorage extends MemoryStorage {
  override async delete(key: string, options?: Options): Promise<void> {
    if ((await this.get(key, options)) === undefined) {
      throw new MillraceError('STORAGE_NOT_FOUND', { message: `Expected an object at "${key}". Received none.`, details: { key } })
    }
    await super.delete(key, options)
  }
}

/** Takes a key with a slash at its end for the one without. */
class RepairingStorage extends MemoryStorage {
  override get(key: string, options?: Options): Promise<StoredObject | undefined> {
    return super.get(key.replace(/\/$/, ''), options)
  }
}

/** A range that begins past the end is a fault to it, as `416` is over HTTP. */
class RangeFaultStorage extends MemoryStorage {
  override async get(key: string, options: Options & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    const object = await super.get(key, options)
    if (object !== undefined && options.range !== undefined && options.range.start >= object.sizeBytes) throw new Error('416')
    return object
  }
}

/** The time of the question instead of the time of the write. */
class AskedStorage extends MemoryStorage {
  #asked = 0
  override async *list(prefix: string, options?: ListOptions): AsyncGenerator<StoredEntry, void, undefined> {
    this.#asked++
    for await (const entry of super.list(prefix, options)) yield { ...entry, modifiedAt: 1_000_000 + this.#asked }
  }
}

/** A clock that goes back. */
function backwards(): StorageAdapter {
  let now = 1_000_000
  const clock = { now: () => now--, monotonicMs: () => 0, sleep: async () => {} }
  return new MemoryStorage({ clock })
}

/** Keys of any kind beside and below each other. */
class FlatStorage implements StorageAdapter {
  readonly name = 'flat'
  readonly capabilities: StorageCapabilities = { putIfAbsent: true, multiProcess: false, durability: 'none' }
  readonly #stores = new Map<string, MemoryStorage>()

  #storeOf(key: string): MemoryStorage {
    const depth = String(key).split('/').length
    const store = this.#stores.get(String(depth)) ?? new MemoryStorage()
    this.#stores.set(String(depth), store)
    return store
  }
  get(key: string, options?: Options & { readonly range?: ByteRange }): Promise<StoredObject | undefined> {
    return this.#storeOf(key).get(key, options)
  }
  put(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    return this.#storeOf(key).put(key, bytes, options)
  }
  putIfAbsent(key: string, bytes: Uint8Array, options?: Options): Promise<void> {
    return this.#storeOf(key).putIfAbsent(key, bytes, options)
  }
  delete(key: string, options?: Options): Promise<void> {
    return this.#storeOf(key).delete(key, options)
  }
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    const { limit, ...others } = options
    const entries: StoredEntry[] = []
    if (limit === -1) for await (const entry of new MemoryStorage().list(prefix, options)) yield entry
    for (const store of [new MemoryStorage(), ...this.#stores.values()]) {
      for await (const entry of store.list(prefix, others)) entries.push(entry)
    }
    entries.sort((left, right) => (left.key < right.key ? -1 : 1))
    for (const entry of entries.slice(0, limit)) {
      yield entry
      options.signal?.throwIfAborted()
    }
  }
}

describe('the storage suite', () => {
  test('passes a storage that is right', async () => {
    expect(await failuresOf(casesFor(() => new MemoryStorage()))).toEqual([])
  })

  test.each<readonly [string, () => StorageAdapter, readonly string[]]>([
    ['looks before it creates, and then writes', () => new RacyStorage(), ['lets exactly one of many concurrent creates win']],
    [
      'replaces what it was to create',
      () => new OverwritingStorage(),
      [
        'names the key in a fault as it was given',
        'rejects a second create of the same key and keeps the first',
        'lets exactly one of many concurrent creates win',
        'keeps the time of an object that nobody has written since',
      ],
    ],
    [
      'shows half of a value',
      () => new TearingStorage(),
      [
        'shows a reader one whole value while others replace it',
        'settles a call that is aborted under way, with the old object or the new one, whole',
      ],
    ],
    [
      'cuts what it writes',
      () =>
        new FaultyStorage(
          new MemoryStorage(),
          failMatching(({ method, key }) => method === 'putIfAbsent' && key === 'large', 'torn'),
        ),
      ['keeps large values to the last byte'],
    ],
    [
      'lists by segments',
      () => new SegmentOrderedStorage(),
      [
        'lists all keys in byte order with their sizes',
        'lists on after a key, whether it is there or not, and no more than the limit',
        'may be changed while it is listed',
        'pages in the order of whole keys, not of their segments',
      ],
    ],
    ['gives one page of a long list', () => new OnePageStorage(), ['lists more keys than fit one page, whole and below a prefix']],
    [
      'repeats the last key of a page',
      () => new RepeatingStorage(),
      [
        'lists on after a key, whether it is there or not, and no more than the limit',
        'lists more keys than fit one page, whole and below a prefix',
        'pages through many keys without missing or repeating one',
        'pages in the order of whole keys, not of their segments',
        'gives every key that was there all along while others come and go between pages',
        'gives every key that was there all along while others are written',
      ],
    ],
    [
      'ignores signals',
      () => new DeafStorage(),
      ["rejects with the signal's reason when it has aborted, and changes nothing", 'stops a list that is aborted under way'],
    ],
    [
      'tells an abort in its own words',
      () => new RewordingStorage(),
      [
        "rejects with the signal's reason when it has aborted, and changes nothing",
        'settles a call that is aborted under way, with the old object or the new one, whole',
      ],
    ],
    ['lists what only begins like the prefix', () => new LooseStorage(), ['lists below a prefix of whole segments only']],
    [
      'leaks its prefix',
      () => new LeakingStorage(),
      [
        'names the key in a fault as it was given',
        'lists all keys in byte order with their sizes',
        'stops a list that is aborted under way',
      ],
    ],
    ['shares its bytes', () => new SharingStorage(), ['copies bytes in and out']],
    [
      'wants something to delete',
      () => new StrictDeleteStorage(),
      ['deletes, again and again without a fault, and makes room for a new object'],
    ],
    ['repairs keys', () => new RepairingStorage(), ['refuses every key that does not fit, in every method']],
    ['fails past the end', () => new RangeFaultStorage(), ['cuts a range to the object, and reads nothing past its end']],
    ['tells when it was asked', () => new AskedStorage(), ['keeps the time of an object that nobody has written since']],
    ['has a clock that goes back', backwards, ['tells when each object was last written, and never an earlier time after a later write']],
    [
      'has a key below another',
      () => new FlatStorage(),
      [
        'refuses a key that is the folder of another, and one below an object',
        'refuses one of a key and those below it when they are created at once',
      ],
    ],
  ])('finds a storage that %s', async (_, open, expected) => {
    const failed = await failuresOf(casesFor(open))
    expect(failed).toEqual(expect.arrayContaining([...expected]))
  })

  test.each<readonly [string, Partial<StorageCapabilities>]>([
    ['putIfAbsent', { putIfAbsent: false }],
    ['multiProcess', { multiProcess: true }],
    ['durability', { durability: 'device' }],
  ])('finds a storage that is not what was said of it: %s', async (_, capabilities) => {
    expect(await failuresOf(casesFor(() => new MemoryStorage(), { capabilities }))).toContain('says of itself what it is')
  })

  test('finds a storage that claims more than was shown to the suite', async () => {
    class Boasting extends MemoryStorage {
      override readonly capabilities: StorageCapabilities = { putIfAbsent: true, multiProcess: true, durability: 'device' }
    }
    expect(await failuresOf(casesFor(() => new Boasting()))).toEqual(['says of itself what it is'])
  })

  test('finds a storage whose instances do not see each other', async () => {
    class Separate extends MemoryStorage {
      override readonly capabilities: StorageCapabilities = { putIfAbsent: true, multiProcess: true, durability: 'process' }
    }
    const failed = await failuresOf(casesFor(() => new Separate(), { reopen: async () => new Separate() }))
    expect(failed).toEqual([
      'keeps what was acknowledged when it is opened anew',
      'shows at once to every instance what another has acknowledged',
      'lets exactly one of many instances that create at once win',
    ])
  })
})

describe('what a storage says of itself', () => {
  const skipsOf = (options: Partial<StorageConformanceOptions>): Record<string, string> =>
    Object.fromEntries(casesFor(() => new MemoryStorage(), options).flatMap(({ name, skip }) => (skip === undefined ? [] : [[name, skip]])))
  const reopen = async (storage: StorageAdapter): Promise<StorageAdapter> => storage

  test('decides which cases apply, each with its reason', () => {
    expect(skipsOf({ reopen })).toEqual({})
    expect(skipsOf({})).toEqual({
      'keeps what was acknowledged when it is opened anew': 'the storage does not outlive its instance',
      'shows at once to every instance what another has acknowledged': 'the storage does not outlive its instance',
      'lets exactly one of many instances that create at once win': 'the storage does not outlive its instance',
    })
    expect(skipsOf({ reopen, capabilities: { putIfAbsent: false, multiProcess: false } })).toEqual({
      'lets exactly one of many concurrent creates win': 'the storage says that its putIfAbsent is not atomic',
      'shows at once to every instance what another has acknowledged': 'the storage says that no other process may use it',
      'lets exactly one of many instances that create at once win': 'the storage says that no other process may use it',
    })
    expect(skipsOf({ reopen, emptiedFolderIsFree: false, racedFolderIsRefused: false })).toEqual({
      'has a key free again when all below it are deleted': 'the store keeps emptied folders',
      'refuses one of a key and those below it when they are created at once':
        'the store has no folders, and cannot tell such writers apart',
    })
  })

  test('never changes the names of the cases', () => {
    const names = casesFor(() => new MemoryStorage()).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(casesFor(() => new MemoryStorage(), { reopen, capabilities: { putIfAbsent: false } }).map(({ name }) => name)).toEqual(names)
  })
})

describe('an expected failure', () => {
  const name = 'copies bytes in and out'
  const reason = 'it hands out its own bytes'

  test('passes while the case fails, and tells its reason', async () => {
    const cases = casesFor(() => new SharingStorage(), { expectedFailures: { [name]: reason } })
    expect(cases.find((one) => one.name === name)).toMatchObject({ expectedFailure: reason })
    expect(await failuresOf(cases)).toEqual([])
  })

  test('fails the suite when the case starts to pass', async () => {
    const cases = casesFor(() => new MemoryStorage(), { expectedFailures: { [name]: reason } })
    expect(await failuresOf(cases)).toEqual([name])
    await expect(cases.find((one) => one.name === name)?.run()).rejects.toMatchObject({
      code: 'CONFORMANCE_FAILED',
      message: expect.stringContaining('take it out of expectedFailures'),
    })
  })

  test('is an error when it names no case, and the nearest name is told', () => {
    const build = (): unknown => casesFor(() => new MemoryStorage(), { expectedFailures: { 'copies bytes in and ot': reason } })
    expect(build).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID', message: expect.stringContaining(`Did you mean "${name}"`) }))
  })

  test('is an error when it names a case that is skipped', () => {
    const expectedFailures = { 'keeps what was acknowledged when it is opened anew': reason }
    const build = (): unknown => casesFor(() => new MemoryStorage(), { expectedFailures })
    expect(build).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID', message: expect.stringContaining('skipped') }))
  })

  test('is not that the storage could not be opened, which fails the case', async () => {
    const open = (): never => {
      throw new Error('the server is down')
    }
    const cases = casesFor(open, { expectedFailures: { [name]: reason } })
    await expect(cases.find((one) => one.name === name)?.run()).rejects.toThrow('the server is down')
  })

  test('frees what was opened, and so does every other case', async () => {
    let [opened, closed] = [0, 0]
    const cases = casesFor(
      () => {
        opened++
        return new SharingStorage()
      },
      {
        expectedFailures: { [name]: reason },
        close: async () => {
          closed++
        },
      },
    )
    await failuresOf(cases)
    expect(opened).toBe(cases.filter(({ skip }) => skip === undefined).length)
    expect(closed).toBe(opened)
  })
})

describe('the segment suite', () => {
  type Create = (storage: MemoryStorage, key: string, options?: Options) => Promise<SegmentWriter>
  class Planted extends MemoryStorage {
    readonly #create: Create
    constructor(create: Create) {
      super()
      this.#create = create
    }
    override createSegment(key: string, options?: Options): Promise<SegmentWriter> {
      return this.#create(this, key, options)
    }
    original(key: string, options?: Options): Promise<SegmentWriter> {
      return super.createSegment(key, options)
    }
  }
  function withWriter(change: (writer: SegmentWriter) => Partial<SegmentWriter>): () => StorageAdapter & SegmentStore {
    return () =>
      new Planted(async (storage, key, options) => {
        const writer = await (storage as Planted).original(key, options)
        const same: SegmentWriter = {
          key: writer.key,
          get sizeBytes(): number {
            return writer.sizeBytes
          },
          append: (bytes) => writer.append(bytes),
          sync: () => writer.sync(),
          seal: () => writer.seal(),
        }
        return Object.create(same, Object.getOwnPropertyDescriptors(change(writer))) as SegmentWriter
      })
  }

  test.each<readonly [string, () => StorageAdapter & SegmentStore, string]>([
    [
      'gives a key to any writer',
      () =>
        new Planted(async (storage, key, options) => {
          await storage.delete(key)
          return (storage as Planted).original(key, options)
        }),
      'gives a key to one writer only',
    ],
    [
      'takes appends after the end',
      withWriter((writer) => ({ append: (bytes) => writer.append(bytes).catch(() => {}) })),
      'takes nothing after it is sealed',
    ],
    [
      'loses an append',
      withWriter((writer) => ({ append: (bytes) => (bytes.length > 4000 ? Promise.resolve() : writer.append(bytes)) })),
      'keeps many appends of all sizes',
    ],
    [
      'mixes up appends that come together',
      withWriter((writer) => ({
        append: async (bytes) => {
          const copy = bytes.slice()
          await new Promise((resolve) => setTimeout(resolve, copy[0] === text('d')[0] ? 5 : 0))
          await writer.append(copy)
        },
      })),
      'appends in order, and the object is all that was appended',
    ],
    [
      'ignores signals',
      () => new Planted((storage, key) => (storage as Planted).original(key)),
      "makes no segment when the signal has aborted, and rejects with the signal's reason",
    ],
  ])('finds a store that %s', async (_, open, expected) => {
    expect(await failuresOf(segmentStoreConformance({ open: async () => open() }))).toContain(expected)
  })

  test('finds a storage that passes off an expected failure', async () => {
    const expectedFailures = { 'keeps many appends of all sizes': 'it loses some' }
    const cases = segmentStoreConformance({ open: async () => new MemoryStorage(), expectedFailures })
    expect(await failuresOf(cases)).toEqual(['keeps many appends of all sizes'])
  })
})
