import { MillraceError } from '../../../src/core/error.ts'
import type { Random } from '../../../src/core/random.ts'
import type { ModelPackage } from '../../../src/model/model-package.ts'
import type { ModelVersion, SetAliasOptions } from '../../../src/model/model-registry.ts'
import type { Call } from './linearizability.ts'
import type { RegistryInput, RegistryOutput } from './registry-specification.ts'

/** What of a registry is put to the test. */
export interface TestedRegistry {
  register(name: string, modelPackage: ModelPackage, options: { readonly idempotencyKey?: string }): Promise<ModelVersion>
  version(name: string, version: number): Promise<ModelVersion>
  alias(name: string, alias: string): Promise<ModelVersion | undefined>
  aliases(name: string): Promise<ReadonlyMap<string, number>>
  setAlias(name: string, alias: string, version: number, options: SetAliasOptions): Promise<void>
  removeAlias(name: string, alias: string, options: SetAliasOptions): Promise<void>
  rollback(name: string, alias: string, options: SetAliasOptions): Promise<ModelVersion>
  deleteVersion(name: string, version: number): Promise<void>
  collectGarbage(options: { readonly olderThanMs: number }): Promise<unknown>
}

export type Outcome =
  | { readonly type: 'ok'; readonly output: RegistryOutput }
  | { readonly type: 'fail'; readonly code: string }
  | { readonly type: 'info'; readonly code: string }

/** By their documentation nothing was done. */
const failures = ['REGISTRY_BUSY', 'STORAGE_UNAVAILABLE', 'STORAGE_NO_SPACE', 'REGISTRY_UNSUPPORTED']

/**
 * Asks the registry and tells its answer as the specification would. Any other fault is an answer too: it tells something of the state, or it is one that the
 * specification never gives.
 */
export async function perform(
  registry: TestedRegistry,
  input: RegistryInput,
  packageOf: (digest: string) => ModelPackage,
): Promise<Outcome> {
  try {
    return { type: 'ok', output: await answerOf(registry, input, packageOf) }
  } catch (error) {
    if (!MillraceError.is(error)) throw error
    if (failures.includes(error.code)) return { type: 'fail', code: error.code }
    if (error.code === 'STORAGE_OUTCOME_UNKNOWN') return { type: 'info', code: error.code }
    return { type: 'ok', output: { refused: error.code } }
  }
}

/** Enough of it to tell packages apart, and to be read. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12)
}

async function answerOf(
  registry: TestedRegistry,
  input: RegistryInput,
  packageOf: (digest: string) => ModelPackage,
): Promise<RegistryOutput> {
  const { model } = input
  const record = ({ version, manifestDigest }: ModelVersion): RegistryOutput => ({ version, digest: shortDigest(manifestDigest) })
  switch (input.do) {
    case 'register':
      return record(await registry.register(model, packageOf(input.digest), input.key === null ? {} : { idempotencyKey: input.key }))
    case 'version':
      return record(await registry.version(model, input.version))
    case 'aliases':
      return { aliases: Object.fromEntries(await registry.aliases(model)) }
    case 'delete-version':
      await registry.deleteVersion(model, input.version)
      return 'done'
    case 'collect':
      // However young: what is being registered has nothing but its own care.
      await registry.collectGarbage({ olderThanMs: 0 })
      return 'done'
    case 'alias': {
      const found = await registry.alias(model, input.alias)
      return found === undefined ? 'none' : record(found)
    }
    default: {
      const options = input.expected === null ? {} : { expectedVersion: input.expected }
      if (input.do === 'rollback') return record(await registry.rollback(model, input.alias, options))
      if (input.do === 'set-alias') await registry.setAlias(model, input.alias, input.version, options)
      else await registry.removeAlias(model, input.alias, options)
      return 'done'
    }
  }
}

/** The versions that somebody was told of who registered them. */
export function acknowledgedVersions(calls: readonly Call<RegistryInput, RegistryOutput>[], model: string): ReadonlySet<number> {
  const versions = new Set<number>()
  for (const { input, completed } of calls) {
    const output = completed?.output
    if (input.model === model && input.do === 'register' && typeof output === 'object' && 'version' in output) versions.add(output.version)
  }
  return versions
}

/** Draws what a client does next; `lastVersion` is the newest that it knows of. */
export function drawInput(
  random: Random,
  options: { readonly model: string; readonly digest: string; readonly lastVersion: number },
): RegistryInput {
  const { model, digest, lastVersion } = options
  const alias = ['champion', 'candidate'][random.int(2)] ?? ''
  // Mostly the newest ones, at times one that is not there yet.
  const version = Math.max(1, lastVersion + 1 - random.int(5))
  const expected = random.next() < 0.4 ? Math.max(0, lastVersion - random.int(4)) : null
  const kind = random.int(20)
  if (random.next() < 0.03) return { model, do: 'collect' }
  if (kind < 5) return { model, do: 'register', digest, key: random.next() < 0.4 ? `key-${random.int(8)}` : null }
  if (kind < 9) return { model, do: 'set-alias', alias, version, expected }
  if (kind < 13) return { model, do: 'alias', alias }
  if (kind < 15) return { model, do: 'version', version }
  if (kind < 16) return { model, do: 'aliases' }
  if (kind < 17) return { model, do: 'remove-alias', alias, expected }
  if (kind < 18) return { model, do: 'rollback', alias, expected }
  return { model, do: 'delete-version', version }
}
