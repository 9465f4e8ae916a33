import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/core/digest.ts'
import { MillraceError } from '../../src/core/error.ts'
import { createRandom } from '../../src/core/random.ts'
import { denseNetworkLoader } from '../../src/model/dense-network.ts'
import { loadModelPackage } from '../../src/model/load-package.ts'
import type { ModelPackage } from '../../src/model/model-package.ts'
import { openModelPackage, storeModelPackage } from '../../src/model/store-package.ts'
import { Registry } from '../../src/registry/registry.ts'
import { listKey } from '../../src/storage/blob-copies.ts'
import { chunkBytes, getBlob, hasBlob, putBlob } from '../../src/storage/blobs.ts'
import { crc32 } from '../../src/storage/crc32.ts'
import { MemoryStorage } from '../../src/storage/memory.ts'
import { flightPackage } from '../fixtures/model/flights.ts'
import { collect, packageNamed } from '../unit/registry/registry-fixtures.ts'
import { objectsOf } from './support/bit-flips.ts'
import type { Parts, Path } from './support/fuzz-packages.ts'
import {
  deepValues,
  hostileValues,
  longestAllocation,
  pathsIn,
  putTogether,
  takeApart,
  valueAt,
  withValue,
} from './support/fuzz-packages.ts'
import { size } from './support/size.ts'

const models = [denseNetworkLoader]
let parts: Parts
let whole: ModelPackage
beforeAll(async () => {
  whole = await flightPackage(new MemoryStorage())
  parts = await takeApart(whole)
})

/** `done`, or the code of the fault; whatever else is thrown fails the test, with what it was made of. */
async function outcomeOf(of: string, work: () => unknown): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    if (MillraceError.is(error)) return error.code
    throw new Error(`${of}: ${String(error)}`, { cause: error })
  }
}

/** Loads it as a host does, from a package that it was given and from a storage; both agree. */
async function load(of: string, modelPackage: ModelPackage): Promise<string> {
  const given = await outcomeOf(of, async () => (await loadModelPackage(modelPackage, { models })).model.dispose())
  const storage = new MemoryStorage()
  const stored = await outcomeOf(`${of}, stored`, () => storeModelPackage(storage, modelPackage))
  if (stored === 'done') {
    const opened = await outcomeOf(`${of}, opened`, async () => {
      await loadModelPackage(await openModelPackage(storage, modelPackage.manifestDigest), { models })
    })
    expect(opened, of).toBe(given)
  } else expect(given, of).not.toBe('done')
  return given
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()
const jsonOf = (place: string): unknown => JSON.parse(decoder.decode(parts.blobs.get(place)))
const withBlob = (place: string, bytes: Uint8Array): Parts => ({ ...parts, blobs: new Map(parts.blobs).set(place, bytes) })
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 60)

