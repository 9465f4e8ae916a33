import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RegistryOperation, RegistryState } from '../../../src/registry/registry-state.ts'
import { aliasIn, initialRegistryState, reduceRegistry } from '../../../src/registry/registry-state.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { lookThenWrite } from '../../proof/support/broken-storage.ts'
import { answersAsSpecified, isLinearizableInAnyOrder } from '../../proof/support/registry-model.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-registry-model-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

let folders = 0
const openMemory = async (): Promise<StorageAdapter> => new MemoryStorage()
/** What is synced, and when, changes no answer. */
const openFiles = (): Promise<StorageAdapter> => FileStorage.open(join(root, String(folders++)), { durability: 'process' })

describe('a registry, whatever is asked of it in whatever order', () => {
  test('answers as a list of versions and a stack for each alias would', async () => {
    await answersAsSpecified(openMemory, { runs: 60, maxCommands: 60 })
  })

  test('answers so on files', async () => {
    await answersAsSpecified(openFiles, { runs: 10, maxCommands: 40 })
  })
})

describe('several registries over one storage, in whatever order the storage serves them', () => {
  test('give answers that can be put in one order', async () => {
    const { calls } = await isLinearizableInAnyOrder(openMemory, { runs: 100, clients: 3, callsEach: 6, faults: 0 })
    expect(calls).toBeGreaterThan(1_000)
  })

  test('do so while the storage fails, loses requests and replies, and applies writes late; and all that was acknowledged is there', async () => {
    const { unknown, failed } = await isLinearizableInAnyOrder(openMemory, { runs: 150, clients: 3, callsEach: 6, faults: 0.06 })
    // Else little was put to the test.
    expect(unknown).toBeGreaterThan(3)
    expect(failed).toBeGreaterThan(50)
  })

  test('do so one after the other, where more than every tenth operation fails', async () => {
    await isLinearizableInAnyOrder(openMemory, { runs: 80, clients: 2, callsEach: 8, faults: 0.12 })
  })

  test('do so on files', async () => {
    await isLinearizableInAnyOrder(openFiles, { runs: 10, clients: 3, callsEach: 5, faults: 0 })
    await isLinearizableInAnyOrder(openFiles, { runs: 10, clients: 3, callsEach: 5, faults: 0.05 })
  })

  test('are found out where the storage looks first and writes then', async () => {
    const check = isLinearizableInAnyOrder(openMemory, { runs: 300, clients: 3, callsEach: 6, faults: 0, over: lookThenWrite })
    await expect(check).rejects.toThrow('Property failed')
  })
})

describe('the reducer', () => {
  const alias = fc.constantFrom('a', 'b', 'to-string')
  const account = { reason: fc.constant(null), by: fc.constant(null) }
  const operation: fc.Arbitrary<RegistryOperation> = fc.oneof(
    fc.constantFrom(null, { digest: 'k', nodes: [] }).map((key): RegistryOperation => {
      return { type: 'register', manifestDigest: 'd', manifest: null, record: null, key }
    }),
    fc.record({
      type: fc.constant('set-alias' as const),
      alias,
      version: fc.integer({ min: 1, max: 9 }),
      versionGeneration: fc.integer({ min: 1, max: 9 }),
      ...account,
    }),
    fc.record({ type: fc.constant('remove-alias' as const), alias, ...account }),
    fc.record({ type: fc.constantFrom('protect-alias' as const, 'unprotect-alias' as const), alias, ...account }),
    fc.record({ type: fc.constant('delete-version' as const), version: fc.constant(1), nodes: fc.constant([]), ...account }),
  )

  test('raises the version by one for a registration and for nothing else, and changes no state that it is given', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        let state: RegistryState = initialRegistryState
        let versions = 0
        for (const [index, next] of operations.entries()) {
          const generation = index + 1
          const before = JSON.stringify(state)
          const after = reduceRegistry(state, next, { generation })
          expect(JSON.stringify(state)).toBe(before)
          if (next.type === 'register') versions++
          expect(after.lastVersion).toBe(versions)
          if (next.type === 'set-alias')
            expect(aliasIn(after, next.alias)).toMatchObject({
              version: next.version,
              setAt: generation,
              below: aliasIn(state, next.alias)?.setAt ?? null,
            })
          if (next.type === 'remove-alias') expect(aliasIn(after, next.alias)).toBeUndefined()
          if (next.type === 'protect-alias') expect(after.protectedAliases).toContain(next.alias)
          if (next.type === 'unprotect-alias') expect(after.protectedAliases).not.toContain(next.alias)
          if (next.type === 'delete-version') expect(after).toEqual({ ...state, deletionRoot: generation })
          if (next.type === 'register') expect(after.keyRoot).toBe(next.key === null ? state.keyRoot : generation)
          state = after
        }
      }),
    )
  })

  test('finds no alias where an object has a property of its own', () => {
    expect(aliasIn(initialRegistryState, 'toString')).toBeUndefined()
  })

  test('refuses an operation that it does not know', () => {
    const unknown = { type: 'forget' } as unknown as RegistryOperation
    expect(() => reduceRegistry(initialRegistryState, unknown, { generation: 1 })).toThrow(
      expect.objectContaining({ code: 'STORAGE_CORRUPT' }),
    )
  })
})
