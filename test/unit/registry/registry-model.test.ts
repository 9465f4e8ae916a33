import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { Registry } from '../../../src/registry/registry.ts'
import type { RegistryOperation, RegistryState } from '../../../src/registry/registry-state.ts'
import { aliasIn, initialRegistryState, reduceRegistry } from '../../../src/registry/registry-state.ts'
import { reduceTags } from '../../../src/registry/version-tags.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

/** What a registry should be, as simply as it can be said. */
interface Expected {
  digests: string[]
  keys: Map<string, number>
  /** Of each alias, the versions it had, the current one last. */
  aliases: Map<string, number[]>
  changes: string[]
}
interface Real {
  storage: MemoryStorage
  registry: Registry
}
type Command = fc.AsyncCommand<Expected, Real>

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? 'other',
  )
}

class Register implements Command {
  readonly key: string | undefined
  constructor(key: string | undefined) {
    this.key = key
  }
  check = (): boolean => true
  async run(expected: Expected, { registry }: Real): Promise<void> {
    const modelPackage = packageNamed(`p${expected.digests.length}`)
    const before = this.key === undefined ? undefined : expected.keys.get(this.key)
    const { version } = await registry.register('m', modelPackage, this.key === undefined ? {} : { idempotencyKey: this.key })
    if (before !== undefined) {
      expect(version).toBe(before)
      return
    }
    expect(version).toBe(expected.digests.push(modelPackage.manifestDigest))
    if (this.key !== undefined) expected.keys.set(this.key, version)
    expected.changes.push('register')
  }
  toString = (): string => `register(${this.key ?? ''})`
}

class SetAlias implements Command {
  readonly alias: string
  readonly version: number
  readonly expected: number | undefined
  constructor(alias: string, version: number, expected: number | undefined) {
    this.alias = alias
    this.version = version
    this.expected = expected
  }
  check = (): boolean => true
  async run(expected: Expected, { registry }: Real): Promise<void> {
    const stack = expected.aliases.get(this.alias) ?? []
    const options = this.expected === undefined ? {} : { expectedVersion: this.expected }
    const code = await codeOf(registry.setAlias('m', this.alias, this.version, options))
    if (this.version > expected.digests.length) expect(code).toBe('MODEL_NOT_FOUND')
    else if (this.expected !== undefined && (stack.at(-1) ?? 0) !== this.expected) expect(code).toBe('ALIAS_MOVED')
    else {
      expect(code).toBe('done')
      if (stack.at(-1) === this.version) return
      expected.aliases.set(this.alias, [...stack, this.version])
      expected.changes.push('set-alias')
    }
  }
  toString = (): string => `setAlias(${this.alias}, ${this.version}, ${this.expected ?? ''})`
}

class Rollback implements Command {
  readonly alias: string
  constructor(alias: string) {
    this.alias = alias
  }
  check = (): boolean => true
  async run(expected: Expected, { registry }: Real): Promise<void> {
    const stack = expected.aliases.get(this.alias) ?? []
    const work = registry.rollback('m', this.alias)
    if (stack.length === 0) expect(await codeOf(work)).toBe('MODEL_NOT_FOUND')
    else if (stack.length === 1) expect(await codeOf(work)).toBe('ALIAS_NOTHING_BEFORE')
    else {
      const rest = stack.slice(0, -1)
      expect((await work).version).toBe(rest.at(-1))
      expected.aliases.set(this.alias, rest)
      expected.changes.push('rollback-alias')
    }
  }
  toString = (): string => `rollback(${this.alias})`
}

class RemoveAlias implements Command {
  readonly alias: string
  constructor(alias: string) {
    this.alias = alias
  }
  check = (): boolean => true
  async run(expected: Expected, { registry }: Real): Promise<void> {
    await registry.removeAlias('m', this.alias)
    if (expected.aliases.delete(this.alias)) expected.changes.push('remove-alias')
  }
  toString = (): string => `removeAlias(${this.alias})`
}

