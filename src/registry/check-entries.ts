import { isPlainObject } from '../core/json.ts'
import { isDigest } from '../model/blob-reference.ts'
import type { EntryCheck } from '../storage/numbered-log.ts'

/** What makes the entries of a registry's logs its own: all that is read from them is there and of its type, and all pointers point back. */

export const isRegistryEntry: EntryCheck = ({ operation, state, generation }) =>
  isState(state, generation) && isOperation(operation, generation)

export const isNotesEntry: EntryCheck = ({ operation, state }) => {
  if (!isPlainObject(operation) || !isPlainObject(state)) return false
  return (
    areTexts(state.tags, false) && typeof state.description === 'string' && areTexts(operation.tags, true) && isText(operation.description)
  )
}

export const isDeploymentEntry: EntryCheck = ({ operation, state }) => {
  if (!isPlainObject(operation) || !isPlainObject(state)) return false
  return typeof operation.deployment === 'string' && isText(operation.by) && isListOf(state.recent, (name) => typeof name === 'string')
}

function isState(state: unknown, generation: number): boolean {
  if (!isPlainObject(state) || !isPlainObject(state.aliases)) return false
  const { lastVersion, aliases, protectedAliases, keyRoot, deletionRoot } = state
  return (
    isWhole(lastVersion, 0, generation) &&
    Object.values(aliases).every((alias) => isAlias(alias, generation)) &&
    isListOf(protectedAliases, (alias) => typeof alias === 'string') &&
    [keyRoot, deletionRoot].every((root) => root === null || isWhole(root, 1, generation))
  )
}

function isAlias(alias: unknown, generation: number): boolean {
  if (!isPlainObject(alias)) return false
  const { version, versionGeneration, setAt, below } = alias
  return (
    isWhole(version, 1, generation) &&
    isWhole(setAt, 1, generation) &&
    isWhole(versionGeneration, 1, generation) &&
    (below === null || isWhole(below, 1, Number(setAt) - 1))
  )
}

function isOperation(operation: unknown, generation: number): boolean {
  if (!isPlainObject(operation)) return false
  const { type, alias, version, versionGeneration, below, reason, by } = operation
  if (type === 'register') return isRegistration(operation, generation)
  if (!isText(reason) || !isText(by)) return false
  switch (type) {
    case 'set-alias':
    case 'rollback-alias':
      return (
        typeof alias === 'string' &&
        isWhole(version, 1, generation) &&
        isWhole(versionGeneration, 1, generation) &&
        (type === 'set-alias' || below === null || isWhole(below, 1, generation))
      )
    case 'remove-alias':
    case 'protect-alias':
    case 'unprotect-alias':
      return typeof alias === 'string'
    case 'delete-version':
      return isWhole(version, 1, generation) && areNodes(operation.nodes, generation)
    default:
      return false
  }
}

function isRegistration({ manifestDigest, manifest, record, key }: Readonly<Record<string, unknown>>, generation: number): boolean {
  const told = record ?? manifest
  return (
    isDigest(manifestDigest) &&
    (manifest === null || isPlainObject(manifest)) &&
    (told === null || (isPlainObject(told) && told.lineage !== undefined && areNumbers(told.metrics))) &&
    (key === null || (isPlainObject(key) && isDigest(key.digest) && areNodes(key.nodes, generation)))
  )
}

/** Nodes of an index in the log; see log-index.ts. */
function areNodes(nodes: unknown, generation: number): boolean {
  return isListOf(nodes, (node) => isListOf(node, (entry) => isWhole(entry, 0, generation - 1)))
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem)
}

function areTexts(value: unknown, mayBeNull: boolean): boolean {
  return isPlainObject(value) && Object.values(value).every((text) => typeof text === 'string' || (mayBeNull && text === null))
}

function areNumbers(value: unknown): boolean {
  return isPlainObject(value) && Object.values(value).every(Number.isFinite)
}

function isText(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}
