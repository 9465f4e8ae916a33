import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readCsv } from './csv-reading.ts'

const folder = fileURLToPath(new URL('../../../node_modules/csv-spectrum', import.meta.url))

/** What the package has wrong. */
const corrections: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  location_coordinates: { 'Contact Phone Number': '2095257564' },
}

describe('the cases of csv-spectrum', () => {
  const names = readdirSync(join(folder, 'csvs')).map((file) => file.slice(0, -'.csv'.length))
  it('are there', () => {
    expect(names.length).toBeGreaterThan(10)
  })
  it.each(names)('%s', async (name) => {
    const parsed: Record<string, string> | Record<string, string>[] = JSON.parse(readFileSync(join(folder, 'json', `${name}.json`), 'utf8'))
    // One file has its only record without the list around it.
    const expected = Array.isArray(parsed) ? parsed : [{ ...parsed, ...corrections[name] }]
    const { cells, rejected } = await readCsv(join(folder, 'csvs', `${name}.csv`), { types: 'text', nullTokens: [] })
    expect(rejected).toEqual([])
    expect(expected.map((_, row) => Object.fromEntries(Object.entries(cells).map(([column, values]) => [column, values[row]])))).toEqual(
      expected,
    )
    expect(Object.values(cells)[0]).toHaveLength(expected.length)
  })
})
