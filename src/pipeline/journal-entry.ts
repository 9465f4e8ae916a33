import { isPlainObject } from '../core/json.ts'
import type { PipelineEvent } from './pipeline-event.ts'
import { decodeStored, encodeStored } from './stored-json.ts'
import { numbersFromJson, numbersToJson } from './stored-numbers.ts'

const format = { format: 'millrace-journal-entry', formatVersion: 1, minReaderVersion: 1 } as const

/** One object of a run's journal. */
export interface JournalEntry {
  /** Of whoever wrote it: 1 for the process that began the run, one more for each that resumed it. */
  readonly epoch: number
  /** Made anew for each epoch, so that no two writers ever write the same bytes. */
  readonly owner: string
  readonly events: readonly PipelineEvent[]
  /** Set where somebody deletes the run: nothing can be put behind this entry but another who deletes it, and then it is none. */
  readonly deletion?: RunDeletion
}

/** The last entry of a run that is being deleted; a copy of it takes the place of the first, which is the last to go. */
export interface RunDeletion {
  /** The number behind the entry that claimed the run for it, where whoever goes on with it claims. */
  readonly next: number
  /** How long whoever deletes may show no sign of life before another goes on with it. */
  readonly leaseMs: number
}

/** Everything of a run is below this. */
export function runFolder(runId: string): string {
  return `runs/${runId}`
}

export function journalFolder(runId: string): string {
  return `${runFolder(runId)}/journal`
}

export function journalKey(runId: string, number: number): string {
  return `${journalFolder(runId)}/${String(number).padStart(16, '0')}`
}

export function encodeEntry({ epoch, owner, events, deletion }: JournalEntry): Uint8Array {
  return encodeStored({ ...format, epoch, owner, events: events.map(eventToJson), ...(deletion === undefined ? {} : { deletion }) })
}

/** @throws {@link MillraceError} `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`. */
export function decodeEntry(key: string, bytes: Uint8Array): JournalEntry {
  const { epoch, owner, events, deletion } = decodeStored(key, bytes, format.format, format.formatVersion)
  const told = { epoch: Number(epoch), owner: String(owner), events: (events as readonly PipelineEvent[]).map(eventFromJson) }
  return isPlainObject(deletion) ? { ...told, deletion: { next: Number(deletion.next), leaseMs: Number(deletion.leaseMs) } } : told
}

/** JSON has no NaN and no infinities; figures may be such. */
function eventToJson(event: PipelineEvent): unknown {
  if (event.type === 'stage-metrics') return { ...event, values: numbersToJson(event.values) }
  if (event.type === 'stage-cached' && event.metrics !== undefined) return { ...event, metrics: numbersToJson(event.metrics) }
  return event
}

function eventFromJson(event: PipelineEvent): PipelineEvent {
  if (event.type === 'stage-metrics') return { ...event, values: numbersFromJson(event.values) }
  if (event.type === 'stage-cached' && isPlainObject(event.metrics)) return { ...event, metrics: numbersFromJson(event.metrics) }
  return event
}
