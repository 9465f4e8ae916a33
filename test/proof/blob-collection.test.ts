import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunkBytes } from '../../src/storage/blobs.ts'
import type { Breakage, CollectorPlan, Fate, WriterPlan } from './support/collection-world.ts'
import { CollectionWorld } from './support/collection-world.ts'
import { size } from './support/size.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const small = [text('first'), text('second'), text('third')]

const fate = (max: number): fc.Arbitrary<Fate | null> =>
  fc.option(fc.record({ at: fc.integer({ min: 1, max }), kind: fc.constantFrom('killed', 'stopped', 'stopped') }), { freq: 2 })

const writer = (contents: number): fc.Arbitrary<WriterPlan> =>
  fc.record({
    contents: fc.subarray(
      Array.from({ length: contents }, (_, index) => index),
      { minLength: 1 },
    ),
    how: fc.constantFrom('put', 'put', 'put-before', 'adopt'),
    removes: fc.boolean(),
    fate: fate(12),
  })

const collector: fc.Arbitrary<CollectorPlan> = fc.record({ passes: fc.integer({ min: 1, max: 3 }), fate: fate(60) })

function interleavings(contents: readonly Uint8Array[], breakage?: Breakage, isDamaged = false): fc.IAsyncProperty<unknown> {
  const indices = Array.from({ length: contents.length }, (_, index) => index)
  return fc.asyncProperty(
    fc.scheduler(),
    fc.subarray(indices),
    fc.array(writer(contents.length), { minLength: 1, maxLength: 4 }),
    fc.array(collector, { minLength: 1, maxLength: 3 }),
    async (scheduler, stored, writers, collectors) => {
      const world = new CollectionWorld(scheduler, contents, breakage)
      await world.store(stored.map((index) => contents[index] as Uint8Array))
      if (isDamaged) world.damage()
      // Whoever only puts relies on what is stored being sound.
      await world.run(isDamaged ? writers.map((plan) => ({ ...plan, how: 'mend' })) : writers, collectors)
      expect(world.violations.join('\n')).toBe('')
    },
  )
}

describe('collectors and writers, one operation after the other in any order, stopped and killed anywhere', () => {
  test('lose no blob of a reference that was acknowledged', async () => {
    await fc.assert(interleavings(small), { numRuns: size(1_500, 60_000), endOnFailure: true })
  })

  test('lose nothing that was stored again where it was damaged', async () => {
    await fc.assert(interleavings(small, undefined, true), { numRuns: size(800, 30_000), endOnFailure: true })
  })

  test('lose no chunk of a large blob, nor a small blob that is its last chunk', async () => {
    const large = new Uint8Array(chunkBytes + 1_000).fill(7)
    const tail = large.slice(chunkBytes)
    await fc.assert(interleavings([large, tail]), { numRuns: size(40, 1_000), endOnFailure: true })
  })

  test.each(['no-second-read', 'no-confirm', 'no-markers', 'no-fence'] as const)(
    'are caught when the protocol has %s',
    async (breakage) => {
      const result = await fc.check(interleavings(small, breakage), { numRuns: 3_000, endOnFailure: true })
      expect(result.failed).toBe(true)
      expect(String(result.errorInstance)).toMatch(/lost [0-9a-f]{8}/)
      expect(String(result.errorInstance)).not.toContain('an actor failed')
    },
  )
})
