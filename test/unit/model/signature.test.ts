import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import type { ColumnType } from '../../../src/data/column-type.ts'
import type { Signature } from '../../../src/model/model-package.ts'
import { checkSignature } from '../../../src/model/signature.ts'

const signature: Signature = {
  inputs: [
    { name: 'date', kind: 'time', nullable: false },
    { name: 'distance', kind: 'number', nullable: true },
    { name: 'origin', kind: 'text', nullable: false },
  ],
  outputs: [{ name: 'probability', type: 'float32', shape: [1] }],
}
const fitting: readonly ColumnType[] = signature.inputs

function mismatchesOf(columns: readonly ColumnType[]): unknown {
  try {
    checkSignature(signature, columns)
    return []
  } catch (error) {
    return MillraceError.is(error, 'SCHEMA_MISMATCH') ? error.details.columns : error
  }
}

describe('checking a signature', () => {
  it('takes columns that fit, whatever their order and whatever else there is', () => {
    expect(mismatchesOf([...fitting].reverse().concat({ name: 'more', kind: 'boolean', nullable: true }))).toEqual([])
  })

  it('takes a column without nulls where null may be, and an integer as a number', () => {
    expect(
      mismatchesOf(fitting.map((column) => (column.name === 'distance' ? { ...column, kind: 'integer', nullable: false } : column))),
    ).toEqual([])
  })

  it('names every column that is missing, of another kind, or null where it must not be', () => {
    expect(
      mismatchesOf([
        { name: 'date', kind: 'text', nullable: false },
        { name: 'distanc', kind: 'number', nullable: true },
        { name: 'origin', kind: 'text', nullable: true },
      ]),
    ).toEqual([
      { name: 'date', expected: 'time', received: 'text' },
      { name: 'distance', expected: 'number or null', received: 'no such column, but "distanc"' },
      { name: 'origin', expected: 'text', received: 'text or null' },
    ])
  })
})
