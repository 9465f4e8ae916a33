import type { PipelineEvent } from '../../pipeline/pipeline-event.ts'
import type { RunRecord } from '../../pipeline/run-record.ts'
import type { MetricPoint } from './batches.ts'
import { tagText } from './batches.ts'
import { isKey, ownPrefix } from './names.ts'

/** Whose run of a pipeline it is. */
export const trackedRunTag: string = `${ownPrefix}tracked-run`
/** Who owns the run, by the number of its resumption: an owner of before writes nothing any more. */
export const epochTag: string = `${ownPrefix}epoch`
export const errorTag: string = `${ownPrefix}error`
/** Why the artifact with the run's record is not there, or not of this epoch. */
export const recordTag: string = `${ownPrefix}record`

/** What one event of a run is to a tracking server. */
export interface RunNotes {
  readonly metrics?: readonly MetricPoint[]
  readonly parameters?: ReadonlyMap<string, string>
  readonly tags?: ReadonlyMap<string, string>
  /** Names that the server does not take: what they name stands in the run's record only. */
  readonly left?: readonly string[]
}

/** What is to be written of an event but for that which begins a run, whose record tells more. Pure. */
export function notesOf(event: PipelineEvent): RunNotes {
  switch (event.type) {
    case 'run-resumed':
      return labels(event.tags ?? {})
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
      return event.error === undefined ? {} : tag(errorTag, event.error.message)
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

/** Of a stage or an item of a map. */
export function figures(place: string, values: Readonly<Record<string, number>>, time: number, step: number | undefined): RunNotes {
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

/** What the host labels a run with. */
export function labels(tags: Readonly<Record<string, string>>): RunNotes {
  const all = Object.entries(tags)
  const fitting = all.filter(([name]) => isKey(name)).map(([name, text]): [string, string] => [name, tagText(text)])
  return { tags: new Map(fitting), left: all.map(([name]) => name).filter((name) => !isKey(name)) }
}

/** One label, its text shortened where it must be. */
export function tag(key: string, text: string): RunNotes {
  return isKey(key) ? { tags: new Map([[key, tagText(text)]]) } : { left: [key] }
}
