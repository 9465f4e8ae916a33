// Registries that are wrong in the ways in which registries are wrong: what the checker must find.
import { MillraceError } from '../../../src/core/error.ts'
import type { ModelVersion, SetAliasOptions } from '../../../src/model/model-registry.ts'
import { Registry } from '../../../src/registry/registry.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { acknowledgeEarly, lookThenWrite } from './broken-storage.ts'
import type { TestedRegistry } from './registry-operations.ts'

export type RegistryKind = 'sound' | 'look-then-write' | 'overwritten-aliases' | 'remembered-alias' | 'early-acknowledgement'

export function registryOf(kind: RegistryKind, storage: StorageAdapter): TestedRegistry {
  const sound = new Registry({ storage })
  if (kind === 'sound') return sound
  if (kind === 'look-then-write') return new Registry({ storage: lookThenWrite(storage, 1) })
  if (kind === 'early-acknowledgement') return new Registry({ storage: acknowledgeEarly(storage, 10) })
  const aliases = kind === 'overwritten-aliases' ? overwrittenAliases(sound, storage) : rememberedAlias(sound)
  return {
    register: (name, modelPackage, options) => sound.register(name, modelPackage, options),
    version: (name, version) => sound.version(name, version),
    alias: (name, alias) => sound.alias(name, alias),
    aliases: (name) => sound.aliases(name),
    setAlias: (name, alias, version, options) => sound.setAlias(name, alias, version, options),
    removeAlias: (name, alias, options) => sound.removeAlias(name, alias, options),
    rollback: (name, alias, options) => sound.rollback(name, alias, options),
    deleteVersion: (name, version) => sound.deleteVersion(name, version),
    collectGarbage: (options) => sound.collectGarbage(options),
    ...aliases,
  }
}

/** Aliases in one small file that is read, changed and written over: what a registry on files does that is not thought through. */
function overwrittenAliases(sound: Registry, storage: StorageAdapter): Partial<TestedRegistry> {
  const read = async (name: string): Promise<Map<string, number[]>> => {
    const stored = await storage.get(`naive/${name}`)
    return new Map(stored === undefined ? [] : (JSON.parse(new TextDecoder().decode(stored.bytes)) as [string, number[]][]))
  }
  const change = async (name: string, alias: string, options: SetAliasOptions, to: (stack: number[]) => number[]): Promise<number[]> => {
    const all = await read(name)
    const stack = all.get(alias) ?? []
    if (options.expectedVersion !== undefined && (stack.at(-1) ?? 0) !== options.expectedVersion) throw faultOf('ALIAS_MOVED', name, alias)
    const next = to(stack)
    if (next.length === 0) all.delete(alias)
    else all.set(alias, next)
    await storage.put(`naive/${name}`, new TextEncoder().encode(JSON.stringify([...all])))
    return next
  }
  return {
    aliases: async (name) => new Map([...(await read(name))].map(([alias, stack]) => [alias, stack.at(-1) ?? 0])),
    alias: async (name, alias) => {
      const version = (await read(name)).get(alias)?.at(-1)
      return version === undefined ? undefined : await sound.version(name, version)
    },
    setAlias: async (name, alias, version, options) => {
      await sound.version(name, version)
      await change(name, alias, options, (stack) => (stack.at(-1) === version ? stack : [...stack, version]))
    },
    removeAlias: async (name, alias, options) => {
      await change(name, alias, options, () => [])
    },
    rollback: async (name, alias, options) => {
      const next = await change(name, alias, options, (stack) => {
        if (stack.length === 0) throw faultOf('MODEL_NOT_FOUND', name, alias)
        if (stack.length === 1) throw faultOf('ALIAS_NOTHING_BEFORE', name, alias)
        return stack.slice(0, -1)
      })
      return await sound.version(name, next.at(-1) ?? 0)
    },
    deleteVersion: async (name) => {
      throw faultOf('REGISTRY_UNSUPPORTED', name, '')
    },
  }
}

/** Answers for a while from what it read before: as a cache does that nobody tells of a move. */
function rememberedAlias(sound: Registry): Partial<TestedRegistry> {
  const known = new Map<string, { readonly until: number; readonly found: ModelVersion | undefined }>()
  return {
    alias: async (name, alias) => {
      const key = `${name} ${alias}`
      const before = known.get(key)
      if (before !== undefined && before.until > performance.now()) return before.found
      const found = await sound.alias(name, alias)
      known.set(key, { until: performance.now() + 40, found })
      return found
    },
  }
}

function faultOf(
  code: 'ALIAS_MOVED' | 'MODEL_NOT_FOUND' | 'ALIAS_NOTHING_BEFORE' | 'REGISTRY_UNSUPPORTED',
  name: string,
  alias: string,
): MillraceError {
  const message = `Expected otherwise of ${alias} of ${name}.`
  if (code === 'ALIAS_MOVED') return new MillraceError(code, { message, details: { name, alias, expectedVersion: 0, version: null } })
  if (code === 'MODEL_NOT_FOUND') return new MillraceError(code, { message, details: { name, alias } })
  if (code === 'ALIAS_NOTHING_BEFORE') return new MillraceError(code, { message, details: { name, alias, version: 0 } })
  return new MillraceError(code, { message, details: { registry: 'naive', operation: 'deleteVersion', reason: 'it is of no use here' } })
}
