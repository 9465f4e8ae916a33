import { MillraceError } from '../core/error.ts'
import type { Decision } from '../storage/numbered-log.ts'
import type { Account, AliasState, RegistryOperation, RegistryState } from './registry-state.ts'
import { aliasIn } from './registry-state.ts'

/** Which alias of which model is to be moved, and by whom. */
export interface AliasMove {
  readonly name: string
  readonly alias: string
  /** Where it must be now; 0: nowhere. */
  readonly expectedVersion?: number
  readonly reason?: string
  readonly by?: string
}

type AliasDecision = Decision<RegistryOperation, 'unchanged'>

/** Nothing is to be done where the alias is there already. @throws {@link MillraceError} `ALIAS_MOVED`. */
export function decideSetAlias(
  state: RegistryState,
  move: AliasMove,
  target: { readonly version: number; readonly versionGeneration: number },
): AliasDecision {
  const current = unmoved(state, move)
  if (current?.version === target.version) return { existing: 'unchanged' }
  return { operation: { type: 'set-alias', alias: move.alias, ...target, ...accountOf(move) } }
}

/** Nothing is to be done where there is no such alias. @throws {@link MillraceError} `ALIAS_MOVED`. */
export function decideRemoveAlias(state: RegistryState, move: AliasMove): AliasDecision {
  if (unmoved(state, move) === undefined) return { existing: 'unchanged' }
  return { operation: { type: 'remove-alias', alias: move.alias, ...accountOf(move) } }
}

/**
 * `stateAt` gives the state as it was after a generation.
 *
 * @throws {@link MillraceError} `ALIAS_MOVED`; `MODEL_NOT_FOUND` when there is no such alias; `ALIAS_NOTHING_BEFORE` when it had no version before.
 */
export async function decideRollback(
  state: RegistryState,
  move: AliasMove,
  stateAt: (generation: number) => Promise<RegistryState | undefined>,
): Promise<{ readonly operation: RegistryOperation }> {
  const { name, alias } = move
  const current = unmoved(state, move)
  if (current === undefined) throw aliasNotFound(name, alias)
  const before = current.below === null ? undefined : await stateAt(current.below)
  const target = before === undefined ? undefined : aliasIn(before, alias)
  if (target === undefined) {
    throw new MillraceError('ALIAS_NOTHING_BEFORE', {
      message: `Expected a version that alias "${alias}" of model "${name}" had before version ${current.version}. Received none.`,
      details: { name, alias, version: current.version },
    })
  }
  const { version, versionGeneration, below } = target
  return { operation: { type: 'rollback-alias', alias, version, versionGeneration, below, ...accountOf(move) } }
}

export function aliasNotFound(name: string, alias: string): MillraceError<'MODEL_NOT_FOUND'> {
  return new MillraceError('MODEL_NOT_FOUND', {
    message: `Expected an alias "${alias}" of model "${name}". Received none.`,
    details: { name, alias },
  })
}

/** Where the alias stands, if that is where the caller believes it to be. */
function unmoved(state: RegistryState, move: AliasMove): AliasState | undefined {
  const { name, alias, expectedVersion } = move
  const current = aliasIn(state, alias)
  const version = current?.version ?? null
  if (expectedVersion === undefined || (version ?? 0) === expectedVersion) return current
  throw new MillraceError('ALIAS_MOVED', {
    message: `Expected alias "${alias}" of model "${name}" at ${placeOf(expectedVersion)}. Received it at ${placeOf(version ?? 0)}.`,
    details: { name, alias, expectedVersion, version },
  })
}

function placeOf(version: number): string {
  return version === 0 ? 'no version' : `version ${version}`
}

function accountOf(move: AliasMove): Account {
  return { reason: move.reason ?? null, by: move.by ?? null }
}
