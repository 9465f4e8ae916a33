import type { Json } from '../core/json.ts'
import { isPlainObject, toJson } from '../core/json.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { journalKey, runFolder } from './journal-entry.ts'
import type { RunRecord, StageRecord } from './run-record.ts'
import { decodeStored, encodeStored } from './stored-json.ts'
import { numbersFromJson, numbersToJson } from './stored-numbers.ts'

const format = { format: 'millrace-run-summary', formatVersion: 1, minReaderVersion: 1 } as const

interface Options {
  readonly signal?: AbortSignal
}

export function summaryKey(runId: string): string {
  return `${runFolder(runId)}/record`
}

/** The record of a run that has ended, beside its journal of `entries` entries: a hint that saves reading those. */
export async function writeSummary(storage: StorageAdapter, record: RunRecord, entries: number): Promise<void> {
  await storage.put(summaryKey(record.id), encodeStored({ ...format, entries, record: recordToJson(record) }))
}

/** The record where it is that of the journal's end, which one read shows; undefined where it is not, or not to be read. */
export async function readSummary(storage: StorageAdapter, runId: string, options: Options = {}): Promise<RunRecord | undefined> {
  const key = summaryKey(runId)
  const object = await storage.get(key, options)
  const summary = object === undefined ? undefined : decode(key, object.bytes)
  if (summary === undefined) return undefined
  const next = await storage.get(journalKey(runId, summary.entries), { ...options, range: { start: 0, end: 1 } })
  return next === undefined ? summary.record : undefined
}

/** A record as JSON: figures that JSON lacks by their names. */
export function recordToJson(record: RunRecord): Json {
  return toJson({ ...record, stages: record.stages.map(mapMetrics(numbersToJson)) })
}

function recordFromJson(value: Readonly<Record<string, unknown>>): RunRecord {
  const record = value as unknown as RunRecord
  return { ...record, stages: record.stages.map((stage) => mapMetrics(numbersFromJson)(stage) as StageRecord) }
}

function mapMetrics<Value>(map: (values: Readonly<Record<string, number>>) => Value): (stage: StageRecord) => object {
  return (stage) => (stage.metrics === undefined ? stage : { ...stage, metrics: map(stage.metrics) })
}

function decode(key: string, bytes: Uint8Array): { readonly record: RunRecord; readonly entries: number } | undefined {
  try {
    const { record, entries } = decodeStored(key, bytes, format.format, format.formatVersion)
    return isPlainObject(record) && Number.isSafeInteger(entries) ? { record: recordFromJson(record), entries: Number(entries) } : undefined
  } catch {
    // The journal tells all of it.
    return undefined
  }
}
