import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { MillraceError } from 'millrace/core'
import { createJsonCodec } from 'millrace/pipeline'
import type { Portable } from 'millrace/storage'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { rejectionOf } from './support/stages.ts'

const typedArrays = fc.oneof(
  fc.uint8Array(),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
)
const leaves = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, undefined, Number.NaN, Infinity, -Infinity, -0),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  typedArrays,
)
const keys = fc.oneof(fc.string(), fc.constantFrom('$type', '$$type', '$', '__proto__', 'constructor', 'toString'))
const values = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaves, fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(keys, tie('value'), { maxKeys: 4 })),
})).value

const encodeWith = (storage = new MemoryStorage(), portables: readonly Portable[] = []) => ({ storage, portables })

describe('the JSON codec', () => {
  it('reads back any plain value equal, through JSON text and another codec', async () => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const options = encodeWith()
        const { stored, digest } = await createJsonCodec().encode(value, options)
        const decoded = await createJsonCodec().decode(JSON.parse(JSON.stringify(stored)), options)
        expect(isDeepStrictEqual(decoded, withoutPrototypes(value))).toBe(true)
        expect((await createJsonCodec().encode(decoded, options)).digest).toBe(digest)
      }),
      { numRuns: 300 },
    )
  })

  it('gives different values different digests', async () => {
    const options = encodeWith()
    const values = [
      null,
      undefined,
      0,
      -0,
      '0',
      Number.NaN,
      'NaN',
      1n,
      '1',
      1,
      new Date(1),
      [],
      {},
      [undefined],
      [null],
      { a: undefined },
      { $type: 'undefined' },
      { $type: 'number', value: 'NaN' },
      { $$type: 'undefined' },
      Uint8Array.of(1),
      Int8Array.of(1),
      Uint8Array.of(1).buffer,
      false,
      '',
    ]
    const digests = await Promise.all(values.map(async (value) => (await createJsonCodec().encode(value, options)).digest))
    expect(new Set(digests).size).toBe(values.length)
  })

  it('gives equal content equal digests, whatever the order of keys and the view on the buffer', async () => {
    const options = encodeWith()
    const digestOf = async (value: unknown): Promise<string> => (await createJsonCodec().encode(value, options)).digest
    expect(await digestOf({ a: 1, b: 2 })).toBe(await digestOf({ b: 2, a: 1 }))
    expect(await digestOf(Uint8Array.of(0, 1, 2).subarray(1))).toBe(await digestOf(Uint8Array.of(1, 2)))
  })

  it('does not read the elements of an array from another place of its buffer', async () => {
    const options = encodeWith()
    const view = Float64Array.of(1, 2, 3, 4).subarray(1, 3)
    const { stored } = await createJsonCodec().encode(view, options)
    expect(await createJsonCodec().decode(stored, options)).toEqual(Float64Array.of(2, 3))
  })

  it.each<[string, unknown, string]>([
    ['a Map', { a: [new Map()] }, '$.a[0]'],
    ['a Set', new Set(), '$'],
    ['a class instance', { model: new (class Model {})() }, '$.model'],
    ['a function', [() => 1], '$[0]'],
    ['a symbol', { a: { b: Symbol('x') } }, '$.a.b'],
    ['a promise', { later: Promise.resolve(1) }, '$.later'],
    ['a list with properties of its own', { found: 'abc'.match(/b/) }, '$.found'],
  ])('refuses %s and says where', async (_, value, path) => {
    const error = await rejectionOf(createJsonCodec().encode(value, encodeWith()))
    expect(MillraceError.is(error, 'OUTPUT_NOT_STORABLE') && error.details.path).toBe(path)
  })

  it('refuses a cycle, and takes the same object twice', async () => {
    const loop: Record<string, unknown> = {}
    loop.self = [loop]
    const error = await rejectionOf(createJsonCodec().encode(loop, encodeWith()))
    expect(MillraceError.is(error, 'OUTPUT_NOT_STORABLE') && error.details).toEqual({ path: '$.self[0]', received: 'a cycle' })
    const shared = { a: 1 }
    const options = encodeWith()
    const { stored } = await createJsonCodec().encode([shared, shared], options)
    expect(await createJsonCodec().decode(stored, options)).toEqual([shared, shared])
  })

  it('lists the blobs that a value needs', async () => {
    const options = encodeWith()
    const { stored } = await createJsonCodec().encode({ a: [Uint8Array.of(1)], b: Uint8Array.of(2), c: Uint8Array.of(1) }, options)
    expect(await createJsonCodec().blobs(stored, options)).toHaveLength(2)
  })

  it.each<[string, never]>([
    ['an unknown tag', { $type: 'tomorrow' } as never],
    ['an unknown array', { $type: 'array', array: 'Float16Array', blob: '' } as never],
  ])('rejects %s', async (_, stored) => {
    await expect(createJsonCodec().decode(stored, encodeWith())).rejects.toThrow(MillraceError)
  })
})

