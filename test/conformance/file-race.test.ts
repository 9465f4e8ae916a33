import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FileStorage } from 'millrace/storage/file'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('./race-writer.ts', import.meta.url))
const [processes, keys] = [6, 100]

interface Result {
  readonly won: number[]
  readonly other: string[]
}

test('of processes that race to create the same keys exactly one wins each, and the losers read its value', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-race-'))
  try {
    const racers = Array.from({ length: processes }, (_, index) => {
      const child = spawn(process.execPath, ['--import', 'tsx', script, root, `writer-${index}`, String(keys)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
    })
    for (const { lines } of racers) expect((await lines.next()).value).toBe('ready')
    for (const { child } of racers) child.stdin.write(String(Date.now() + 200))
    const results = await Promise.all(racers.map(async ({ lines }) => JSON.parse(String((await lines.next()).value)) as Result))
    expect(results.flatMap(({ other }) => other)).toEqual([])
    const won = results.flatMap((result) => result.won).sort((left, right) => left - right)
    expect(won).toEqual(Array.from({ length: keys }, (_, key) => key))
    // Else it was no race.
    expect(results.filter((result) => result.won.length > 0).length).toBeGreaterThan(1)
    const storage = await FileStorage.open(root)
    for (const [writer, result] of results.entries()) {
      for (const key of result.won) {
        const object = await storage.get(`race/${key % 7}/${key}`)
        expect(new TextDecoder().decode(object?.bytes)).toBe(`writer-${writer} `.repeat(500))
      }
    }
    expect((await readdir(root, { recursive: true })).filter((name) => name.includes('.tmp-'))).toEqual([])
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}, 60_000)