describe('a model package of hostile parts', () => {
  /** Each hostile value at each place; in tests a part of them, chosen by a seed. */
  async function putEverywhere(json: unknown, packageOf: (json: unknown) => ModelPackage): Promise<Map<string, number>> {
    const random = createRandom('places')
    const outcomes = new Map<string, number>()
    for (const path of pathsIn(json)) {
      for (const value of hostileValues) {
        if (random.next() >= size(0.04, 1)) continue
        const outcome = await load(`${shown(value)} at ${path.join('.') || 'the root'}`, packageOf(withValue(json, path, value)))
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    }
    return outcomes
  }

  function expectRefusals(outcomes: ReadonlyMap<string, number>): void {
    const refusals = [...outcomes].filter(([outcome]) => outcome !== 'done').reduce((sum, [, count]) => sum + count, 0)
    expect(refusals).toBeGreaterThan(size(10, 200))
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  }

  test('is refused with a typed fault or loads: other values at every place of the manifest', async () => {
    expectRefusals(await putEverywhere(parts.manifest, (manifest) => putTogether({ ...parts, manifest: manifest as Parts['manifest'] })))
  })

  test.each(['profile', 'golden'])('is refused with a typed fault or loads: other values at every place of the %s', async (place) => {
    expectRefusals(await putEverywhere(jsonOf(place), (json) => putTogether(withBlob(place, encoder.encode(JSON.stringify(json) ?? '')))))
  })

  test('is refused with a typed fault or loads: what nests deep, at every place', async () => {
    for (const [place, json] of [
      ['manifest', parts.manifest],
      ['profile', jsonOf('profile')],
      ['golden', jsonOf('golden')],
    ] as const) {
      for (const [index, path] of pathsIn(json).entries()) {
        if (index % size(4, 1) !== 0) continue
        for (const value of deepValues) {
          const text = withDeepValue(json, path, value)
          const deep: Parts =
            place === 'manifest' ? { ...parts, manifest: JSON.parse(text) as Parts['manifest'] } : withBlob(place, encoder.encode(text))
          await load(`what nests deep at ${path.join('.')} of the ${place}`, place === 'manifest' ? unchecked(deep) : putTogether(deep))
        }
      }
    }
  })

  test('is refused with a typed fault or loads: random changes at several places at once', async () => {
    const paths = pathsIn(parts.manifest)
    const change = fc.tuple(fc.constantFrom(...paths), fc.oneof(fc.constantFrom(...hostileValues), fc.jsonValue({ maxDepth: 3 })))
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      let manifest: unknown = parts.manifest
      for (const [path, value] of changes) if (isThere(manifest, path)) manifest = withValue(manifest, path, value)
      await load(
        changes.map(([path, value]) => `${shown(value)} at ${path.join('.')}`).join(),
        putTogether({ ...parts, manifest: manifest as Parts['manifest'] }),
      )
    })
    await fc.assert(property, { numRuns: size(150, 10_000) })
  })

  test('is refused with a typed fault or loads: blobs cut off at any byte, with bits flipped, swapped and empty, whose digests fit', async () => {
    const random = createRandom('blobs')
    for (const [place, bytes] of parts.blobs) {
      for (let length = 0; length < bytes.length; length += size(Math.ceil(bytes.length / 12), Math.ceil(bytes.length / 500)))
        await load(`${place} cut at ${length}`, putTogether(withBlob(place, bytes.slice(0, length))))
      for (let count = 0; count < size(40, 2000); count++) {
        const flipped = bytes.slice()
        const index = random.int(bytes.length)
        flipped[index] = (flipped[index] ?? 0) ^ (1 << random.int(8))
        await load(`${place} with a bit flipped in byte ${index}`, putTogether(withBlob(place, flipped)))
      }
      for (const [other, otherBytes] of parts.blobs)
        await load(`${other} in the place of ${place}`, putTogether(withBlob(place, otherBytes)))
      await load(`${place} twice as long`, putTogether(withBlob(place, new Uint8Array([...bytes, ...bytes]))))
    }
  })

  test('is refused before anything is asked for when a size in it is huge', async () => {
    const huge = [2 ** 31, 2 ** 32 + 1, 2 ** 40, 2 ** 53 - 1]
    const numbers = pathsIn(parts.manifest).filter((path) => typeof valueAt(parts.manifest, path) === 'number')
    expect(numbers.length).toBeGreaterThan(5)
    for (const path of numbers) {
      for (const value of huge) {
        const manifest = withValue(parts.manifest, path, value)
        for (const honest of [true, false]) {
          const longest = await longestAllocation(() => load(`${value} at ${path.join('.')}`, putTogether({ ...parts, manifest }, honest)))
          expect(longest, `${value} at ${path.join('.')}`).toBeLessThan(2 ** 24)
        }
      }
    }
    // Shapes whose product is 0 or small in 32 bits, and right in no way.
    for (const units of [65_536, 2 ** 20, 2 ** 16 + 1]) {
      const layers = [
        { units, activation: 'relu' },
        { units, activation: 'relu' },
        { units: 1, activation: 'sigmoid' },
      ]
      const manifest = withValue(parts.manifest, ['model', 'json', 'layers'], layers)
      const longest = await longestAllocation(async () => {
        expect(await load(`layers of ${units} units`, putTogether({ ...parts, manifest }))).toBe('MODEL_INVALID')
      })
      expect(longest).toBeLessThan(2 ** 24)
    }
  })
})

