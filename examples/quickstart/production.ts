// June as production traffic: every flight is scored when it departs, its label comes a day later, and a desk acts on some of those that are flagged.
import type { RecordBatch } from 'apache-arrow'
import type { BooleanColumn, Dataset, Profile, TimeColumn } from 'millrace/data'
import { columnOf, selectColumns } from 'millrace/data'
import { Deployment } from 'millrace/deploy'
import type { ProgressBar } from 'millrace/log'
import { openPredictionLog } from 'millrace/log'
import { auc } from 'millrace/metrics'
import type { DriftEvent } from 'millrace/monitor'
import { ActionMonitor, DriftMonitor, OperationsMonitor, PerformanceMonitor } from 'millrace/monitor'
import type { Registry } from 'millrace/registry'
import type { MonitoringPeriod } from 'millrace/report'
import type { FileStorage } from 'millrace/storage/file'
import { baselines, modelName } from './flow.ts'

const dayMs = 86_400_000
/** Flights that are asked about together. */
export const requestRows = 512
/** Of the probability of being late: from here on a flight is flagged. */
const threshold = 0.4
/** Flights of one batch that the desk can rebook. */
const deskCapacity = 24
const inputs = ['date', 'distance', 'origin', 'destination'] as const
const weekly = { durationMs: 7 * dayMs, timeColumn: 'date', originTime: Date.UTC(2001, 5, 1) }

type Departures = Dataset<{ date: Date; distance: number; origin: string; destination: string; late: boolean }>

export interface Production {
  readonly weeks: readonly MonitoringPeriod[]
  /** Over all of June. */
  readonly auc: number
  /** The same of predictors that anyone could make without a model. */
  readonly baselines: Readonly<Record<string, number>>
  /** What was raised and taken back, in order. */
  readonly alarms: readonly DriftEvent[]
  readonly rows: number
  readonly durationMs: number
  readonly dropped: number
}

export async function runProduction(options: {
  readonly registry: Registry
  readonly storage: FileStorage
  /** What the baselines are fitted on. */
  readonly train: Departures
  readonly departures: Departures
  readonly signal: AbortSignal
  readonly reference: Profile
  readonly testMetrics: Readonly<Record<string, number>>
  readonly bar: ProgressBar
}): Promise<Production> {
  const { registry, storage, departures, bar, signal } = options
  const drift = new DriftMonitor({ reference: options.reference, window: weekly })
  const alarms: DriftEvent[] = []
  drift.on((event) => {
    if (event.type !== 'window-closed') alarms.push(event)
  })
  const performance = new PerformanceMonitor({ metrics: ['auc', 'log-loss'], reference: options.testMetrics, window: weekly })
  const month = new PerformanceMonitor({ name: 'month', metrics: ['auc'], window: { rows: departures.rowCount } })
  const operations = new OperationsMonitor({ window: weekly })
  const actions = new ActionMonitor({ threshold, window: weekly })
  const log = await openPredictionLog({ storage, prefix: 'predictions', queue: { policy: 'block' } })
  const deployment = await Deployment.open({
    registry,
    model: modelName,
    alias: 'champion',
    log,
    threshold,
    monitors: [drift, performance, month, operations, actions],
  })

  const { version } = deployment.metadata
  const start = globalThis.performance.now()
  const labels = new LateLabels(deployment)
  let rows = 0
  for await (const batch of departures.batches({ columns: [...inputs, 'late'], batchRows: requestRows, signal })) {
    const time = timesOf(batch).at(-1) ?? 0
    await labels.deliver(time - dayMs)
    const answer = await deployment.predictBatch(selectColumns(batch, inputs), { time })
    const rebooked = mostLikely(answer.scores, answer.flaggedRows ?? new Uint32Array(), deskCapacity)
    if (rebooked.length > 0) await deployment.recordActions({ batchId: answer.batchId, rows: rebooked, action: 'rebooked', time })
    labels.expect(answer.batchId, time, lateIn(batch))
    rows += batch.numRows
    bar.update('june', { done: rows, total: departures.rowCount, unit: 'rows' })
  }
  await labels.deliver(Number.POSITIVE_INFINITY)
  await deployment.close()
  await log.close()
  bar.finish('june')

  for (const monitor of [drift, operations]) monitor.closeWindow()
  for (const monitor of [performance, month, actions]) monitor.closeWindows()
  const weeks = drift.closedWindows.map((window): MonitoringPeriod => {
    const good = performance.closedWindows.find((other) => other.start === window.start)
    const busy = operations.closedWindows.find((other) => other.start === window.start)
    const acted = actions.closedWindows.find((other) => other.start === window.start)
    return {
      label: weekLabel(window.start, window.end),
      rows: window.rows,
      servedVersion: version,
      drift: window.verdicts,
      ...(good === undefined ? {} : { performance: good }),
      ...(busy === undefined ? {} : { operations: busy }),
      ...(acted === undefined ? {} : { actions: acted }),
    }
  })
  return {
    weeks,
    auc: month.closedWindows[0]?.metrics.auc ?? Number.NaN,
    baselines: await baselinesOn(departures, options.train, signal),
    alarms,
    rows,
    durationMs: globalThis.performance.now() - start,
    dropped: log.dropped.records,
  }
}

function timesOf(batch: RecordBatch): Float64Array {
  return (columnOf(batch, 'date') as TimeColumn).values
}

function lateIn(batch: RecordBatch): Float32Array {
  return Float32Array.from((columnOf(batch, 'late') as BooleanColumn).values)
}

/** What the baselines of the evaluation would have scored on the same traffic. */
async function baselinesOn(departures: Departures, train: Departures, signal: AbortSignal): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  for (const baseline of baselines) {
    const predict = await baseline.fit(train, 'late', { signal })
    const labels = new Float32Array(departures.rowCount)
    const scores = new Float32Array(departures.rowCount)
    let row = 0
    for await (const batch of departures.batches({ columns: ['date', 'late'], signal })) {
      labels.set(lateIn(batch), row)
      scores.set(predict(batch), row)
      row += batch.numRows
    }
    figures[baseline.name] = auc(labels, scores)
  }
  return figures
}

export function weekLabel(start: number, end: number): string {
  const last = Math.min(end - dayMs, Date.UTC(2001, 5, 30))
  return `June ${new Date(start).getUTCDate()}–${new Date(last).getUTCDate()}`
}

/** Labels wait until their time has come. */
class LateLabels {
  readonly #deployment: Pick<Deployment<object>, 'recordOutcomes'>
  readonly #waiting: { readonly batchId: string; readonly time: number; readonly labels: Float32Array }[] = []

  constructor(deployment: Pick<Deployment<object>, 'recordOutcomes'>) {
    this.#deployment = deployment
  }

  expect(batchId: string, time: number, labels: Float32Array): void {
    this.#waiting.push({ batchId, time, labels })
  }

  /** Hands in those of flights that departed at `until` or before. */
  async deliver(until: number): Promise<void> {
    while ((this.#waiting[0]?.time ?? Number.POSITIVE_INFINITY) <= until && this.#waiting.length > 0) {
      const { batchId, time, labels } = this.#waiting.shift() as { batchId: string; time: number; labels: Float32Array }
      await this.#deployment.recordOutcomes({ batchId, labels, time: time + dayMs })
    }
  }
}

/** The flagged rows with the highest scores, at most `capacity`. */
function mostLikely(scores: Float32Array, flagged: Uint32Array, capacity: number): Uint32Array {
  return flagged
    .slice()
    .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
    .slice(0, capacity)
}
