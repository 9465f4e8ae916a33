import { createHash } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import type { SegmentIssue } from 'millrace/storage'
import { MemoryStorage, openSegmentLog, readSegments } from 'millrace/storage'
import { FakeClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { decodeFrame, encodeFrame, findMagic, frameSizeBytes } from '../../../src/storage/frame.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface Reading {
  readonly records: string[]
  readonly issues: SegmentIssue[]
}
async function readAll(storage: MemoryStorage, prefix = 'log'): Promise<Reading> {
  const [records, issues]: [string[], SegmentIssue[]] = [[], []]
  for await (const payload of readSegments(storage, prefix, { onIssue: (issue) => issues.push(issue) })) {
    records.push(new TextDecoder().decode(payload))
  }
  return { records, issues }
}
const typesOf = (issues: readonly SegmentIssue[]): string[] => issues.map(({ type }) => type)

/** A store with one segment of these records, and the bytes of it. */
async function oneSegment(records: readonly string[], sealed: boolean): Promise<{ key: string; bytes: Uint8Array }> {
  const storage = new MemoryStorage()
  const log = await openSegmentLog(storage, 'log', { clock: new FakeClock() })
  for (const record of records) await log.append(text(record))
  await (sealed ? log.close() : log.flush())
  for await (const { key } of storage.list('log')) return { key, bytes: (await storage.get(key))?.bytes as Uint8Array }
  throw new Error('no segment')
}
async function storeOf(key: string, bytes: Uint8Array): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  await storage.put(key, bytes)
  return storage
}

describe('a frame', () => {
  test('comes back as it was written, at any place', () => {
    const kind = fc.constantFrom('header', 'data', 'gap', 'footer')
    fc.assert(
      fc.property(kind, fc.maxSafeNat(), fc.uint8Array({ maxLength: 100 }), fc.nat(20), (kind, sequence, payload, offset) => {
        const bytes = new Uint8Array(offset + frameSizeBytes(payload) + 5)
        expect(encodeFrame({ kind, sequence, payload }, bytes, offset)).toBe(offset + frameSizeBytes(payload))
        expect(findMagic(bytes, 0)).toBe(offset)
        expect(decodeFrame(bytes, offset)).toEqual({ kind, sequence, payload, sizeBytes: frameSizeBytes(payload) })
      }),
    )
  })

  test('has the layout of the documentation', () => {
    const bytes = new Uint8Array(23)
    encodeFrame({ kind: 'data', sequence: 0x0102_0304_0506, payload: text('abc') }, bytes, 0)
    const view = new DataView(bytes.buffer)
    expect([...bytes.subarray(0, 8)]).toEqual([0x8d, 0x4d, 0x52, 0x46, 3, 0, 0, 0])
    expect([...bytes.subarray(12)]).toEqual([6, 5, 4, 3, 2, 1, 0, 1, 97, 98, 99])
    expect(view.getUint32(8, true)).toBe(zlibCrc32(Buffer.concat([bytes.subarray(4, 8), bytes.subarray(12)])))
  })

  test('is refused when it claims a length beyond the cap, before anything is allocated', () => {
    const bytes = new Uint8Array(30)
    encodeFrame({ kind: 'data', sequence: 1, payload: text('abc') }, bytes, 0)
    new DataView(bytes.buffer).setUint32(4, 0xffff_ffff, true)
    expect(decodeFrame(bytes, 0)).toMatchObject({ fault: 'broken' })
  })

  test('is never decoded from bytes with one bit flipped', () => {
    const bytes = new Uint8Array(frameSizeBytes(text('payload')))
    encodeFrame({ kind: 'data', sequence: 7, payload: text('payload') }, bytes, 0)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(decodeFrame(flipped, 0)).toHaveProperty('fault')
    }
  })
})

