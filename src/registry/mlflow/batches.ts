import type { MlflowConnection, SignalOption } from './connection.ts'

/** What the server takes in one request. */
export const maxMetricsAtOnce = 1000
const maxPairsAtOnce = 100
const longestTag = 8000
/** What stands for an infinity there: the largest double. */
const largest = Number.MAX_VALUE

export interface MetricPoint {
  readonly key: string
  readonly value: number
  /** Milliseconds since 1970 UTC. */
  readonly timestamp: number
  readonly step: number
}

export interface RunValues {
  readonly metrics?: readonly MetricPoint[]
  readonly parameters?: Iterable<readonly [string, string]>
  readonly tags?: Iterable<readonly [string, string]>
}

/** Writes figures, parameters and tags of a run in as many requests as the server's limits ask for. Each may be sent twice: it changes nothing then. */
export async function logToRun(connection: MlflowConnection, runId: string, values: RunValues, options: SignalOption): Promise<void> {
  const send = async (body: Readonly<Record<string, unknown>>): Promise<void> => {
    await connection.json({
      method: 'POST',
      path: '/mlflow/runs/log-batch',
      body: { run_id: runId, ...body },
      repeatable: true,
      ...options,
    })
  }
  for (const params of inBatches(pairs(values.parameters), maxPairsAtOnce)) await send({ params })
  for (const tags of inBatches(pairs(values.tags), maxPairsAtOnce)) await send({ tags })
  const metrics = (values.metrics ?? []).map((point) => ({ ...point, value: numberText(point.value) }))
  for (const batch of inBatches(metrics, maxMetricsAtOnce)) await send({ metrics: batch })
}

/** A tag's text, shortened with a word about it where it is too long. */
export function tagText(text: string): string {
  const note = ' ... (shortened)'
  return text.length <= longestTag ? text : `${text.slice(0, longestTag - note.length)}${note}`
}

/** JSON has no NaN; an infinity is what the server would make of it anyway. */
function numberText(value: number): number | 'NaN' {
  return Number.isNaN(value) ? 'NaN' : Math.max(-largest, Math.min(largest, value))
}

function pairs(entries: Iterable<readonly [string, string]> | undefined): readonly { readonly key: string; readonly value: string }[] {
  return [...(entries ?? [])].map(([key, value]) => ({ key, value }))
}

function inBatches<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
}
