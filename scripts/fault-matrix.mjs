// The fault matrix, and which tests claim which of its rows: a test that proves a row begins its name, or that of its group, with `row N: `.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Rows above this one belong to parts whose proofs are elsewhere. */
export const lastRequiredRow = 26

/** `{ row, fault, component, expected }` each. */
export const faultMatrix = JSON.parse(readFileSync(join(root, 'scripts', 'fault-matrix.json'), 'utf8'))

/** The row that the first of the names (of a test, and of the groups it is in) claims. */
export function rowOf(...names) {
  for (const name of names) {
    const row = /(?:^|: )row (\d+): /.exec(name)?.[1]
    if (row !== undefined) return Number(row)
  }
  return undefined
}

/** Each claim in the test sources, wherever the text stands: `{ row, file, name }`, in the order of rows. */
export function claimedRows() {
  const claims = []
  for (const entry of readdirSync(join(root, 'test'), { recursive: true })) {
    const file = `test/${String(entry).replaceAll('\\', '/')}`
    if (!file.endsWith('.test.ts')) continue
    for (const [, name] of readFileSync(join(root, file), 'utf8').matchAll(/['"`](?:[^'"`\n]*: )?(row \d+: [^'"`\n]*)/g))
      claims.push({ row: rowOf(name), file, name })
  }
  return claims.sort((left, right) => left.row - right.row || left.file.localeCompare(right.file))
}

/** The vitest project of a test file. */
export function projectOf(file) {
  const folder = file.split('/')[1]
  return ['unit', 'conformance', 'docs'].includes(folder) ? 'node' : folder
}
