import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flagSelection, forEachRow, type Selection } from '../../../src/data/selection.ts'
import { rangeOfSelection } from '../../../src/data/selection-range.ts'

function rowsOf(selection: Selection): number[] {
  const rows: number[] = []
  forEachRow(selection, (row) => void rows.push(row))
  return rows
}

describe('rangeOfSelection', () => {
  it('is the slice of the rows, for stretches and for bitmaps', () => {
    const flags = fc.oneof(
      fc.array(fc.boolean(), { maxLength: 400 }),
      // Long stretches stay ranges.
      fc
        .array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 50 })), { maxLength: 8 })
        .map((runs) => runs.flatMap(([flag, length]) => Array<boolean>(length).fill(flag))),
    )
    fc.assert(
      fc.property(flags, fc.nat(420), fc.nat(420), (chosen, left, right) => {
        const selection = flagSelection(Uint8Array.from(chosen, Number))
        const [start, end] = [Math.min(left, right), Math.max(left, right)]
        const part = rangeOfSelection(selection, start, end)
        expect(rowsOf(part)).toEqual(rowsOf(selection).slice(start, end))
        expect(part.rowCount).toBe(rowsOf(part).length)
      }),
    )
  })
})
