import { isPlainObject } from '../../core/json.ts'
import { unavailable } from './reply.ts'

/** A version of a model, as the server tells it. */
export interface ServerVersion {
  readonly name: string
  readonly version: number
  readonly createdAt: number
  readonly source: string
  /** Empty where it was made without a run. */
  readonly runId: string
  readonly description: string
  readonly tags: ReadonlyMap<string, string>
}

export interface ServerModel {
  readonly name: string
  /** Milliseconds since 1970 UTC; tells a model from a later one of the same name. */
  readonly createdAt: number
  readonly tags: ReadonlyMap<string, string>
  readonly aliases: ReadonlyMap<string, number>
  /** The highest number; 0 without versions. */
  readonly newestVersion: number
}

export interface ServerRun {
  readonly runId: string
  readonly artifactUri: string
  /** The last value of each. */
  readonly metrics: ReadonlyMap<string, number>
  readonly parameters: ReadonlyMap<string, string>
  readonly tags: ReadonlyMap<string, string>
}

export interface ServerExperiment {
  readonly experimentId: string
  readonly artifactLocation: string
}

type Fields = Readonly<Record<string, unknown>>

/** @throws MillraceError `REGISTRY_UNAVAILABLE` where the answer is not what the server's interface says; so do the others. */
export function versionFrom(value: unknown, registry: string): ServerVersion {
  const fields = objectOf(value, registry)
  const version = numberOf(fields.version)
  if (!Number.isSafeInteger(version) || version < 1) throw strange(registry, 'a version without a number')
  return {
    name: textOf(fields.name, registry),
    version,
    createdAt: numberOf(fields.creation_timestamp) || 0,
    source: textIn(fields.source),
    runId: textIn(fields.run_id),
    description: textIn(fields.description),
    tags: pairsOf(fields.tags, registry),
  }
}

export function modelFrom(value: unknown, registry: string): ServerModel {
  const fields = objectOf(value, registry)
  const aliases = listOf(fields.aliases).map((alias): [string, number] => {
    const { alias: name, version } = objectOf(alias, registry)
    return [textOf(name, registry), numberOf(version)]
  })
  return {
    name: textOf(fields.name, registry),
    createdAt: numberOf(fields.creation_timestamp) || 0,
    tags: pairsOf(fields.tags, registry),
    aliases: new Map(aliases),
    newestVersion: Math.max(0, ...listOf(fields.latest_versions).map((version) => versionFrom(version, registry).version)),
  }
}

export function runFrom(value: unknown, registry: string): ServerRun {
  const { info, data = {} } = objectOf(value, registry)
  const { run_id, artifact_uri } = objectOf(info, registry)
  const { metrics, params, tags } = objectOf(data, registry)
  const figures = listOf(metrics).map((metric): [string, number] => {
    const { key, value: figure } = objectOf(metric, registry)
    return [textOf(key, registry), numberOf(figure)]
  })
  return {
    runId: textOf(run_id, registry),
    artifactUri: textOf(artifact_uri, registry),
    metrics: new Map(figures),
    parameters: pairsOf(params, registry),
    tags: pairsOf(tags, registry),
  }
}

export function experimentFrom(value: unknown, registry: string): ServerExperiment {
  const { experiment_id, artifact_location } = objectOf(value, registry)
  return { experimentId: textOf(experiment_id, registry), artifactLocation: textOf(artifact_location, registry) }
}

/** What the server leaves out is an empty list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function pairsOf(value: unknown, registry: string): ReadonlyMap<string, string> {
  return new Map(
    listOf(value).map((pair): [string, string] => {
      const fields = objectOf(pair, registry)
      return [textOf(fields.key, registry), textIn(fields.value)]
    }),
  )
}

function objectOf(value: unknown, registry: string): Fields {
  if (isPlainObject(value)) return value
  throw strange(registry, 'something that is no object')
}

function textOf(value: unknown, registry: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw strange(registry, 'a name or an address that is missing')
}

/** What is left out is empty. */
export function textIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Long ones and those that JSON has no sign for come as text; NaN for what is none. */
function numberOf(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
}

function strange(registry: string, what: string): Error {
  return unavailable(registry, `its answer holds ${what}: is this an MLflow server?`, 200)
}
