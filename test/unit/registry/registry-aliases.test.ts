import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { AliasMoveRequest } from '../../../src/registry/alias-moves.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

async function withVersions(count: number, options: Partial<ConstructorParameters<typeof Registry>[0]> = {}) {
  const storage = new MemoryStorage()
  const registry = new Registry({ storage, random: createRandom(1), ...options })
  for (let version = 1; version <= count; version++) await registry.register('churn', packageNamed(`v${version}`))
  return { storage, registry }
}

const told = { reason: 'AUC 0.8', by: 'ann' }

describe('a protected alias', () => {
  test('moves only for who says from where, why and who, and names what is missing', async () => {
    const { storage, registry } = await withVersions(3)
    await registry.setAlias('churn', 'champion', 1)
    await registry.protectAlias('churn', 'champion', { by: 'ops' })
    const reader = new Registry({ storage })
    const missing = async (options: object): Promise<unknown> => {
      const error: unknown = await reader.setAlias('churn', 'champion', 2, options).catch((thrown: unknown) => thrown)
      if (!MillraceError.is(error, 'ALIAS_PROTECTED')) throw error
      return error.details.missing
    }
    expect(await missing({})).toEqual(['expectedVersion', 'reason', 'by'])
    expect(await missing({ expectedVersion: 1, by: 'ann' })).toEqual(['reason'])
    expect(await missing({ expectedVersion: 1, reason: '', by: 'ann' })).toEqual(['reason'])
    await expect(reader.setAlias('churn', 'champion', 2, { expectedVersion: 3, ...told })).rejects.toMatchObject({ code: 'ALIAS_MOVED' })
    expect((await registry.alias('churn', 'champion'))?.version).toBe(1)
    await reader.setAlias('churn', 'champion', 2, { expectedVersion: 1, ...told })
    await expect(reader.rollback('churn', 'champion', { expectedVersion: 2 })).rejects.toMatchObject({
      code: 'ALIAS_PROTECTED',
      details: { missing: ['reason', 'by'] },
    })
    expect((await reader.rollback('churn', 'champion', { expectedVersion: 2, ...told })).version).toBe(1)
    // To set it where it is moves nothing.
    await reader.setAlias('churn', 'champion', 1)
  })

  test('is not removed before its protection ends, which needs a reason and a name', async () => {
    const { registry } = await withVersions(1)
    await registry.setAlias('churn', 'champion', 1)
    await registry.protectAlias('churn', 'champion')
    await registry.protectAlias('churn', 'champion')
    await expect(registry.removeAlias('churn', 'champion', { expectedVersion: 1, ...told })).rejects.toMatchObject({
      code: 'ALIAS_PROTECTED',
      details: { name: 'churn', alias: 'champion', missing: [] },
    })
    await expect(registry.unprotectAlias('churn', 'champion', { reason: 'retired', by: '' })).rejects.toMatchObject({
      code: 'ALIAS_PROTECTED',
      details: { missing: ['by'] },
    })
    await registry.unprotectAlias('churn', 'champion', told)
    await registry.removeAlias('churn', 'champion')
    expect((await collect(registry.history('churn'))).map(({ operation }) => operation.type)).toEqual([
      'register',
      'set-alias',
      'protect-alias',
      'unprotect-alias',
      'remove-alias',
    ])
  })

  test('may be protected before it is there', async () => {
    const { registry } = await withVersions(1)
    await registry.protectAlias('churn', 'champion')
    await expect(registry.setAlias('churn', 'champion', 1)).rejects.toMatchObject({ code: 'ALIAS_PROTECTED' })
    await registry.setAlias('churn', 'champion', 1, { expectedVersion: 0, ...told })
    expect(await registry.aliases('churn')).toEqual(new Map([['champion', 1]]))
  })
})

