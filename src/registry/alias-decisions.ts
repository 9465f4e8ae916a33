import { MillraceError } from '../core/error.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import type { Decision } from '../storage/numbered-log.ts'
import type { Account, AliasState, RegistryOperation, RegistryState } from './registry-state.ts'
import { aliasIn } from './registry-state.ts'
import { aliasNotFound } from './version-reader.ts'

/** Which alias of which model is to be moved, and by whom. */
export interface AliasMove extends Account {
  readonly name: string
  readonly alias: string
  /** Where it must be now; 0: nowhere. */
  readonly expectedVersion?: number
}

/** Where an alias goes. */
export interface AliasTarget {
  readonly version: number
  /** Of the entry that holds the version's record. */
  readonly versionGeneration: number
}

/** What a rollback must know beside the newest state. */
export interface AliasPast {
  /** The state as it was after a generation. */
  readonly stateAt: (generation: number) => Promise<RegistryState | undefined>
  /** Whether the version was deleted since. */
  readonly isDeleted: (version: number) => Promise<boolean>
}

export type AliasDecision = Decision<RegistryOperation, 'unchanged'>

/** An entry holds all aliases of its model, so there is a limit to them. */
const maxAliases = 128

/**
 * Nothing is to be done where the alias is there already.
 *
 * @throws {@link MillraceError} `ALIAS_MOVED`, `ALIAS_PROTECTED`.
 */
export function decideSetAlias(state: RegistryState, move: AliasMove, target: AliasTarget): AliasDecision {
  const current = unmoved(state, move)
  if (current?.version === target.version) return { existing: 'unchanged' }
  assertMovable(state, move)
  if (current === undefined) assertRoom(state, move.alias)
  return { operation: { type: 'set-alias', alias: move.alias, ...target, ...accountIn(move) } }
}

/** Nothing is to be done where there is no such alias. @throws {@link MillraceError} `ALIAS_MOVED`, `ALIAS_PROTECTED`. */
export function decideRemoveAlias(state: RegistryState, move: AliasMove): AliasDecision {
  if (unmoved(state, move) === undefined) return { existing: 'unchanged' }
  if (state.protectedAliases.includes(move.alias)) throw aliasProtected(move, 'one that is not protected, to remove it', [])
  return { operation: { type: 'remove-alias', alias: move.alias, ...accountIn(move) } }
}

/**
 * The newest version that the alias had before the current one and that was not deleted since.
 *
 * @throws {@link MillraceError} `ALIAS_MOVED`, `ALIAS_PROTECTED`; `MODEL_NOT_FOUND` when there is no such alias; `ALIAS_NOTHING_BEFORE` when it had no
 * version before that is still there.
 */
export async function decideRollback(
  state: RegistryState,
  move: AliasMove,
  past: AliasPast,
): Promise<{ readonly operation: RegistryOperation; readonly target: AliasTarget }> {
  const { name, alias } = move
  const current = unmoved(state, move)
  if (current === undefined) throw aliasNotFound(name, alias)
  assertMovable(state, move)
  let target = await before(current, alias, past)
  // Past deleted versions the one that is there now may come again.
  while (target !== undefined && (target.version === current.version || (await past.isDeleted(target.version))))
    target = await before(target, alias, past)
  if (target === undefined) {
    throw new MillraceError('ALIAS_NOTHING_BEFORE', {
      message: `Expected a version that alias "${alias}" of model "${name}" had before version ${current.version}. Received none.`,
      details: { name, alias, version: current.version },
    })
  }
  const { version, versionGeneration, below } = target
  const operation = { type: 'rollback-alias', alias, version, versionGeneration, below, ...accountIn(move) } as const
  return { operation, target: { version, versionGeneration } }
}

/** Nothing is to be done where it is as wanted. @throws {@link MillraceError} `ALIAS_PROTECTED` when protection is to end without a reason or a name. */
export function decideProtection(state: RegistryState, move: AliasMove, isProtected: boolean): AliasDecision {
  if (state.protectedAliases.includes(move.alias) === isProtected) return { existing: 'unchanged' }
  if (isProtected) assertRoom(state, move.alias)
  else assertTold(move, { reason: move.reason, by: move.by })
  return { operation: { type: isProtected ? 'protect-alias' : 'unprotect-alias', alias: move.alias, ...accountIn(move) } }
}

/** What the alias stood on below that. */
async function before(place: AliasState, alias: string, past: AliasPast): Promise<AliasState | undefined> {
  const state = place.below === null ? undefined : await past.stateAt(place.below)
  return state === undefined ? undefined : aliasIn(state, alias)
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

/** A protected alias moves for whoever says from where, why and who. */
function assertMovable(state: RegistryState, move: AliasMove): void {
  if (!state.protectedAliases.includes(move.alias)) return
  assertTold(move, { expectedVersion: move.expectedVersion ?? null, reason: move.reason, by: move.by })
}

function assertTold(move: AliasMove, told: Readonly<Record<string, string | number | null>>): void {
  const missing = Object.keys(told).filter((field) => told[field] === null || told[field] === '')
  if (missing.length > 0) throw aliasProtected(move, `to be told ${Object.keys(told).join(', ')}, since it is protected`, missing)
}

function aliasProtected(move: AliasMove, expected: string, missing: readonly string[]): MillraceError<'ALIAS_PROTECTED'> {
  const { name, alias } = move
  const received = missing.length === 0 ? 'a protected one' : `none of: ${missing.join(', ')}`
  return new MillraceError('ALIAS_PROTECTED', {
    message: `Expected for alias "${alias}" of model "${name}" ${expected}. Received ${received}.`,
    details: { name, alias, missing },
  })
}

function assertRoom(state: RegistryState, alias: string): void {
  const names = new Set([...Object.keys(state.aliases), ...state.protectedAliases, alias])
  if (names.size > maxAliases) throw invalidArgument('alias', `one of at most ${maxAliases} of its model`, JSON.stringify(alias))
}

function placeOf(version: number): string {
  return version === 0 ? 'no version' : `version ${version}`
}

function accountIn(move: AliasMove): Account {
  return { reason: move.reason, by: move.by }
}
