import { MillraceError } from '../core/error.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import type { Json } from '../core/json.ts'
import { canonicalJson, isPlainObject } from '../core/json.ts'
import { receivedText } from '../core/received.ts'
import type { ModelVersion, VersionQuery } from '../model/model-registry.ts'
import { assertObject } from './names.ts'

/** What of a query is about one version. */
export type VersionCriteria = Pick<VersionQuery, 'metrics' | 'tags' | 'lineage'>

const fields: ReadonlySet<string> = new Set(['name', 'metrics', 'tags', 'lineage', 'limit', 'signal'])
const bounds: ReadonlySet<string> = new Set(['atLeast', 'atMost'])

/** A condition that is not understood would hold of all versions, so it is refused. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertQuery(query: VersionQuery): void {
  assertObject('query', query)
  assertKnown('query', query, fields)
  for (const field of ['metrics', 'tags', 'lineage'] as const)
    if (query[field] !== undefined) assertObject(`query's ${field}`, query[field])
  for (const [name, bound] of Object.entries(query.metrics ?? {})) {
    const argument = `bound on metric ${JSON.stringify(name)}`
    assertObject(argument, bound)
    assertKnown(argument, bound, bounds)
    for (const value of Object.values(bound)) {
      if (value !== undefined && (typeof value !== 'number' || Number.isNaN(value)))
        throw invalidArgument(argument, 'of numbers', receivedText(value))
    }
  }
  for (const [tag, value] of Object.entries(query.tags ?? {})) {
    if (value !== null && typeof value !== 'string')
      throw invalidArgument(`value of tag ${JSON.stringify(tag)}`, 'text or null', receivedText(value))
  }
  for (const [path, value] of Object.entries(query.lineage ?? {})) assertJson(`value of the lineage at ${JSON.stringify(path)}`, value)
}

function assertJson(argument: string, value: unknown): void {
  try {
    canonicalJson(value)
  } catch (error) {
    throw MillraceError.is(error, 'VALUE_NOT_JSON') ? invalidArgument(argument, 'JSON', receivedText(value)) : error
  }
}

function assertKnown(argument: string, value: object, known: ReadonlySet<string>): void {
  const unknown = Object.keys(value).find((field) => !known.has(field))
  if (unknown !== undefined) throw invalidArgument(argument, `of ${[...known].join(', ')}`, receivedText(unknown))
}

/** Whether all that a query asks holds of a version. Pure; a bound on a figure that the version does not have does not hold. */
export function matchesQuery(version: ModelVersion, query: VersionCriteria): boolean {
  return matchesMetrics(version, query) && matchesTags(version, query) && matchesLineage(version, query)
}

function matchesMetrics({ metrics }: ModelVersion, query: VersionCriteria): boolean {
  return Object.entries(query.metrics ?? {}).every(([name, { atLeast, atMost }]) => {
    const value = Object.hasOwn(metrics, name) ? metrics[name] : undefined
    return value !== undefined && value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY)
  })
}

function matchesTags({ tags }: ModelVersion, query: VersionCriteria): boolean {
  return Object.entries(query.tags ?? {}).every(([tag, value]) => Object.hasOwn(tags, tag) && (value === null || tags[tag] === value))
}

function matchesLineage({ lineage }: ModelVersion, query: VersionCriteria): boolean {
  return Object.entries(query.lineage ?? {}).every(([path, expected]) => {
    const value = valueAt(lineage, path)
    return value !== undefined && canonicalJson(value) === canonicalJson(expected)
  })
}

/**
 * The value at a path such as `parameters.units.0`; undefined where there is none. A name may have dots of its own: `packages.@tensorflow/tfjs.core`
 * is found as well, the longest name first.
 */
export function valueAt(value: Json, path: string): Json | undefined {
  if (Array.isArray(value)) {
    const [index = '', ...rest] = path.split('.')
    const item = /^\d+$/.test(index) ? (value as readonly Json[])[Number(index)] : undefined
    return item === undefined || rest.length === 0 ? item : valueAt(item, rest.join('.'))
  }
  if (!isPlainObject(value)) return undefined
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const name = path.slice(0, end)
    if (!Object.hasOwn(value, name)) continue
    const member = value[name] as Json
    const found = end === path.length ? member : valueAt(member, path.slice(end + 1))
    if (found !== undefined) return found
  }
  return undefined
}