describe('the hook before a move', () => {
  test('is told of each move that is one, with both versions', async () => {
    const requests: AliasMoveRequest[] = []
    const { registry } = await withVersions(2, { beforeAliasMove: (request) => void requests.push(request) })
    await registry.setAlias('churn', 'champion', 1)
    await registry.setAlias('churn', 'champion', 1)
    await registry.tag('churn', 1, { stage: 'approved' })
    await registry.setAlias('churn', 'champion', 2, told)
    await registry.rollback('churn', 'champion')
    await registry.removeAlias('churn', 'champion')
    await registry.removeAlias('churn', 'champion')
    expect(
      requests.map(({ kind, name, alias, from, to, reason, by }) => [kind, name, alias, from?.version, to?.version, reason, by]),
    ).toEqual([
      ['set', 'churn', 'champion', undefined, 1, null, null],
      ['set', 'churn', 'champion', 1, 2, 'AUC 0.8', 'ann'],
      ['rollback', 'churn', 'champion', 2, 1, null, null],
      ['remove', 'churn', 'champion', 1, undefined, null, null],
    ])
    expect(requests[1]?.from?.tags).toEqual({ stage: 'approved' })
    expect(requests[1]?.to?.metrics).toEqual({ auc: 0.75 })
  })

  test('refuses by throwing, at once or later, and nothing is changed', async () => {
    const veto = new Error('no approval')
    for (const refuse of [() => Promise.reject(veto), () => expect.unreachable('refused at once')]) {
      let isOpen = true
      const { registry } = await withVersions(2, { beforeAliasMove: () => (isOpen ? undefined : refuse()) })
      await registry.setAlias('churn', 'champion', 1)
      isOpen = false
      const refused = { code: 'ALIAS_MOVE_REFUSED', details: { name: 'churn', alias: 'champion', version: 2 } }
      await expect(registry.setAlias('churn', 'champion', 2)).rejects.toMatchObject(refused)
      await expect(registry.removeAlias('churn', 'champion')).rejects.toMatchObject({ ...refused, details: { version: null } })
      expect(await collect(registry.history('churn'))).toHaveLength(3)
      expect((await registry.alias('churn', 'champion'))?.version).toBe(1)
    }
    const { registry } = await withVersions(1, { beforeAliasMove: () => Promise.reject(veto) })
    await expect(registry.setAlias('churn', 'champion', 1)).rejects.toMatchObject({ cause: veto })
  })

  test('decides on the state that the move follows, also when others move meanwhile', async () => {
    const { storage } = await withVersions(3)
    const other = new Registry({ storage, random: createRandom(2) })
    await other.setAlias('churn', 'champion', 1)
    const seen: (number | undefined)[] = []
    const registry = new Registry({
      storage,
      random: createRandom(3),
      // Only from where the champion is 1, which another makes untrue while the hook thinks.
      beforeAliasMove: async ({ from }) => {
        seen.push(from?.version)
        if (from?.version !== 1) throw new Error('not from there')
        await other.setAlias('churn', 'champion', 3)
      },
    })
    await expect(registry.setAlias('churn', 'champion', 2)).rejects.toMatchObject({ code: 'ALIAS_MOVE_REFUSED' })
    expect(seen).toEqual([1, 3])
    expect((await other.alias('churn', 'champion'))?.version).toBe(3)
  })

  test('may use the registry, and an abort while it thinks is an abort', async () => {
    const abort = new AbortController()
    const reason = new Error('enough')
    const registry: Registry = new Registry({
      storage: (await withVersions(2)).storage,
      beforeAliasMove: async ({ name, to, signal }) => {
        expect(await registry.version(name, to?.version ?? 0)).toEqual(to)
        await registry.register(name, packageNamed('meanwhile'))
        if (signal === undefined) return
        abort.abort(reason)
        signal.throwIfAborted()
      },
    })
    await expect(registry.setAlias('churn', 'champion', 1, { signal: abort.signal })).rejects.toBe(reason)
    // Each asking makes a version, so the first decision is always overtaken: a hook that changes the model never gets a move through.
    await expect(registry.setAlias('churn', 'champion', 1)).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
  })
})

describe('where an alias was at a time', () => {
  test('is what the history says, whatever the clock does', async () => {
    const clock = new FakeClock({ now: 1_000 })
    const { storage, registry } = await withVersions(3, { clock })
    const moves: (readonly [number, number])[] = [
      [2_000, 1],
      [3_000, 2],
      // An hour back, then a day ahead: the order stays.
      [3_000 - 3_600_000, 3],
      [3_000 + 86_400_000, 1],
      [4_000, 2],
    ]
    for (const [now, version] of moves) {
      clock.setNow(now)
      await registry.setAlias('churn', 'champion', version)
    }
    const at = async (time: number): Promise<number | undefined> =>
      (await new Registry({ storage }).aliasAt('churn', 'champion', time))?.version
    expect(await at(1_999)).toBeUndefined()
    expect(await at(2_000)).toBe(1)
    expect(await at(2_999)).toBe(1)
    // The move at a time that is past already counts from the move before it.
    expect(await at(3_000)).toBe(3)
    expect(await at(3_000 + 86_399_999)).toBe(3)
    expect(await at(3_000 + 86_400_000)).toBe(2)
    expect(await at(Number.MAX_SAFE_INTEGER)).toBe(2)
    expect(await at(0)).toBeUndefined()
    expect(await registry.aliasAt('absent', 'champion', 5_000)).toBeUndefined()
    const times = (await collect(registry.history('churn'))).map(({ time }) => time)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  test('is found in a few reads, and is told of a version that was deleted since', async () => {
    const clock = new FakeClock({ now: 0 })
    const { registry } = await withVersions(2, { clock })
    for (let move = 1; move <= 100; move++) {
      clock.setNow(move * 10)
      await registry.setAlias('churn', 'champion', 1 + (move % 2))
    }
    for (let move = 1; move <= 100; move += 9)
      expect((await registry.aliasAt('churn', 'champion', move * 10 + 5))?.version).toBe(1 + (move % 2))
    await registry.removeAlias('churn', 'champion')
    await registry.deleteVersion('churn', 2)
    expect((await registry.aliasAt('churn', 'champion', 15))?.version).toBe(2)
  })
})

describe('the number of aliases', () => {
  test('is bounded, since every entry holds them', async () => {
    const { registry } = await withVersions(1)
    for (let alias = 0; alias < 128; alias++) await registry.setAlias('churn', `a-${alias}`, 1)
    await expect(registry.setAlias('churn', 'one-more', 1)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(registry.protectAlias('churn', 'one-more')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await registry.removeAlias('churn', 'a-0')
    await registry.setAlias('churn', 'one-more', 1)
    await expect(registry.setAlias('churn', 'one-more', 1, { reason: 'x'.repeat(5_000) })).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    })
  })
})