describe('portables', () => {
  class Model {
    readonly weights: number
    constructor(weights: number) {
      this.weights = weights
    }
  }
  function modelPortable(): { readonly portable: Portable<Model>; readonly encoded: () => number; readonly decoded: () => number } {
    let encoded = 0
    let decoded = 0
    return {
      portable: {
        kind: 'model',
        matches: (value): value is Model => value instanceof Model,
        encode: async (value) => {
          encoded++
          return { stored: { weights: value.weights, at: encoded }, digest: `weights ${value.weights}` }
        },
        decode: async (stored) => {
          decoded++
          return new Model(Number((stored as { weights: number }).weights))
        },
        blobs: async (stored) => [`blob ${JSON.stringify(stored)}`],
      },
      encoded: () => encoded,
      decoded: () => decoded,
    }
  }

  it('stand in the digest by their own digest, however they are stored', async () => {
    const { portable } = modelPortable()
    const options = encodeWith(undefined, [portable])
    const first = await createJsonCodec().encode({ model: new Model(1) }, options)
    const second = await createJsonCodec().encode({ model: new Model(1) }, options)
    expect(first.stored).not.toEqual(second.stored)
    expect(first.digest).toBe(second.digest)
    expect((await createJsonCodec().encode({ model: new Model(2) }, options)).digest).not.toBe(first.digest)
  })

  it('are encoded once in a run, and what was decoded is not encoded again', async () => {
    const { portable, encoded, decoded } = modelPortable()
    const options = encodeWith(undefined, [portable])
    const codec = createJsonCodec()
    const model = new Model(1)
    const { stored, digest } = await codec.encode({ a: model, b: [model] }, options)
    await codec.encode({ model }, options)
    expect(encoded()).toBe(1)
    const fresh = createJsonCodec()
    const back = (await fresh.decode(stored, options)) as { a: Model; b: [Model] }
    expect(back.a).toBeInstanceOf(Model)
    expect(back.b[0]).toBe(back.a)
    expect(decoded()).toBe(1)
    expect((await fresh.encode(back, options)).digest).toBe(digest)
    expect(encoded()).toBe(1)
  })

  it('are tried again after a fault of the storage', async () => {
    let faults = 1
    const shaky: Portable<Model> = {
      ...modelPortable().portable,
      encode: async (value) => {
        if (faults-- > 0) throw new Error('storage away')
        return { stored: value.weights, digest: 'x' }
      },
    }
    const options = encodeWith(undefined, [shaky])
    const codec = createJsonCodec()
    const model = new Model(1)
    await expect(codec.encode(model, options)).rejects.toThrow('storage away')
    await expect(codec.encode(model, options)).resolves.toMatchObject({ stored: { digest: 'x' } })
  })

  it('give their blobs', async () => {
    const { portable } = modelPortable()
    const options = encodeWith(undefined, [portable])
    const { stored } = await createJsonCodec().encode([new Model(1)], options)
    expect(await createJsonCodec().blobs(stored, options)).toEqual(['blob {"weights":1,"at":1}'])
  })

  it('that are missing are named', async () => {
    const { portable } = modelPortable()
    const { stored } = await createJsonCodec().encode(new Model(1), encodeWith(undefined, [portable]))
    const error = await rejectionOf(createJsonCodec().decode(stored, encodeWith()))
    expect(MillraceError.is(error, 'FORMAT_UNSUPPORTED') && error.message).toContain('portable of kind "model". Received none')
  })
})

/** fast-check may make objects without a prototype; what is read back has one. */
function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototypes)
  if (typeof value !== 'object' || value === null || ![null, Object.prototype].includes(Object.getPrototypeOf(value) as never)) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withoutPrototypes(member)]))
}
