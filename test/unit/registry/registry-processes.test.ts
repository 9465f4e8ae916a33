import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Registry } from '../../../src/registry/registry.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-registry-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** Starts a process that registers `count` versions; its acknowledged versions when it has ended. With `killAfter`, it is killed after so many. */
function work(name: string, count: number, killAfter = Number.POSITIVE_INFINITY): Promise<number[]> {
  const worker = fileURLToPath(new URL('./register-worker.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', worker, root, name, String(count)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stderr.on('data', (text) => {
    errors += text
  })
  child.stdout.on('data', (text) => {
    output += text
    if (output.split('\n').length > killAfter) child.kill('SIGKILL')
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve(output.split('\n').slice(0, -1).map(Number))
      else reject(new Error(`worker ${name} ended with ${code}: ${errors}`))
    })
  })
}

describe('a registry on files', () => {
  test('numbers the versions of four processes 1 to 40, and every one can be read', async () => {
    const made = (await Promise.all(['a', 'b', 'c', 'd'].map((name) => work(name, 10)))).flat()
    expect(made.sort((left, right) => left - right)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    const registry = new Registry({ storage: await FileStorage.open(root) })
    const versions = await collect(registry.versions('churn'))
    expect(new Set(versions.map(({ manifestDigest }) => manifestDigest)).size).toBe(40)
    expect(await collect(registry.history('churn'))).toHaveLength(80)
    for (const { version } of versions) await registry.load('churn', version)
  }, 60_000)

  test('keeps what was acknowledged when its writers are killed, without a gap, and goes on', async () => {
    const made = (await Promise.all([work('a', 50, 3), work('b', 50, 5), work('c', 4)])).flat()
    const registry = new Registry({ storage: await FileStorage.open(root) })
    const versions = (await collect(registry.versions('churn'))).map(({ version }) => version)
    expect(versions).toEqual(versions.map((_, index) => index + 1))
    for (const version of made) await registry.load('churn', version)
    // What was done is not done again, what was not is.
    expect((await registry.register('churn', packageNamed('a-0'), { idempotencyKey: 'a-0' })).version).toBeLessThanOrEqual(versions.length)
    expect((await registry.register('churn', packageNamed('new'))).version).toBe(versions.length + 1)
  }, 60_000)
})
