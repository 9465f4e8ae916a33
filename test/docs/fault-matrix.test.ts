import { describe, expect, test } from 'vitest'
import { claimedRows, faultMatrix, lastRequiredRow, projectOf, rowOf } from '../../scripts/fault-matrix.mjs'

describe('the fault matrix', () => {
  const claims = claimedRows()

  test(`has a test for each of the rows 1 to ${lastRequiredRow}`, () => {
    const missing = faultMatrix.map(({ row }) => row).filter((row) => row <= lastRequiredRow && !claims.some((claim) => claim.row === row))
    expect(missing).toEqual([])
  })

  test('has every row that a test claims', () => {
    const rows = new Set(faultMatrix.map(({ row }) => row))
    expect(claims.filter(({ row }) => !rows.has(row))).toEqual([])
  })

  test('is proven by tests that npm run prove runs', () => {
    const projects = new Set(claims.map(({ file }) => projectOf(file)))
    expect([...projects].filter((project) => !['node', 'proof', 'services', 'browser', 'examples'].includes(project))).toEqual([])
  })

  test('knows a row by the name of a test, or of a group that it is in', () => {
    expect(rowOf('row 9: exactly', 'others')).toBe(9)
    expect(rowOf('exactly', 'S3 on a server: row 17: reply lost')).toBe(17)
    expect(rowOf('the first row 9: of a table')).toBeUndefined()
  })
})
