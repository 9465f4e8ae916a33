import type { RecordBatch } from 'apache-arrow'
import { batchOf } from '../data/build-batch.ts'
import type { Column, TextColumn } from '../data/column.ts'
import { columnOf } from '../data/read-column.ts'
import type { PredictionLog, PredictionRecordKind } from '../log/prediction-log.ts'
import type { ActionObservation, Monitor, OutcomeObservation, PredictionObservation } from '../monitor/monitor.ts'
import { predictionId } from './prediction-id.ts'
import type { Reporter } from './reporter.ts'

/** Hands what a deployment does to its log and its monitors. A monitor that throws breaks nothing. */
export class Recorder {
  readonly #log: PredictionLog | undefined
  readonly #monitors: readonly Monitor[]
  readonly #reporter: Reporter

  constructor(log: PredictionLog | undefined, monitors: readonly Monitor[], reporter: Reporter) {
    this.#log = log
    this.#monitors = monitors
    this.#reporter = reporter
  }

  /** False where nobody watches: then the inputs of a single row need not become a batch. */
  get isWatched(): boolean {
    return this.#log !== undefined || this.#monitors.length > 0
  }

  async predictions(observation: PredictionObservation): Promise<void> {
    this.#tell((monitor) => monitor.observePredictions?.(observation))
    await this.#append('prediction', () => {
      const { batchId, inputs, scores, time, version } = observation
      const columns: Record<string, Column> = {
        ...identity(batchId, scores.length, undefined, time),
        version: { kind: 'integer', length: scores.length, values: new Int32Array(scores.length).fill(version) },
        score: { kind: 'number', length: scores.length, values: scores },
      }
      for (const { name } of inputs.schema.fields) columns[`input.${name}`] = columnOf(inputs, name)
      return columns
    })
  }

  async outcomes(observation: OutcomeObservation): Promise<void> {
    this.#tell((monitor) => monitor.observeOutcomes?.(observation))
    const { batchId, labels, rows, time } = observation
    await this.#append('outcome', () => ({
      ...identity(batchId, labels.length, rows, time),
      label: { kind: 'number', length: labels.length, values: labels },
    }))
  }

  async actions(observation: ActionObservation): Promise<void> {
    this.#tell((monitor) => monitor.observeActions?.(observation))
    const { action, batchId, rows, time } = observation
    await this.#append('action', () => ({
      ...identity(batchId, rows.length, rows, time),
      action: { kind: 'text', length: rows.length, codes: new Int32Array(rows.length), dictionary: [action] },
    }))
  }

  failure(failure: { readonly time: number; readonly rows: number; readonly durationMs: number; readonly error: unknown }): void {
    this.#tell((monitor) => monitor.observeFailure?.(failure))
  }

  async flush(): Promise<void> {
    await this.#log?.flush()
  }

  #tell(observe: (monitor: Monitor) => void): void {
    for (const monitor of this.#monitors) {
      try {
        observe(monitor)
      } catch (error) {
        this.#reporter.monitorFailed(monitor.name, error)
      }
    }
  }

  /** Reports a log that fails, and rejects: the caller knows whether that ends its call. */
  async #append(kind: PredictionRecordKind, columns: () => Readonly<Record<string, Column>>): Promise<void> {
    if (this.#log === undefined) return
    try {
      const batch: RecordBatch = batchOf(columns())
      if (batch.numRows > 0) await this.#log.append(kind, batch)
    } catch (error) {
      this.#reporter.logFailed(kind, error)
      throw error
    }
  }
}

function identity(
  batchId: string,
  length: number,
  rows: Uint32Array | undefined,
  time: number,
): { readonly id: TextColumn; readonly time: Column } {
  const dictionary = Array.from({ length }, (_, index) => predictionId(batchId, rows === undefined ? index : (rows[index] as number)))
  const codes = Int32Array.from({ length }, (_, index) => index)
  return {
    id: { kind: 'text', length, codes, dictionary },
    time: { kind: 'time', length, values: new Float64Array(length).fill(time) },
  }
}
