// Row 11 of the fault matrix: a writer that is stopped between its read and its write, while others move on. (The lease of runs has its own test.)
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Registry } from '../../src/registry/registry.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { collect, packageNamed } from '../unit/registry/registry-fixtures.ts'
import { size } from './support/size.ts'
import type { StoppedWorkerLine, StoppedWorkerOptions } from './support/stopped-worker.ts'
import { temporaryRoot } from './support/temporary-root.ts'
import type { Side } from './support/watched-files.ts'
import type { Worker } from './support/workers.ts'
import { isStopped, startWorker } from './support/workers.ts'

const root = temporaryRoot()
const model = 'churn'
const stoppedMs = size(1_000, 30_000)
const isLinux = process.platform === 'linux'
const reason = isLinux ? '' : ' (skipped: the state of a process is read from /proc)'

async function prepared(): Promise<Registry> {
  const registry = new Registry({ storage: await FileStorage.open(root()) })
  for (const name of ['one', 'two', 'three']) await registry.register(model, packageNamed(name))
  await registry.setAlias(model, 'champion', 1)
  return registry
}

/** A worker that has read, and is stopped at the moment that would make its change seen. */
async function stoppedAt(side: Side, change: StoppedWorkerOptions['change']): Promise<Worker> {
  const options: StoppedWorkerOptions = { root: root(), model, change, stop: 'suspend', side }
  const worker = startWorker('stopped-worker.ts', 'stopped', options)
  await isStopped(worker.pid)
  return worker
}
async function answerOf(worker: Worker): Promise<StoppedWorkerLine> {
  worker.signal('SIGCONT')
  await worker.ended
  return JSON.parse(worker.lines.at(-1) ?? '') as StoppedWorkerLine
}
async function operations(registry: Registry): Promise<string[]> {
  return (await collect(registry.history(model))).map(({ operation }) =>
    operation.type === 'set-alias' ? `${operation.alias}=${operation.version}` : operation.type,
  )
}
const registered = ['register', 'register', 'register', 'champion=1']

describe.skipIf(!isLinux)(`a writer that is stopped between its read and its write${reason}`, () => {
  test('row 11: SIGSTOP, then resume: Conflict; no lost update, for a move that expects where the alias is', async () => {
    const registry = await prepared()
    const worker = await stoppedAt('before', { do: 'set-alias', alias: 'champion', version: 2, expected: 1 })
    await registry.setAlias(model, 'champion', 3, { expectedVersion: 1 })
    await sleep(stoppedMs)
    expect(await answerOf(worker)).toEqual({ refused: 'ALIAS_MOVED' })
    expect((await registry.alias(model, 'champion'))?.version).toBe(3)
    expect(await operations(registry)).toEqual([...registered, 'champion=3'])
  })

  test('row 11: SIGSTOP, then resume: Conflict, decided again on what is there now; both moves stay in the history', async () => {
    const registry = await prepared()
    const worker = await stoppedAt('before', { do: 'set-alias', alias: 'champion', version: 2, expected: null })
    await registry.setAlias(model, 'champion', 3)
    await registry.register(model, packageNamed('four'))
    await sleep(stoppedMs)
    expect((await registry.alias(model, 'champion'))?.version).toBe(3)
    expect(await answerOf(worker)).toEqual({ moved: true })
    expect((await registry.alias(model, 'champion'))?.version).toBe(2)
    expect(await operations(registry)).toEqual([...registered, 'champion=3', 'register', 'champion=2'])
    expect((await registry.rollback(model, 'champion')).version).toBe(3)
  })

  test('row 11: SIGSTOP, then resume: Conflict; a registration takes the next number, not the one that it had in mind', async () => {
    const registry = await prepared()
    const worker = await stoppedAt('before', { do: 'register', package: 'late', key: 'late' })
    expect((await registry.register(model, packageNamed('four'))).version).toBe(4)
    expect((await registry.register(model, packageNamed('five'))).version).toBe(5)
    await sleep(stoppedMs)
    expect(await answerOf(worker)).toEqual({ version: 6 })
    const versions = await collect(registry.versions(model))
    const names = ['one', 'two', 'three', 'four', 'five', 'late']
    expect(versions.map(({ manifestDigest }) => manifestDigest)).toEqual(names.map((name) => packageNamed(name).manifestDigest))
  })

  test('row 11: SIGSTOP, then resume: Conflict; a registration that somebody else finished by its key is that version', async () => {
    const registry = await prepared()
    const worker = await stoppedAt('before', { do: 'register', package: 'late', key: 'late' })
    expect((await registry.register(model, packageNamed('late'), { idempotencyKey: 'late' })).version).toBe(4)
    expect((await registry.register(model, packageNamed('five'))).version).toBe(5)
    await sleep(stoppedMs)
    expect(await answerOf(worker)).toEqual({ version: 4 })
    expect(await collect(registry.versions(model))).toHaveLength(5)
  })

  test('row 11: SIGSTOP after the write, then resume: what was written stands, in its place, before what came after', async () => {
    const registry = await prepared()
    const worker = await stoppedAt('after', { do: 'set-alias', alias: 'champion', version: 2, expected: 1 })
    expect((await registry.alias(model, 'champion'))?.version).toBe(2)
    await registry.setAlias(model, 'champion', 3, { expectedVersion: 2 })
    await sleep(stoppedMs)
    expect(await answerOf(worker)).toEqual({ moved: true })
    expect((await registry.alias(model, 'champion'))?.version).toBe(3)
    expect(await operations(registry)).toEqual([...registered, 'champion=2', 'champion=3'])
  })
})
