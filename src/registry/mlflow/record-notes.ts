import type { Json } from '../../core/json.ts'
import { isPlainObject } from '../../core/json.ts'
import type { RunRecord, StageRecord } from '../../pipeline/run-record.ts'
import { tagText } from './batches.ts'
import { ownPrefix } from './names.ts'
import { flattenEntries } from './parameters.ts'
import type { RunNotes } from './run-notes.ts'
import { errorTag, figures, labels, tag } from './run-notes.ts'

/** What a run was begun with: the parameters of its stages, its seed and its tags. Pure. */
export function beginningOf(record: RunRecord): RunNotes {
  const { seed, pipeline, tags, codeVersion, stages } = record
  const digested: string[] = []
  const entries = stages.flatMap(parametersOf).map(([path, value]): [string, Json] => [path, readable(value, path, digested)])
  // The run's seed first: a stage of that name must not take its place.
  const flat = flattenEntries([['seed', seed], ...entries])
  const given = labels(tags)
  const all = new Map(given.tags)
  if (codeVersion !== undefined) all.set('mlflow.source.git.commit', codeVersion)
  all.set(`${ownPrefix}pipeline`, pipeline)
  if (digested.length > 0) all.set(`${ownPrefix}only-digest`, tagText(`too long, so that only a digest is kept: ${digested.join(', ')}`))
  return { parameters: flat.parameters, tags: all, left: [...flat.left, ...(given.left ?? [])] }
}

/**
 * What became of a run, for whoever did not hear it as it happened. Pure.
 *
 * @param isHeard - of stages whose figures are known by step: the record has the last of them only.
 */
export function endingOf(record: RunRecord, isHeard: (stage: string) => boolean): readonly RunNotes[] {
  const time = record.finishedAt ?? record.startedAt
  const ofStages = record.stages.flatMap((stage): readonly RunNotes[] => {
    const { name, outcome, durationMs, metrics = {}, artifacts = [] } = stage
    const values = outcome === 'succeeded' ? { ...metrics, 'duration-ms': durationMs } : metrics
    return [
      isHeard(name) ? {} : figures(name, values, time, undefined),
      tag(`${ownPrefix}stage.${name}`, outcomeOf(stage)),
      ...artifacts.map((artifact) => tag(`${ownPrefix}artifact.${name}/${artifact.name}`, `${artifact.kind} ${artifact.reference}`)),
    ]
  })
  return record.error === undefined ? ofStages : [...ofStages, tag(errorTag, record.error.message)]
}

function outcomeOf({ outcome, error, reason }: StageRecord): string {
  if (outcome === 'failed') return `failed: ${error?.message ?? ''}`
  return outcome === 'succeeded' || reason === undefined ? outcome : `${outcome}: ${reason}`
}

/** A map of a pipeline has those of the stages inside, by their names. */
function parametersOf({ name, version, parameters }: StageRecord): readonly (readonly [string, Json])[] {
  if (parameters === undefined || parameters === null) return []
  if (!isPlainObject(version) || !isPlainObject(parameters)) return [[name, parameters]]
  const parts = Object.entries(parameters as { readonly [part: string]: Json })
  return parts.filter(([, value]) => value !== null).map(([part, value]) => [`${name}/${part}`, value])
}

/** Values that the run remembers by their digest as `sha256:...`, and their paths. */
function readable(value: Json, path: string, digested: string[]): Json {
  if (!isPlainObject(value)) return value
  const members = Object.entries(value as { readonly [name: string]: Json })
  const [[name, digest] = []] = members
  if (members.length === 1 && name === '$digest' && typeof digest === 'string') {
    digested.push(path)
    return `sha256:${digest}`
  }
  return Object.fromEntries(members.map(([name, member]) => [name, readable(member, `${path}.${name}`, digested)]))
}