/** Another process takes over. */
class Restart implements Command {
  check = (): boolean => true
  async run(_: Expected, real: Real): Promise<void> {
    real.registry = registryOver(real.storage)
  }
  toString = (): string => 'restart'
}

class Look implements Command {
  check = (): boolean => true
  async run(expected: Expected, { registry }: Real): Promise<void> {
    for (const alias of ['a', 'b']) expect((await registry.alias('m', alias))?.version).toBe(expected.aliases.get(alias)?.at(-1))
    for (const [index, digest] of expected.digests.entries()) expect((await registry.version('m', index + 1)).manifestDigest).toBe(digest)
    expect((await collect(registry.history('m'))).map(({ operation }) => operation.type)).toEqual(expected.changes)
  }
  toString = (): string => 'look'
}

function registryOver(storage: MemoryStorage): Registry {
  return new Registry({ storage, random: createRandom(1), clock: { now: () => 0, monotonicMs: () => 0, sleep: async () => {} } })
}

describe('a registry, whatever is done to it in whatever order', () => {
  test('is what a list of versions and a stack for each alias would be', async () => {
    const alias = fc.constantFrom('a', 'b')
    const version = fc.integer({ min: 1, max: 6 })
    const commands = fc.commands(
      [
        fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined }).map((key) => new Register(key)),
        fc.tuple(alias, version, fc.option(fc.nat(4), { nil: undefined })).map((of) => new SetAlias(...of)),
        fc.tuple(alias, version).map(([name, to]) => new SetAlias(name, to, undefined)),
        alias.map((name) => new Rollback(name)),
        alias.map((name) => new RemoveAlias(name)),
        fc.constant(new Restart()),
        fc.constant(new Look()),
      ],
      { maxCommands: 60 },
    )
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const setup = () => {
          const storage = new MemoryStorage()
          const model: Expected = { digests: [], keys: new Map(), aliases: new Map(), changes: [] }
          return { model, real: { storage, registry: registryOver(storage) } }
        }
        await fc.asyncModelRun(setup, sequence)
      }),
      { numRuns: 60 },
    )
  })
})

describe('the reducer', () => {
  const operation: fc.Arbitrary<RegistryOperation> = fc.oneof(
    fc.constant<RegistryOperation>({ type: 'register', manifestDigest: 'd', lineage: null, keyDigest: null }),
    fc.record({
      type: fc.constant('set-alias' as const),
      alias: fc.constantFrom('a', 'b', 'to-string'),
      version: fc.integer({ min: 1, max: 9 }),
      versionGeneration: fc.integer({ min: 1, max: 9 }),
      reason: fc.constant(null),
      by: fc.constant(null),
    }),
    fc.record({
      type: fc.constant('remove-alias' as const),
      alias: fc.constantFrom('a', 'b'),
      reason: fc.constant(null),
      by: fc.constant(null),
    }),
  )

  test('raises the version by one for a registration and for nothing else, and changes no state that it is given', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        let state: RegistryState = initialRegistryState
        let versions = 0
        for (const [index, next] of operations.entries()) {
          const before = JSON.stringify(state)
          const after = reduceRegistry(state, next, { generation: index + 1 })
          expect(JSON.stringify(state)).toBe(before)
          if (next.type === 'register') versions++
          expect(after.lastVersion).toBe(versions)
          if (next.type === 'set-alias')
            expect(aliasIn(after, next.alias)).toMatchObject({
              version: next.version,
              setAt: index + 1,
              below: aliasIn(state, next.alias)?.setAt ?? null,
            })
          if (next.type === 'remove-alias') expect(aliasIn(after, next.alias)).toBeUndefined()
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

  test('of tags sets, replaces and takes off', () => {
    expect(reduceTags({ a: '1', b: '2' }, { a: '3', b: null, c: '4', d: null })).toEqual({ a: '3', c: '4' })
  })
})
