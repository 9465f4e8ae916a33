// Row 9 of the fault matrix: processes that change one model at the same time.
import { describe, expect, test } from 'vitest'
import { Registry } from '../../src/registry/registry.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { collect, packageNamed } from '../unit/registry/registry-fixtures.ts'
import type { IncrementWorkerLine, IncrementWorkerOptions } from './support/increment-worker.ts'
import type { RegisterWorkerLine, RegisterWorkerOptions } from './support/register-worker.ts'
import { size } from './support/size.ts'
import { temporaryRoot } from './support/temporary-root.ts'
import type { Worker } from './support/workers.ts'
import { release, startWorker } from './support/workers.ts'

const root = temporaryRoot()
const model = 'churn'
const processes = 8
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)
const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((left, right) => left - right)

async function runAll(workers: readonly Worker[]): Promise<void> {
  await release(workers)
  await Promise.all(workers.map(({ ended }) => ended))
}
function said<Line>({ lines }: Worker): Line[] {
  return lines.filter((line) => line !== 'ready').map((line) => JSON.parse(line) as Line)
}

describe('eight processes', () => {
  test('row 9: 8 processes x 50 registers: exactly 1..400', async () => {
    const each = 50
    const workers = Array.from({ length: processes }, (_, index) => {
      const options: RegisterWorkerOptions = { root: root(), model, name: `p${index}`, count: each }
      return startWorker('register-worker.ts', options.name, options)
    })
    await runAll(workers)
    const made = workers.map((worker) => said<RegisterWorkerLine>(worker).flatMap((line) => (line.version === undefined ? [] : [line])))
    expect(ascending(made.flat().map(({ version }) => version))).toEqual(upTo(processes * each))
    const registry = new Registry({ storage: await FileStorage.open(root()) })
    const versions = await collect(registry.versions(model))
    expect(versions.map(({ version }) => version)).toEqual(upTo(processes * each))
    for (const { version, manifestDigest } of made.flat()) expect(versions[version - 1]?.manifestDigest).toBe(manifestDigest)
    // Each process sees its own in the order in which it made them, and they took turns: else it was no race.
    for (const own of made) expect(own.map(({ version }) => version)).toEqual(ascending(own.map(({ version }) => version)))
    const owners = versions.map(({ manifestDigest }) => made.findIndex((own) => own.some((line) => line.manifestDigest === manifestDigest)))
    expect(owners.filter((owner, index) => index > 0 && owner !== owners[index - 1]).length).toBeGreaterThan(processes * 2)
  })

  test('row 9: 8 processes that read an alias and set it one higher: none of the acknowledged is lost', async () => {
    const each = size(20, 75)
    const total = processes * each
    const registry = new Registry({ storage: await FileStorage.open(root(), { durability: 'process' }) })
    const modelPackage = packageNamed('the same in all')
    for (let version = 1; version <= total; version++) await registry.register(model, modelPackage)
    const workers = upTo(processes).map((index) => {
      const options: IncrementWorkerOptions = { root: root(), model, alias: 'champion', count: each }
      return startWorker('increment-worker.ts', `p${index}`, options)
    })
    await runAll(workers)
    const moves = workers.flatMap((worker) => said<IncrementWorkerLine>(worker))
    expect(moves).toHaveLength(total)
    // Each step was taken by exactly one, so none was taken back by another.
    expect(ascending(moves.map(([, to]) => to))).toEqual(upTo(total))
    expect((await registry.aliases(model)).get('champion')).toBe(total)
    const history = await collect(registry.history(model))
    const set = history.flatMap(({ operation }) => (operation.type === 'set-alias' ? [operation.version] : []))
    expect(set).toEqual(upTo(total))
    console.log(`${total} of ${total} acknowledged moves are there, in order`)
  })
})
