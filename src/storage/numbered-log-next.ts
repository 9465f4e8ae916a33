import type { Json } from '../core/json.ts'
import { canonicalJson } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import type { NumberedLogEntry } from './numbered-log-entry.ts'
import { encodeLogEntry } from './numbered-log-entry.ts'
import type { NumberedLogOptions } from './numbered-log-types.ts'

const firstDelayMs = 2
const longestDelayMs = 250

/** The entry that follows `head`, undefined for none, and its bytes. Its time is never before that of `head`. */
export function nextLogEntry<State extends Json, Operation extends Json>(
  options: NumberedLogOptions<State, Operation>,
  head: NumberedLogEntry<State, Operation> | undefined,
  draft: { readonly operation: Operation; readonly text: string; readonly opId: string; readonly now: number },
): { readonly entry: NumberedLogEntry<State, Operation>; readonly bytes: Uint8Array } {
  const { operation, text, opId, now } = draft
  const at = { generation: (head?.generation ?? 0) + 1, time: Math.max(now, head?.time ?? Number.NEGATIVE_INFINITY) }
  const state = options.reduce(head === undefined ? options.initial : head.state, operation, at)
  const stateText = canonicalJson(state)
  const made = { ...at, opId, prevOpId: head?.opId ?? null }
  const { format, formatVersion, minReaderVersion = formatVersion } = options
  const bytes = encodeLogEntry({ ...made, operationText: text, stateText }, { format, formatVersion, minReaderVersion })
  // Through JSON, so that the entry returned is the entry stored.
  return { entry: { ...made, operation, state: JSON.parse(stateText) as State }, bytes }
}

/** Anywhere between nothing and a bound that doubles, so that writers that collided once do not collide again. */
export function contentionDelayMs(attempt: number, random: Random): number {
  return random.next() * Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt, 16))
}
