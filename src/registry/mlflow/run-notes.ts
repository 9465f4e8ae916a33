import type { Json } from '../../core/json.ts'
import type { PipelineEvent } from '../../pipeline/pipeline-event.ts'
import type { RunRecord } from '../../pipeline/run-record.ts'
import type { MetricPoint } from './batches.ts'
import { tagText } from './batches.ts'
import { isKey, ownPrefix } from './names.ts'
import { flattenParameters } from './parameters.ts'

/** Whose run of a pipeline it is. */
export const trackedRunTag: string = `${ownPrefix}tracked-run`

/** What one event of a run is to a tracking server. */
export interface RunNotes {
  readonly metrics?: readonly MetricPoint[]
  readonly parameters?: ReadonlyMap<string, string>
  readonly tags?: ReadonlyMap<string, string>
  /** Names that the server does not take: what they name stands in the run's record only. */
  readonly left?: readonly string[]
}

/** What is to be written of an event. Pure. */
export function notesOf(event: PipelineEvent): RunNotes {
  switch (event.type) {
    case 'run-started': {
      const { identities, seed, pipeline, tags, codeVersion } = event
      const given = identities.filter(({ kind, parameters }) => kind === 'stage' && parameters !== null)
      const flat = flattenParameters({
        seed,
        ...Object.fromEntries(given.map(({ path, parameters }): [string, Json] => [path, parameters])),
      })
      const told = Object.entries(tags)
      const all = told.filter(([tag]) => isKey(tag)).map(([tag, text]): [string, string] => [tag, tagText(text)])
      if (codeVersion !== undefined) all.push(['mlflow.source.git.commit', codeVersion])
      const left = [...flat.left, ...told.map(([tag]) => tag).filter((tag) => !isKey(tag))]
      return { parameters: flat.parameters, tags: new Map([...all, [`${ownPrefix}pipeline`, pipeline]]), left }
    }
    case 'stage-metrics':
      return figures(placeOf(event), event.values, event.time, event.step)
    case 'stage-artifact':
      return tag(`${ownPrefix}artifact.${placeOf(event)}/${event.name}`, `${event.kind} ${event.reference}`)
    case 'stage-cached': {
      const { metrics = {}, time, reason } = event
      return { ...figures(placeOf(event), metrics, time, undefined), ...outcome(event, `cached: ${reason}`) }
    }
    case 'stage-succeeded':
      return {
        ...figures(placeOf(event), { 'duration-ms': event.durationMs }, event.time, undefined),
        ...outcome(event, 'succeeded'),
      }
    case 'stage-failed':
      return outcome(event, `failed: ${event.error.message}`)
    case 'stage-skipped':
      return outcome(event, `skipped: ${event.reason}`)
    case 'stage-abandoned':
      return outcome(event, `abandoned: ${event.reason}`)
    case 'run-finished':
      return event.error === undefined ? {} : tag(`${ownPrefix}error`, event.error.message)
    default:
      return {}
  }
}

/** The record as an artifact. JSON knows no NaN and no infinity: they stand as texts. */
export function recordText(record: RunRecord): string {
  return JSON.stringify(record, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value), 2)
}

/** `train`, or `each/3/train` for the fourth item of a map. */
function placeOf(event: { readonly stage: string; readonly item?: { readonly index: number; readonly stage?: string } }): string {
  const { stage, item } = event
  if (item === undefined) return stage
  return item.stage === undefined ? `${stage}/${item.index}` : `${stage}/${item.index}/${item.stage}`
}

function figures(place: string, values: Readonly<Record<string, number>>, time: number, step: number | undefined): RunNotes {
  const keyed = Object.entries(values).map(([name, value]) => ({
    key: `${place}/${name}`,
    value,
    timestamp: Math.floor(time),
    step: Math.trunc(step ?? 0),
  }))
  return { metrics: keyed.filter(({ key }) => isKey(key)), left: keyed.map(({ key }) => key).filter((key) => !isKey(key)) }
}

/** Of stages; what became of the items of a map stands in the record, counted. */
function outcome(event: { readonly stage: string; readonly item?: unknown }, text: string): RunNotes {
  return event.item === undefined ? tag(`${ownPrefix}stage.${event.stage}`, text) : {}
}

function tag(key: string, text: string): RunNotes {
  return isKey(key) ? { tags: new Map([[key, tagText(text)]]) } : { left: [key] }
}
