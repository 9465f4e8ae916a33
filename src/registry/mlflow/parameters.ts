import { isPlainObject, type Json } from '../../core/json.ts'
import { isKey } from './names.ts'

const longestParameter = 6000

/** Parameters as a run holds them, and the names of those that it cannot hold. */
export interface FlatParameters {
  readonly parameters: ReadonlyMap<string, string>
  /** Too long, named with characters that MLflow refuses, or named as another. */
  readonly left: readonly string[]
}

/**
 * Parameters by path, such as `learner.parameters.epochs`: objects are taken apart, arrays are one value. What a run cannot hold as it is is left out as a
 * whole and named, since the server would cut it without a word.
 */
export function flattenParameters(value: Json): FlatParameters {
  return flattenEntries([['', value]])
}

/** The same of several, each below a path of its own; of two of one path the first is kept. */
export function flattenEntries(entries: Iterable<readonly [string, Json]>): FlatParameters {
  const parameters = new Map<string, string>()
  const left: string[] = []
  const visit = (path: string, at: Json): void => {
    const members = isPlainObject(at) ? Object.entries(at as { readonly [key: string]: Json }) : []
    if (members.length > 0) {
      for (const [name, member] of members) visit(path === '' ? name : `${path}.${name}`, member)
      return
    }
    if (path === '') return
    const text = typeof at === 'string' ? at : JSON.stringify(at)
    if (isKey(path) && text.length <= longestParameter && !parameters.has(path)) parameters.set(path, text)
    else left.push(path)
  }
  for (const [path, value] of entries) visit(path, value)
  return { parameters, left }
}

/** Figures under names that MLflow takes, and the names of the others. */
export function keyedMetrics(values: Readonly<Record<string, number>>): {
  readonly metrics: readonly (readonly [string, number])[]
  readonly left: readonly string[]
} {
  const entries = Object.entries(values)
  return { metrics: entries.filter(([key]) => isKey(key)), left: entries.map(([key]) => key).filter((key) => !isKey(key)) }
}
