import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKeyIndex, keyIndexFrom } from '../../../src/features/key-index.ts'

const small = [7, 5, 11]
const beyondDoubles = [2 ** 22, 2 ** 22, 2 ** 22]

describe.each([
  ['numbers', small],
  ['numbers near 2^53', [2 ** 26, 2 ** 26, 2]],
  ['text, where numbers would collide', beyondDoubles],
])('a key index of %s', (_kind, radices) => {
  const rowOf = fc.tuple(
    ...radices.map((radix) =>
      fc.oneof(fc.integer({ min: 0, max: Math.min(radix, 4) - 1 }), fc.integer({ min: Math.max(0, radix - 4), max: radix - 1 })),
    ),
  )

  it('numbers categories as a Map does, survives a round trip through its keys and finds nothing else', () => {
    fc.assert(
      fc.property(fc.array(rowOf, { minLength: 1, maxLength: 300 }), fc.array(rowOf, { maxLength: 50 }), (rows, others) => {
        const parts = (list: readonly (readonly number[])[]): Int32Array[] =>
          radices.map((_, part) => Int32Array.from(list, (row) => row[part] as number))
        const index = createKeyIndex(radices)
        const entries = new Int32Array(rows.length)
        index.add(parts(rows), rows.length, entries)
        const map = new Map<string, number>()
        for (const row of rows) if (!map.has(String(row))) map.set(String(row), map.size)
        expect([...entries]).toEqual(rows.map((row) => map.get(String(row))))
        expect(index.size).toBe(map.size)
        for (const known of [index, keyIndexFrom(radices, index.keys())]) {
          const found = new Int32Array(others.length)
          known.find(parts(others), others.length, found)
          expect([...found]).toEqual(others.map((row) => map.get(String(row)) ?? -1))
          expect(known.codesOf(entries[0] as number)).toEqual(rows[0])
        }
      }),
    )
  })

  it('does not know a category with an unknown code in any part', () => {
    const index = createKeyIndex(radices)
    const entries = new Int32Array(1)
    index.add(
      radices.map(() => Int32Array.of(1)),
      1,
      entries,
    )
    for (const unknown of radices.keys()) {
      index.find(
        radices.map((_, part) => Int32Array.of(part === unknown ? -1 : 1)),
        1,
        entries,
      )
      expect(entries[0]).toBe(-1)
    }
  })
})

describe('a key index that grows', () => {
  it('keeps every entry past many doublings', () => {
    const index = createKeyIndex([100_000])
    const entries = new Int32Array(1)
    for (let code = 0; code < 20_000; code++) index.add([Int32Array.of(code * 5)], 1, entries)
    expect(index.size).toBe(20_000)
    for (let code = 0; code < 20_000; code += 37) {
      index.find([Int32Array.of(code * 5)], 1, entries)
      expect(entries[0]).toBe(code)
    }
    index.find([Int32Array.of(1)], 1, entries)
    expect(entries[0]).toBe(-1)
  })
})