test('a manifest of any bytes under its own digest is a typed fault', async () => {
  const bytes = encoder.encode(JSON.stringify(parts.manifest))
  const texts: Uint8Array[] = [
    ...['', ' ', '{', 'null', '[]', '"', '{}', '{"format":"millrace-model"}', 'NaN', '\ufeff{}', '{"a":1}{', '1e999'].map((text) =>
      encoder.encode(text),
    ),
    ...['[', '{"a":'].flatMap((open) => [
      encoder.encode(open.repeat(100_000)),
      encoder.encode(open.repeat(2_000) + (open === '[' ? ']'.repeat(2_000) : `1${'}'.repeat(2_000)}`)),
    ]),
    Uint8Array.of(0xff, 0xfe, 0x00),
    Uint8Array.of(0xc0, 0xaf),
    new Uint8Array(1_000_000),
  ]
  for (let length = 0; length < bytes.length; length += size(41, 1)) texts.push(bytes.slice(0, length))
  const storage = new MemoryStorage()
  for (const text of texts) {
    const digest = await putBlob(storage, text)
    const outcome = await outcomeOf(decoder.decode(text.slice(0, 60)), async () =>
      loadModelPackage(await openModelPackage(storage, digest), { models }),
    )
    expect(outcome).not.toBe('done')
  }
  for (const digest of ['', '0', '../../outside', 'A'.repeat(64), '0'.repeat(63), `${'0'.repeat(64)}/x`, '__proto__'])
    expect(await outcomeOf(digest, () => openModelPackage(storage, digest))).toBe('ARGUMENT_INVALID')
})

test('a list of chunks that asks for a size is a typed fault before the size is had', async () => {
  const storage = new MemoryStorage()
  const digest = await putBlob(storage, new Uint8Array(chunkBytes + 1))
  const stored = (await storage.get(listKey(digest, 0)))?.bytes ?? new Uint8Array(0)
  const text = decoder.decode(stored)
  const list = JSON.parse(text.slice(text.indexOf('{'))) as Record<string, unknown>
  const chunk = '0'.repeat(64)
  const lists: unknown[] = []
  for (const path of pathsIn(list)) for (const value of hostileValues) lists.push(withValue(list, path, value))
  // As many chunks as the size needs, so that the list seems to account for it.
  for (const [sizeBytes, chunkSize] of [
    [2 ** 40, 64 * 2 ** 20],
    [2 ** 33, 8 * 2 ** 20],
    [2 ** 31, 2 ** 20],
  ] as const)
    lists.push({ ...list, sizeBytes, chunkBytes: chunkSize, chunks: Array(Math.ceil(sizeBytes / chunkSize)).fill(chunk) })
  for (const each of lists) {
    const json = JSON.stringify(each) ?? ''
    // With the checksum of what it says, so that what it says is looked at.
    const checksum = crc32(encoder.encode(json)).toString(16).padStart(8, '0')
    await storage.put(listKey(digest, 0), encoder.encode(`millrace-chunks ${checksum}\n${json}`))
    for (const read of [getBlob, hasBlob]) {
      const longest = await longestAllocation(() => outcomeOf(shown(each), () => read(storage, digest)))
      expect(longest, shown(each)).toBeLessThan(2 ** 26)
    }
  }
})

