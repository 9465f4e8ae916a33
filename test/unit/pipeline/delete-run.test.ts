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

describe('deleteRun beside others', () => {
  /** What one process sees of a storage. Before its call of the given number it is stopped until something else has happened. */
  class Process extends MemoryStorage {
    readonly #storage: MemoryStorage
    readonly #stopAt: (call: string, count: number) => boolean
    readonly #meanwhile: () => Promise<unknown>
    #count = 0
    #stopped: Promise<unknown> | undefined

    constructor(storage: MemoryStorage, stopAt: (call: string, count: number) => boolean, meanwhile: () => Promise<unknown>) {
      super()
      this.#storage = storage
      this.#stopAt = stopAt
      this.#meanwhile = meanwhile
    }

    get wasStopped(): boolean {
      return this.#stopped !== undefined
    }

    override async get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
      await this.#turn(`get ${call[0]}`)
      return this.#storage.get(...call)
    }
    override async put(...call: Parameters<MemoryStorage['put']>): Promise<void> {
      await this.#turn(`put ${call[0]}`)
      return this.#storage.put(...call)
    }
    override async putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
      await this.#turn(`putIfAbsent ${call[0]}`)
      return this.#storage.putIfAbsent(...call)
    }
    override async delete(...call: Parameters<MemoryStorage['delete']>): Promise<void> {
      await this.#turn(`delete ${call[0]}`)
      return this.#storage.delete(...call)
    }
    override list(...call: Parameters<MemoryStorage['list']>): ReturnType<MemoryStorage['list']> {
      return this.#storage.list(...call)
    }

    async #turn(call: string): Promise<void> {
      if (this.#stopped === undefined && this.#stopAt(call, this.#count++)) this.#stopped = this.#meanwhile()
      await this.#stopped
    }
  }

  type Ending = string | { readonly output: unknown }
  const endingOf = async (work: Promise<unknown>): Promise<Ending> => {
    try {
      return { output: ((await work) as { output?: unknown } | undefined)?.output }
    } catch (error) {
      return error instanceof MillraceError ? error.code : String(error)
    }
  }
  const sent = { output: { sent: 2 } }
  const deleted = { output: undefined }
  const calls = Array.from({ length: 60 }, (_, call) => call)

  /** Deletes a run that has ended; before the call of that number something else happens. Undefined where there are not so many calls. */
  async function deleteWith(
    call: number,
    meanwhile: (storage: MemoryStorage) => Promise<unknown>,
    counts: (call: string) => boolean = () => true,
  ): Promise<{ readonly storage: MemoryStorage; readonly deletion: Ending; readonly other: Ending } | undefined> {
    const storage = new MemoryStorage()
    await pipeline.run({ storage, id: 'r' })
    let other: Ending = 'nothing'
    let seen = 0
    const stopAt = (name: string): boolean => counts(name) && seen++ === call
    const process = new Process(storage, stopAt, async () => {
      other = await endingOf(meanwhile(storage))
    })
    const deletion = await endingOf(deleteRun(process, 'r'))
    return process.wasStopped ? { storage, deletion, other } : undefined
  }

  it('gives the id to a new run before none of its steps', async () => {
    let count = 0
    for (const call of calls) {
      const ended = await deleteWith(call, (storage) => pipeline.run({ storage, id: 'r' }))
      if (ended === undefined) break
      count++
      const { storage, deletion, other } = ended
      expect([deletion, other]).toEqual([deleted, 'RUN_EXISTS'])
      expect(await ofRun(storage, 'r')).toEqual([])
      expect((await pipeline.run({ storage, id: 'r' })).record).toMatchObject({ outcome: 'succeeded', epoch: 1 })
    }
    expect(count).toBeGreaterThan(12)
  })

  it('says to a new run that asks for the id meanwhile what is in its way', async () => {
    const messages: string[] = []
    for (const call of calls) {
      await deleteWith(call, async (storage) => messages.push(String(await rejectionOf(pipeline.run({ storage, id: 'r' })))))
    }
    expect(messages.at(0)).toContain('which another run has')
    expect(messages.at(-1)).toContain('is being deleted')
  })

  it('is found by nobody from the step on in which it is claimed', async () => {
    let hasGone = false
    for (const call of calls) {
      const ended = await deleteWith(call, async (storage) => {
        const ids: string[] = []
        for await (const { id } of listRuns(storage)) ids.push(id)
        const record = await readRun(storage, 'r').catch(() => undefined)
        return { output: [ids.length, record?.outcome] }
      })
      if (ended === undefined) break
      const isThere = JSON.stringify(ended.other) === JSON.stringify({ output: [1, 'succeeded'] })
      if (hasGone || !isThere) expect(ended.other).toEqual({ output: [0, undefined] })
      hasGone ||= !isThere
    }
    expect(hasGone).toBe(true)
  })

  it('leaves the run to whoever takes it over before it is claimed, and to nobody after that', async () => {
    const endings = new Set<string>()
    for (const call of calls) {
      const ended = await deleteWith(call, (storage) => pipeline.run({ storage, resume: 'r', takeOver: true }))
      if (ended === undefined) break
      const { storage, deletion, other } = ended
      endings.add(`${JSON.stringify(deletion)} ${JSON.stringify(other)}`)
      if (deletion === 'RUN_OWNED') expect(await readRun(storage, 'r')).toMatchObject({ outcome: 'succeeded', epoch: 2 })
      // Where it was not read yet, the heir's work was done before, and it is deleted with it.
      else expect(await ofRun(storage, 'r')).toEqual([])
    }
    expect([...endings].sort()).toEqual(
      [
        `${JSON.stringify(deleted)} "RUN_NOT_FOUND"`,
        `${JSON.stringify(deleted)} ${JSON.stringify(sent)}`,
        `"RUN_OWNED" ${JSON.stringify(sent)}`,
      ].sort(),
    )
  })

  it('leaves nothing to one who had read the run before, and claims it at any step', async () => {
    const endings = new Set<string>()
    for (const call of calls) {
      const claim = deferred()
      const isAtClaim = deferred()
      let heir: Promise<Ending> = Promise.resolve('nothing')
      const storage = new MemoryStorage()
      await pipeline.run({ storage, id: 'r' })
      const late = new Process(
        storage,
        (name) => name.startsWith('putIfAbsent runs/r/'),
        () => {
          isAtClaim.resolve()
          return claim.promise
        },
      )
      heir = endingOf(pipeline.run({ storage: late, resume: 'r', takeOver: true }))
      await isAtClaim.promise
      const deleting = new Process(
        storage,
        (_, count) => count === call,
        async () => {
          claim.resolve()
          await heir
        },
      )
      const deletion = await endingOf(deleteRun(deleting, 'r'))
      claim.resolve()
      endings.add(`${JSON.stringify(deletion)} ${JSON.stringify(await heir)}`)
      if (deletion === 'RUN_OWNED') expect(await readRun(storage, 'r')).toMatchObject({ outcome: 'succeeded', epoch: 2 })
      else expect(await ofRun(storage, 'r')).toEqual([])
      if (!deleting.wasStopped) break
    }
    expect([...endings].sort()).toEqual(
      [
        `${JSON.stringify(deleted)} "RUN_NOT_FOUND"`,
        `${JSON.stringify(deleted)} ${JSON.stringify(sent)}`,
        `"RUN_OWNED" ${JSON.stringify(sent)}`,
      ].sort(),
    )
  })

  it('is done by one of two that delete at once', async () => {
    const storage = new MemoryStorage()
    await pipeline.run({ storage, id: 'r' })
    const endings = await Promise.all([1, 2, 3].map(() => endingOf(deleteRun(storage, 'r'))))
    expect(endings.filter((ending) => typeof ending === 'object')).toHaveLength(1)
    for (const ending of endings) if (typeof ending === 'string') expect(['RUN_OWNED', 'RUN_NOT_FOUND']).toContain(ending)
    expect(await ofRun(storage, 'r')).toEqual([])
  })

  it('takes nothing of a new run when it was stopped before any look, while another deleted the old one', async () => {
    const endings = new Set<string>()
    const clock = new InstantClock()
    const short = new Pipeline('p').pipe(numbers)
    const isLook = (name: string): boolean => name.startsWith('get') || name.startsWith('putIfAbsent')
    let count = 0
    for (const call of calls) {
      let next = {}
      const meanwhile = async (storage: MemoryStorage): Promise<void> => {
        await deleteRun(storage, 'r', { clock })
        await short.run({ storage, id: 'r' })
        next = await contentOf(storage, 'runs/r/journal')
      }
      const ended = await deleteWith(call, meanwhile, isLook)
      if (ended === undefined) break
      count++
      const { storage, deletion, other } = ended
      expect(other).toEqual(deleted)
      endings.add(JSON.stringify(deletion))
      if (typeof deletion === 'string') {
        expect(await contentOf(storage, 'runs/r/journal')).toEqual(next)
        expect(await readRun(storage, 'r')).toMatchObject({ outcome: 'succeeded', epoch: 1 })
        expect((await short.run({ storage, resume: 'r' })).output).toEqual(Float64Array.of(1, 2))
      }
    }
    expect(count).toBeGreaterThan(5)
    expect([...endings].sort()).toEqual(['"RUN_NOT_FOUND"', '"RUN_OWNED"', '{}'])
  })

  it('stops when another, who took it for dead, goes on with it', async () => {
    const storage = new MemoryStorage()
    await pipeline.run({ storage, id: 'r' })
    const clock = new InstantClock()
    const process = new Process(
      storage,
      (name) => name === 'delete runs/r/record',
      () => deleteRun(storage, 'r', { clock }),
    )
    expect(await endingOf(deleteRun(process, 'r'))).toBe('RUN_OWNED')
    // A beat that it was about to write may come late: a hint that is nobody's.
    expect((await ofRun(storage, 'r')).filter((key) => key !== 'runs/r/heartbeat')).toEqual([])
    expect((await pipeline.run({ storage, id: 'r' })).record).toMatchObject({ outcome: 'succeeded', epoch: 1 })
    await deleteRun(storage, 'r')
    expect(await ofRun(storage, 'r')).toEqual([])
  })
})
