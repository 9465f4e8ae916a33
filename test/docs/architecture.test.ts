import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import floors from '../../scripts/floors.json' with { type: 'json' }

const root = fileURLToPath(new URL('../../', import.meta.url))
const sorted = (names: readonly string[]): string[] => [...names].sort()

describe('the picture of the house', () => {
  const text = readFileSync(`${root}docs/architecture.md`, 'utf8')
  const drawn = [...text.matchAll(/^floor (\d+)\s+(.+)$/gm)].map(([, floor, rooms]) => [
    Number(floor),
    sorted((rooms ?? '').trim().split(/\s+/)),
  ])

  test('is the rule that dependency-cruiser holds', () => {
    const ruled = floors.map((rooms, index) => [index + 1, sorted(rooms)])
    expect(drawn).toEqual(ruled.reverse())
  })

  test('has every folder of the source, and no other', () => {
    const folders = readdirSync(`${root}src`, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    expect(sorted(floors.flat())).toEqual(sorted(folders))
  })
})