describe('a registry whose stored objects are not its own', () => {
  async function registryOf(objects: ReadonlyMap<string, Uint8Array>): Promise<Registry> {
    const storage = new MemoryStorage()
    for (const [key, bytes] of objects) await storage.put(key, bytes)
    return new Registry({ storage })
  }

  /** Everything that reads, and what it gave. */
  async function readAll(of: string, registry: Registry): Promise<readonly string[]> {
    const works: readonly (() => Promise<unknown>)[] = [
      () => collect(registry.versions('churn')),
      () => registry.version('churn', 1),
      () => registry.alias('churn', 'champion'),
      () => registry.aliases('churn'),
      () => collect(registry.history('churn')),
      () => registry.load('churn', 1),
      () => registry.load('churn', 2),
      () => registry.compare('churn', 1, 2),
      () => registry.modelCard('churn', 1),
      () => registry.lineage('churn', 2),
      () => collect(registry.search({ tags: { stage: null } })),
      () => registry.aliasAt('churn', 'champion', 1e15),
      () => registry.register('churn', packageNamed('third'), { idempotencyKey: 'third' }),
      () => registry.setAlias('churn', 'champion', 1),
      () => registry.rollback('churn', 'champion'),
      () => registry.tag('churn', 1, { more: 'yes' }),
      () => registry.deleteVersion('churn', 2),
    ]
    const outcomes: string[] = []
    for (const [index, work] of works.entries()) outcomes.push(await outcomeOf(`${of}, reading ${index}`, work))
    return outcomes
  }

  async function objects(): Promise<ReadonlyMap<string, Uint8Array>> {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    await registry.register('churn', packageNamed('first'), { idempotencyKey: 'first' })
    await registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' })
    await registry.setAlias('churn', 'champion', 1)
    await registry.setAlias('churn', 'champion', 2, { reason: 'better' })
    await registry.tag('churn', 1, { stage: 'checked' })
    return await objectsOf(storage)
  }

  test('gives typed faults: each cut off, empty, of other bytes, and any two of them swapped', async () => {
    const all = await objects()
    const random = createRandom('objects')
    for (const [key, bytes] of all) {
      const others = [
        new Uint8Array(0),
        encoder.encode('{}'),
        encoder.encode('null'),
        encoder.encode('['.repeat(100_000)),
        new Uint8Array(1000),
      ]
      for (let length = 1; length < bytes.length; length += size(Math.ceil(bytes.length / 4), 7)) others.push(bytes.slice(0, length))
      for (const other of others) await readAll(`${key} of ${other.length} bytes`, await registryOf(new Map(all).set(key, other)))
      for (const [otherKey, otherBytes] of all) {
        if (otherKey <= key || random.next() >= size(0.3, 1)) continue
        await readAll(`${key} and ${otherKey} swapped`, await registryOf(new Map(all).set(key, otherBytes).set(otherKey, bytes)))
      }
      const left = new Map(all)
      left.delete(key)
      await readAll(`without ${key}`, await registryOf(left))
    }
  })

  test('gives typed faults: entries whose checksums fit, with other values at every place', async () => {
    const all = await objects()
    const random = createRandom('entries')
    let entries = 0
    for (const [key, bytes] of all) {
      const entry = entryOf(bytes)
      if (entry === undefined) continue
      entries++
      for (const path of pathsIn(entry.content)) {
        for (const value of hostileValues) {
          if (random.next() >= size(0.04, 1)) continue
          const changed = entry.encode(withValue(entry.content, path, value))
          await readAll(`${shown(value)} at ${path.join('.')} of ${key}`, await registryOf(new Map(all).set(key, changed)))
        }
      }
    }
    expect(entries).toBeGreaterThan(3)
  })
})

/** The content of an entry of a log, as far as its bytes are those of one, and its bytes again with a checksum that fits. */
function entryOf(bytes: Uint8Array): { readonly content: unknown; readonly encode: (content: unknown) => Uint8Array } | undefined {
  const text = decoder.decode(bytes)
  const head = /^\{"crc":"[0-9a-f]{8}",/.exec(text)?.[0]
  if (head === undefined) return undefined
  const encode = (content: unknown): Uint8Array => {
    const rest = JSON.stringify(content) ?? '{}'
    if (!rest.startsWith('{"')) return encoder.encode(rest)
    const checksum = crc32(encoder.encode(rest)).toString(16).padStart(8, '0')
    return encoder.encode(`{"crc":"${checksum}",${rest.slice(1)}`)
  }
  return { content: JSON.parse(`{${text.slice(head.length)}`), encode }
}

function isThere(whole: unknown, path: Path): boolean {
  let node = whole
  for (const step of path) {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, step)) return false
    node = (node as Record<string | number, unknown>)[step]
  }
  return true
}

/** As text, since neither a copy nor a writer of JSON goes so deep. */
function withDeepValue(json: unknown, path: Path, value: unknown): string {
  const text = JSON.stringify(withValue(json, path, 'what nests deep'))
  return text.replace('"what nests deep"', JSON.stringify(value))
}

/** A package of which no digest was made: the manifest goes too deep for that. */
function unchecked({ manifest, blobs }: Parts): ModelPackage {
  const byDigest = new Map([...blobs.values()].map((bytes) => [sha256Hex(bytes), bytes]))
  return {
    manifest: manifest as never,
    manifestDigest: '0'.repeat(64),
    async blob(digest) {
      return byDigest.get(digest) ?? new Uint8Array(0)
    },
  }
}
