import type { SequentialModel } from './linearizability.ts'

/** What is asked of a registry in the histories; a name stands for a package. */
export type RegistryInput = { readonly model: string } & (
  | { readonly do: 'register'; readonly digest: string; readonly key: string | null }
  | { readonly do: 'version'; readonly version: number }
  | { readonly do: 'alias'; readonly alias: string }
  | { readonly do: 'aliases' }
  | { readonly do: 'set-alias'; readonly alias: string; readonly version: number; readonly expected: number | null }
  | { readonly do: 'remove-alias'; readonly alias: string; readonly expected: number | null }
  | { readonly do: 'rollback'; readonly alias: string; readonly expected: number | null }
  | { readonly do: 'delete-version'; readonly version: number }
  /** Deletes all blobs that nothing names now; it changes no answer. */
  | { readonly do: 'collect' }
)

/** What it answers; a refusal is an answer too, since it tells something of the state. */
export type RegistryOutput =
  | { readonly version: number; readonly digest: string }
  | { readonly aliases: { readonly [alias: string]: number } }
  | 'none'
  | 'done'
  | { readonly refused: string }

/** One model. The registry is one such state for each model, and models cannot influence one another. */
export interface ModelState {
  readonly digests: readonly string[]
  readonly deleted: readonly number[]
  readonly keys: { readonly [key: string]: number }
  /** Of each alias, the versions that it had, the current one last. */
  readonly aliases: { readonly [alias: string]: readonly number[] }
}

const refused = (code: string): RegistryOutput => ({ refused: code })

/** What one model of a registry is, as simply as it can be said: a list of versions, and a stack for each alias. */
export const registrySpecification: SequentialModel<ModelState, RegistryInput, RegistryOutput> = {
  initial: { digests: [], deleted: [], keys: {}, aliases: {} },
  apply(state, input) {
    const answer = (output: RegistryOutput, changed: Partial<ModelState> = {}) => ({ state: { ...state, ...changed }, output })
    const record = (version: number): RegistryOutput => ({ version, digest: state.digests[version - 1] ?? '' })
    const stands = (version: number): string | undefined =>
      version < 1 || version > state.digests.length ? 'MODEL_NOT_FOUND' : state.deleted.includes(version) ? 'VERSION_DELETED' : undefined

    if (input.do === 'register') {
      const before = input.key === null ? undefined : state.keys[input.key]
      // The key of a version that was deleted is free again.
      if (before !== undefined && !state.deleted.includes(before)) return answer(record(before))
      const version = state.digests.length + 1
      const keys = input.key === null ? state.keys : { ...state.keys, [input.key]: version }
      return answer({ version, digest: input.digest }, { digests: [...state.digests, input.digest], keys })
    }
    if (input.do === 'version') {
      const fault = stands(input.version)
      return answer(fault === undefined ? record(input.version) : refused(fault))
    }
    if (input.do === 'aliases') {
      const current = Object.entries(state.aliases).map(([alias, stack]) => [alias, stack.at(-1) ?? 0] as const)
      return answer({ aliases: Object.fromEntries(current) })
    }
    if (input.do === 'collect') return answer('done')
    if (input.do === 'delete-version') {
      const fault = stands(input.version)
      if (fault !== undefined) return answer(fault === 'VERSION_DELETED' ? 'done' : refused(fault))
      const isUsed = Object.values(state.aliases).some((stack) => stack.at(-1) === input.version)
      if (isUsed) return answer(refused('VERSION_IN_USE'))
      return answer('done', { deleted: [...state.deleted, input.version].sort((left, right) => left - right) })
    }

    const stack = state.aliases[input.alias] ?? []
    const current = stack.at(-1)
    if (input.do === 'alias') return answer(current === undefined ? 'none' : record(current))
    if (input.do === 'set-alias') {
      const fault = stands(input.version)
      if (fault !== undefined) return answer(refused(fault))
    }
    if (input.expected !== null && (current ?? 0) !== input.expected) return answer(refused('ALIAS_MOVED'))
    const { [input.alias]: _removed, ...others } = state.aliases
    if (input.do === 'set-alias') {
      if (current === input.version) return answer('done')
      return answer('done', { aliases: { ...state.aliases, [input.alias]: [...stack, input.version] } })
    }
    if (input.do === 'remove-alias') return answer('done', { aliases: others })
    if (current === undefined) return answer(refused('MODEL_NOT_FOUND'))
    // Past what was deleted, and past the version that is there now, which may come again below it.
    const below = stack.slice(0, -1).findLastIndex((version) => version !== current && !state.deleted.includes(version))
    const target = stack[below]
    if (target === undefined) return answer(refused('ALIAS_NOTHING_BEFORE'))
    return answer(record(target), { aliases: { ...state.aliases, [input.alias]: stack.slice(0, below + 1) } })
  },
}
