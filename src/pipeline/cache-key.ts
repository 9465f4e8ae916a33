import { digestOfJson } from '../core/digest.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject, toJson } from '../core/json.ts'
import type { MissReason } from './cache-reason.ts'
import { isOpen, isSameRemembered, pathTo, rememberParameters } from './remembered.ts'
import type { AnyStage } from './stage.ts'

/** All that an output depends on. */
export interface KeyParts {
  readonly stage: string
  readonly version: string
  readonly parameters: Json
  /** Name and version. */
  readonly codec: string
  readonly codeDependencies: readonly string[]
  /** Of the world outside; null where the stage has none. */
  readonly fingerprint: string | null
  /** SHA-256 of the input's content. */
  readonly input: string
}

export function keyPartsOf(stage: AnyStage, codec: { readonly name: string; readonly version: string }, input: string): KeyParts {
  const { name, version, codeDependencies = [] } = stage.definition
  return {
    stage: name,
    version,
    parameters: stage.parameters,
    codec: `${codec.name}@${codec.version}`,
    codeDependencies,
    fingerprint: null,
    input,
  }
}

/** SHA-256 of the canonical JSON of the parts. */
export function cacheKeyOf(parts: KeyParts): string {
  return digestOfJson(parts)
}

/** The parts as they are remembered, to say later what changed. */
export function rememberParts(parts: KeyParts): Json {
  return toJson({ ...parts, parameters: rememberParameters(parts.parameters) })
}

/** What differs between the parts of the last time and those of now: the first difference in the order in which a user would look for it. */
export function differenceOf(last: Json, now: Json): { readonly reason: MissReason; readonly detail?: string } | undefined {
  if (!isPlainObject(last) || !isPlainObject(now)) return { reason: 'first run' }
  for (const [part, reason] of differences) {
    if (same(last[part], now[part])) continue
    const detail = part === 'parameters' ? changedPaths(last[part], now[part]) : ''
    return detail === '' ? { reason } : { reason, detail }
  }
  return undefined
}

const differences: readonly (readonly [keyof KeyParts, MissReason])[] = [
  ['version', 'version changed'],
  ['codeDependencies', 'code changed'],
  ['parameters', 'parameters changed'],
  ['codec', 'codec changed'],
  ['fingerprint', 'fingerprint changed'],
  ['input', 'input changed'],
]

function same(left: unknown, right: unknown): boolean {
  return digestOfJson(left ?? null) === digestOfJson(right ?? null)
}

/** The first few places at which two JSON values differ: `learner.parameters.epochs, seed`. */
function changedPaths(last: Json | undefined, now: Json | undefined): string {
  const paths: string[] = []
  collectChanges(last, now, '', paths)
  return paths.length > 3 ? `${paths.slice(0, 3).join(', ')} and ${paths.length - 3} more` : paths.join(', ')
}

function collectChanges(last: Json | undefined, now: Json | undefined, path: string, into: string[]): void {
  if (isSameRemembered(last, now)) return
  if (Array.isArray(last) && Array.isArray(now) && last.length === now.length) {
    for (let index = 0; index < now.length; index++) collectChanges(last[index], now[index], `${path}[${index}]`, into)
    return
  }
  if (!isOpen(last) || !isOpen(now)) {
    if (path !== '') into.push(path)
    return
  }
  for (const key of new Set([...Object.keys(last), ...Object.keys(now)])) {
    collectChanges(last[key], now[key], pathTo(path, key), into)
  }
}
