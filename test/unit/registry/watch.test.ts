import { afterEach, describe, expect, test } from 'vitest'
import { yieldToEventLoop } from '../../../src/core/abort.ts'
import { MillraceError } from '../../../src/core/error.ts'
import type { RegistryEvent } from '../../../src/model/model-registry.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { CountingStorage } from './counting-storage.ts'
import { packageNamed } from './registry-fixtures.ts'

const aborts: AbortController[] = []
afterEach(() => {
  for (const abort of aborts.splice(0)) abort.abort(new Error('the test is over'))
})

/** A model with two versions, watched by another instance, with a fault of the storage that can be switched on. */
async function watched() {
  const memory = new MemoryStorage()
  const clock = new FakeClock()
  const registry = new Registry({ storage: memory })
  for (const name of ['a', 'b']) await registry.register('churn', packageNamed(name))
  await registry.setAlias('churn', 'champion', 1)
  const storage = new CountingStorage(memory)
  const fault: { error?: unknown } = {}
  const get = storage.get.bind(storage)
  storage.get = async (...args) => (fault.error === undefined ? get(...args) : Promise.reject(fault.error))
  const abort = new AbortController()
  aborts.push(abort)
  const events: RegistryEvent[] = []
  const ended = (async () => {
    for await (const event of new Registry({ storage, clock }).watch('churn', 'champion', { signal: abort.signal, intervalMs: 1_000 }))
      events.push(event)
  })()
  ended.catch(() => {})
  await yieldToEventLoop()
  storage.calls = []
  return { registry, storage, clock, fault, abort, events, ended }
}

const unavailable = new MillraceError('STORAGE_UNAVAILABLE', { message: 'down', details: { storage: 's', reason: 'down' } })

describe('watching a model', () => {
  test('costs one failed read a look while nothing moves', async () => {
    const { clock, storage, events } = await watched()
    await clock.advance(10_000)
    expect(storage.calls).toHaveLength(10)
    expect(storage.readBytes).toBe(0)
    expect(events).toEqual([])
  })

  test('costs one failed read a look also while the model has no versions', async () => {
    const storage = new CountingStorage(new MemoryStorage())
    const clock = new FakeClock()
    const abort = new AbortController()
    aborts.push(abort)
    const events = new Registry({ storage, clock }).watch('new', 'champion', { signal: abort.signal })[Symbol.asyncIterator]()
    events.next().catch(() => {})
    await yieldToEventLoop()
    storage.calls = []
    await clock.advance(10_000)
    expect(storage.calls).toHaveLength(10)
    expect(storage.readBytes).toBe(0)
  })

  test('tells what was done between two looks in its order: versions, and moves of that alias', async () => {
    const { registry, clock, events } = await watched()
    await registry.setAlias('churn', 'champion', 2, { expectedVersion: 1, reason: 'better', by: 'ann' })
    await registry.setAlias('churn', 'shadow', 1)
    await registry.register('churn', packageNamed('c'))
    await registry.deleteVersion('churn', 3)
    await registry.rollback('churn', 'champion')
    await registry.protectAlias('churn', 'champion')
    await registry.unprotectAlias('churn', 'champion', { reason: 'r', by: 'b' })
    await registry.removeAlias('churn', 'champion')
    await clock.advance(1_000)
    const move = { type: 'alias-moved', name: 'churn', alias: 'champion', reason: null, by: null }
    expect(events).toMatchObject([
      { ...move, from: 1, to: 2, reason: 'better', by: 'ann' },
      { type: 'version-registered', name: 'churn', version: 3 },
      { ...move, from: 2, to: 1 },
      { ...move, from: 1, to: null },
    ])
  })

  test('begins with an empty model, too', async () => {
    const registry = new Registry({ storage: new MemoryStorage() })
    const abort = new AbortController()
    aborts.push(abort)
    const events = registry.watch('new', 'champion', { intervalMs: 1, signal: abort.signal })[Symbol.asyncIterator]()
    const first = events.next()
    await yieldToEventLoop()
    await registry.register('new', packageNamed('a'))
    expect((await first).value).toMatchObject({ type: 'version-registered', version: 1 })
    await registry.setAlias('new', 'champion', 1)
    expect((await events.next()).value).toMatchObject({ type: 'alias-moved', from: null, to: 1 })
  })

  test('waits for a storage that cannot be reached, longer each time up to half a minute, and then tells what it missed, once', async () => {
    const { registry, clock, fault, events, storage } = await watched()
    await registry.register('churn', packageNamed('c'))
    fault.error = unavailable
    const waits: number[] = []
    let waited = 0
    const { length } = storage.calls
    expect(length).toBe(0)
    const sleep = clock.sleep.bind(clock)
    clock.sleep = (ms, signal) => {
      waits.push(ms)
      return sleep(ms, signal)
    }
    while (waited < 200_000) {
      await clock.advance(500)
      waited += 500
    }
    expect(waits.slice(0, 7)).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    expect(events).toEqual([])
    delete fault.error
    await registry.setAlias('churn', 'champion', 3)
    await clock.advance(31_000)
    expect(events).toMatchObject([
      { type: 'version-registered', version: 3 },
      { type: 'alias-moved', from: 1, to: 3 },
    ])
    await clock.advance(5_000)
    expect(events).toHaveLength(2)
    expect(waits.at(-1)).toBe(1_000)
  })

  test('loses and doubles nothing when the storage fails in the middle of what is new', async () => {
    const { registry, clock, events, storage } = await watched()
    for (let count = 0; count < 40; count++) await registry.register('churn', packageNamed(`n${count}`))
    const get = storage.get
    let reads = 0
    storage.get = async (...args) => (++reads % 9 === 0 ? Promise.reject(unavailable) : get(...args))
    await clock.advance(600_000)
    expect(events.map((event) => event.type === 'version-registered' && event.version)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 3),
    )
  })

  test('ends with what the storage throws otherwise, and with the reason of an abort', async () => {
    const broken = await watched()
    broken.fault.error = new MillraceError('STORAGE_DENIED', { message: 'no', details: { storage: 's', reason: 'no' } })
    await broken.clock.advance(1_000)
    await expect(broken.ended).rejects.toBe(broken.fault.error)

    const { abort, ended, clock } = await watched()
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(ended).rejects.toBe(reason)
    expect(clock.sleepers).toBe(0)
  })

  test('that cannot begin says so, since what happens from then on would not be told', async () => {
    const memory = new MemoryStorage()
    const registry = new Registry({ storage: memory })
    await registry.register('churn', packageNamed('a'))
    const storage = new CountingStorage(memory)
    const get = storage.get.bind(storage)
    storage.get = () => Promise.reject(unavailable)
    const abort = new AbortController()
    aborts.push(abort)
    const watching = new Registry({ storage })
    const options = { intervalMs: 1, signal: abort.signal }
    await expect(watching.watch('churn', 'champion', options)[Symbol.asyncIterator]().next()).rejects.toBe(unavailable)
    storage.get = get
    // From the first look that succeeds all is told.
    const events = watching.watch('churn', 'champion', options)[Symbol.asyncIterator]()
    const first = events.next()
    await yieldToEventLoop()
    await registry.register('churn', packageNamed('b'))
    expect((await first).value).toMatchObject({ type: 'version-registered', version: 2 })
  })

  test('refuses an interval that is none', async () => {
    const registry = new Registry({ storage: new MemoryStorage() })
    for (const intervalMs of [0, -1, Number.NaN])
      await expect(registry.watch('churn', 'champion', { intervalMs })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: 'ARGUMENT_INVALID',
      })
  })
})