/** Cut, flipped and salvaged: rows 13 to 15 of the fault matrix, in test/proof/segment-log.test.ts. */
describe('a damaged segment', () => {
  test('whose frames look sound but were exchanged is corrupt by its digest', async () => {
    const { key, bytes } = await oneSegment(['aaaa', 'bbbb'], true)
    const forged = bytes.slice()
    const at = Buffer.from(forged).indexOf('aaaa') - 20
    encodeFrame({ kind: 'data', sequence: 2, payload: text('AAAA') }, forged, at)
    const reading = await readAll(await storeOf(key, forged))
    expect(typesOf(reading.issues)).toEqual(['corrupt'])
  })

  test('of several blocks has a digest that is of the digests of its blocks', async () => {
    const large = 'x'.repeat(700_000)
    const { key, bytes } = await oneSegment([large, large, large, 'last'], true)
    const at = Buffer.from(bytes).lastIndexOf('{"records"')
    const { sha256 } = JSON.parse(new TextDecoder().decode(bytes.subarray(at))) as { readonly sha256: string }
    const hex = (part: Uint8Array | string): string => createHash('sha256').update(part).digest('hex')
    const content = bytes.subarray(0, at - 20)
    const blocks = [0, 1, 2].map((block) => content.subarray(block * 1_048_576, (block + 1) * 1_048_576))
    expect(sha256).toBe(hex(blocks.map(hex).join('')))
    expect((await readAll(await storeOf(key, bytes))).issues).toEqual([])
    const forged = bytes.slice()
    const second = Buffer.from(bytes).indexOf(Uint8Array.of(0x8d, 0x4d, 0x52, 0x46), 1_000)
    encodeFrame({ kind: 'data', sequence: 3, payload: text(large.replaceAll('x', 'y')) }, forged, second)
    expect(typesOf((await readAll(await storeOf(key, forged))).issues)).toEqual(['corrupt'])
  })

  test('whose footer is gone is corrupt when its writer went on', async () => {
    const storage = new MemoryStorage()
    const log = await openSegmentLog(storage, 'log', { rotation: { sizeBytes: 1 } })
    for (const record of ['one', 'two', 'three']) {
      await log.append(text(record))
      await log.flush()
    }
    await log.close()
    const keys: string[] = []
    for await (const { key } of storage.list('log')) keys.push(key)
    expect(keys.length).toBe(3)
    const second = (await storage.get(keys[1] as string))?.bytes as Uint8Array
    for (const cut of [Buffer.from(second).indexOf('two') + 3, second.length - 2]) {
      await storage.put(keys[1] as string, second.subarray(0, cut))
      const reading = await readAll(storage)
      expect(reading.records).toEqual(['one', 'two', 'three'])
      expect(typesOf(reading.issues)[0]).toBe('corrupt')
    }
  })

  test('full of what looks like frames is read to its end in good time', async () => {
    const { key, bytes } = await oneSegment(['x'], false)
    const hostile = new Uint8Array(400_000)
    hostile.set(bytes)
    for (let offset = bytes.length; offset + 20 < hostile.length; offset += 20) {
      hostile.set([0x8d, 0x4d, 0x52, 0x46], offset)
      new DataView(hostile.buffer).setUint32(offset + 4, hostile.length - offset - 40, true)
    }
    const reading = await readAll(await storeOf(key, hostile))
    expect(reading.records).toEqual(['x'])
    expect(typesOf(reading.issues)).toEqual(['torn'])
  })

  test('keeps a payload that looks like frames as one payload', async () => {
    const inner = new Uint8Array(frameSizeBytes(text('forged')))
    encodeFrame({ kind: 'data', sequence: 900, payload: text('forged') }, inner, 0)
    const storage = new MemoryStorage()
    const log = await openSegmentLog(storage, 'log')
    await log.append(inner)
    await log.append(text('next'))
    await log.close()
    const read: Uint8Array[] = []
    for await (const payload of readSegments(storage, 'log')) read.push(payload)
    expect(read).toEqual([inner, text('next')])
    for await (const { key } of storage.list('log')) {
      const bytes = (await storage.get(key))?.bytes as Uint8Array
      const at = Buffer.from(bytes).indexOf(Buffer.from(inner))
      bytes[at + inner.length - 1] = 0
      // The frame around it is broken, and says where it ends: nothing inside it is taken for a record.
      expect((await readAll(await storeOf(key, bytes))).records).toEqual(['next'])
    }
  })

  test('of a newer library is refused', async () => {
    const { key, bytes } = await oneSegment(['x'], false)
    const newer = bytes.slice()
    const header = text(
      Buffer.from((decodeFrame(bytes, 0) as { payload: Uint8Array }).payload)
        .toString()
        .replace('"minReaderVersion":1', '"minReaderVersion":2'),
    )
    encodeFrame({ kind: 'header', sequence: 1, payload: header }, newer, 0)
    await expect(readAll(await storeOf(key, newer))).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
  })
})

test('records of any sizes and any writers come back, each writer’s in its order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ writer: fc.nat(2), size: fc.nat(3000) }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 8000 }),
      async (appends, sizeBytes) => {
        const storage = new MemoryStorage()
        const logs = await Promise.all([0, 1, 2].map(() => openSegmentLog(storage, 'log', { rotation: { sizeBytes } })))
        const expected: string[][] = [[], [], []]
        for (const [index, { writer, size }] of appends.entries()) {
          const record = `${writer}:${index}:${'x'.repeat(size)}`
          expected[writer]?.push(record)
          await logs[writer]?.append(text(record))
        }
        for (const log of logs) await log.close()
        const { records, issues } = await readAll(storage)
        expect(issues).toEqual([])
        for (const [writer, own] of expected.entries()) expect(records.filter((record) => record.startsWith(`${writer}:`))).toEqual(own)
      },
    ),
    { numRuns: 60 },
  )
})
