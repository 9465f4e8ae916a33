import { MillraceError } from 'millrace/core'
import { deleteRun, listRuns, Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { encodeStored } from '../../../src/pipeline/stored-json.ts'
import { InstantClock } from './support/instant-clock.ts'
import { contentOf, copyOf, DyingStorage, keysOf } from './support/runs.ts'
import { deferred, rejectionOf, runFailure, stage } from './support/stages.ts'

const numbers = stage('numbers', () => Float64Array.of(1, 2))
const send = stage('send', (value: Float64Array) => ({ sent: value.length }), { effect: true })
const pipeline = new Pipeline('p').pipe(numbers).pipe(send)
const failing = pipeline.pipe(
  stage('end', (): number => {
    throw new Error('no')
  }),
)

const ofRun = async (storage: MemoryStorage, id: string): Promise<readonly string[]> => {
  const keys = await keysOf(storage, '')
  return keys.filter((key) => key.split('/')[1] === id)
}

describe('deleteRun', () => {
  it.each([
    ['succeeded', pipeline],
    ['failed', failing],
  ])('lets go of all of a run that has %s, and of nothing else', async (outcome, of) => {
    const storage = new MemoryStorage()
    for (const id of ['r', 'r-2', 'r2']) await of.run({ storage, id }).catch(() => {})
    expect((await readRun(storage, 'r')).outcome).toBe(outcome)
    const others = Object.fromEntries(Object.entries(await contentOf(storage)).filter(([key]) => key.split('/')[1] !== 'r'))
    await deleteRun(storage, 'r')
    expect(await contentOf(storage)).toEqual(others)
    expect(MillraceError.is(await rejectionOf(readRun(storage, 'r')), 'RUN_NOT_FOUND')).toBe(true)
    expect(MillraceError.is(await rejectionOf(deleteRun(storage, 'r')), 'RUN_NOT_FOUND')).toBe(true)
    // The cache is still of use, and the id is free.
    await of.run({ storage, id: 'r' }).catch(() => {})
    expect((await readRun(storage, 'r')).stages[0]).toMatchObject({ outcome: 'cached' })
  })

  it.each(['none', '../x', 'Not/An Id', ''])('finds no run of the id "%s"', async (id) => {
    const error = await rejectionOf(deleteRun(new MemoryStorage(), id))
    expect(MillraceError.is(error, 'RUN_NOT_FOUND') && error.details.runId).toBe(id)
  })

  it('leaves a run alone that is under way', async () => {
    const storage = new MemoryStorage()
    const begun = deferred()
    const wake = deferred()
    const slow = stage('slow', async () => {
      begun.resolve()
      await wake.promise
      return 1
    })
    const run = new Pipeline('p').pipe(slow).run({ storage, id: 'r', leaseMs: 400 })
    await begun.promise
    const before = await keysOf(storage, 'runs/r/journal')
    const error = await rejectionOf(deleteRun(storage, 'r'))
    expect(MillraceError.is(error, 'RUN_OWNED') && error.message).toContain('before it is deleted')
    expect(await keysOf(storage, 'runs/r/journal')).toEqual(before)
    wake.resolve()
    expect((await run).record).toMatchObject({ outcome: 'succeeded', epoch: 1 })
    await deleteRun(storage, 'r')
    expect(await ofRun(storage, 'r')).toEqual([])
  })

  it('deletes one whose process died, once its lease is over', async () => {
    const dying = new DyingStorage()
    const died = deferred()
    const last = stage('last', () => {
      dying.isDead = true
      died.resolve()
      return 1
    })
    void pipeline.pipe(last).run({ storage: dying, id: 'r' })
    await died.promise
    const storage = await copyOf(dying)
    expect((await readRun(storage, 'r')).outcome).toBe('unfinished')
    await deleteRun(storage, 'r', { clock: new InstantClock() })
    expect(await ofRun(storage, 'r')).toEqual([])
  })

  it('deletes one that is damaged, and not one of a newer library', async () => {
    const newer = new MemoryStorage()
    await newer.put(
      'runs/r/journal/0000000000000000',
      encodeStored({ format: 'millrace-journal-entry', formatVersion: 9, minReaderVersion: 9 }),
    )
    expect(MillraceError.is(await rejectionOf(deleteRun(newer, 'r')), 'FORMAT_UNSUPPORTED')).toBe(true)
    expect(await ofRun(newer, 'r')).toHaveLength(1)
    const storage = new MemoryStorage()
    await pipeline.run({ storage, id: 'r' })
    await storage.put('runs/r/journal/0000000000000000', Uint8Array.of(1))
    await deleteRun(storage, 'r', { clock: new InstantClock() })
    expect(await ofRun(storage, 'r')).toEqual([])
  })

  /** A storage in which something happens just before a run is claimed by an entry of its journal. */
  class ContestedStorage extends MemoryStorage {
    beforeClaim: (() => Promise<unknown>) | undefined
    override async putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
      const act = call[0].startsWith('runs/r/journal/') ? this.beforeClaim : undefined
      if (act !== undefined) {
        this.beforeClaim = undefined
        await act()
      }
      return super.putIfAbsent(...call)
    }
  }

  it('leaves a run to whoever resumes it at the same moment', async () => {
    const storage = new ContestedStorage()
    await pipeline.run({ storage, id: 'r' })
    storage.beforeClaim = () => pipeline.run({ storage, resume: 'r' })
    expect(MillraceError.is(await rejectionOf(deleteRun(storage, 'r')), 'RUN_OWNED')).toBe(true)
    expect(await readRun(storage, 'r')).toMatchObject({ outcome: 'succeeded', epoch: 2 })
  })

  it('gives a run to nobody who resumes it at the moment in which it is deleted', async () => {
    const storage = new ContestedStorage()
    await pipeline.run({ storage, id: 'r' })
    storage.beforeClaim = () => deleteRun(storage, 'r')
    expect(MillraceError.is(await rejectionOf(pipeline.run({ storage, resume: 'r' })), 'RUN_NOT_FOUND')).toBe(true)
    expect(await ofRun(storage, 'r')).toEqual([])
  })

  it('can be cut off anywhere and called again; a run that is resumed in between has all it did', async () => {
    const sent: string[] = []
    const effect = stage(
      'send',
      (value: Float64Array, { idempotencyKey }) => {
        sent.push(idempotencyKey)
        return value.length
      },
      { effect: true },
    )
    const whole = new Pipeline('p').pipe(numbers).pipe(effect)
    const clock = new InstantClock()
    const base = new MemoryStorage()
    await whole.run({ storage: base, id: 'r' })
    for (let writes = 0; ; writes++) {
      const dying = new DyingStorage()
      for (const key of await keysOf(base, '')) await dying.put(key, (await base.get(key))?.bytes as Uint8Array)
      const cut = deferred()
      let left = writes
      dying.onWrite = () => {
        if (left-- > 0) return
        dying.isDead = true
        cut.resolve()
      }
      const isDone = await Promise.race([deleteRun(dying, 'r').then(() => true), cut.promise.then(() => false)])
      if (isDone) {
        expect(writes).toBeGreaterThan(4)
        break
      }
      const again = await copyOf(dying)
      sent.length = 0
      await whole.run({ storage: await copyOf(dying), resume: 'r', clock }).catch(() => {})
      expect(sent).toEqual([])
      await deleteRun(again, 'r', { clock }).catch((error: unknown) => {
        // Only its marker can be left, which holds nothing that anybody could use.
        if (!MillraceError.is(error, 'RUN_NOT_FOUND')) throw error
      })
      expect(await keysOf(again, 'runs/r')).toEqual([])
      const ids: string[] = []
      for await (const { id } of listRuns(again)) ids.push(id)
      expect(ids).toEqual([])
    }
  })

  it('takes with it what makes a failed run resumable', async () => {
    const storage = new MemoryStorage()
    await runFailure(failing.run({ storage, id: 'r' }))
    expect(await keysOf(storage, 'runs-resumable/r')).toHaveLength(1)
    await deleteRun(storage, 'r')
    expect(await keysOf(storage, 'runs-resumable/r')).toEqual([])
  })
})
