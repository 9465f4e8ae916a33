import type { RecordBatch } from 'apache-arrow'
import type { Clock, Json, Random } from '../../../src/core/index.ts'
import { createRandom, shuffleInPlace, systemClock } from '../../../src/core/index.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { Column } from '../../../src/data/column.ts'
import type { ColumnType } from '../../../src/data/column-type.ts'
import type { Dataset } from '../../../src/data/dataset.ts'
import { columnOf } from '../../../src/data/read-column.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import type { FeaturePlan } from '../../../src/features/feature-plan.ts'
import type { Tensors } from '../../../src/features/tensors.ts'
import type { LogTarget } from '../../../src/log/log-target.ts'
import type { ExampleSource, Examples, LearnerContext, Task, TrainingSet } from '../../../src/model/learner.ts'
import type { StageContext } from '../../../src/pipeline/stage-definition.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'

export interface ProgressCall {
  readonly done: number
  readonly total: number | undefined
  readonly unit: string | undefined
  readonly fields: Readonly<Record<string, number>> | undefined
}
export interface LogCall {
  readonly level: string
  readonly message: string
}

/** A log target that keeps what it is told. */
export function recordingLogger(): LogTarget & { readonly calls: LogCall[] } {
  const calls: LogCall[] = []
  const at = (level: string) => (message: string) => void calls.push({ level, message })
  return { calls, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export interface FixtureContext extends StageContext {
  readonly progressCalls: ProgressCall[]
  readonly logger: ReturnType<typeof recordingLogger>
}

/** What a stage or a learner is given, on memory storage. */
export function fixtureContext(options: { seed?: number; signal?: AbortSignal; clock?: Clock } = {}): FixtureContext {
  const progressCalls: ProgressCall[] = []
  return {
    signal: options.signal ?? new AbortController().signal,
    logger: recordingLogger(),
    random: createRandom(options.seed ?? 1),
    clock: options.clock ?? systemClock,
    storage: new MemoryStorage(),
    runId: 'run',
    codeVersion: undefined,
    idempotencyKey: 'key',
    progress: (done, total, unit, fields) => void progressCalls.push({ done, total, unit, fields }),
    metrics: () => {},
    artifact: () => {},
    progressCalls,
  }
}

export function learnerContext(options: Parameters<typeof fixtureContext>[0] = {}): LearnerContext & FixtureContext {
  return fixtureContext(options)
}

/** Examples from rows in memory, given as in a real source: buffers are reused. */
export function sourceOf(features: readonly (readonly number[])[], labels: readonly number[]): ExampleSource {
  const width = features[0]?.length ?? 1
  return {
    rowCount: labels.length,
    async *batches({
      batchRows,
      shuffle,
      signal,
    }: {
      batchRows: number
      shuffle?: Random
      signal?: AbortSignal
    }): AsyncGenerator<Examples> {
      const order = Uint32Array.from(labels, (_, index) => index)
      if (shuffle !== undefined) shuffleInPlace(order, shuffle)
      const data = new Float32Array(batchRows * width)
      const target = new Float32Array(batchRows)
      for (let first = 0; first < order.length; first += batchRows) {
        if (signal?.aborted) throw signal.reason
        const members = order.subarray(first, first + batchRows)
        for (const [place, row] of members.entries()) {
          data.set(features[row] as number[], place * width)
          target[place] = labels[row] as number
        }
        const rows = members.length
        yield {
          rows,
          inputs: { features: { shape: [rows, width], data: data.subarray(0, rows * width) } },
          labels: target.subarray(0, rows),
        }
      }
    },
  }
}

export function trainingSetOf(options: {
  readonly task?: Task
  readonly train: ExampleSource
  readonly validation?: ExampleSource
  readonly width: number
}): TrainingSet {
  return {
    task: options.task ?? 'binary',
    inputs: {
      features: { shape: [options.width], type: 'float32', featureNames: Array.from({ length: options.width }, (_, index) => `x${index}`) },
    },
    train: options.train,
    validation: options.validation ?? sourceOf([], []),
  }
}

const kindOf = (values: readonly unknown[]): ColumnType['kind'] => {
  const known = values.find((value) => value !== null)
  if (typeof known === 'string') return 'text'
  if (typeof known === 'boolean') return 'boolean'
  return known instanceof Date ? 'time' : 'number'
}

function columnFrom(values: readonly unknown[]): Column {
  const nulls = Uint8Array.from(values, (value) => (value === null ? 1 : 0))
  const base = nulls.includes(1) ? { length: values.length, nulls } : { length: values.length }
  switch (kindOf(values)) {
    case 'text': {
      const dictionary = [...new Set(values.filter((value) => value !== null))] as string[]
      return { ...base, kind: 'text', dictionary, codes: Int32Array.from(values, (value) => dictionary.indexOf(value as string)) }
    }
    case 'boolean':
      return { ...base, kind: 'boolean', values: Uint8Array.from(values, (value) => (value === true ? 1 : 0)) }
    case 'time':
      return { ...base, kind: 'time', values: Float64Array.from(values, (value) => Number(value)) }
    default:
      return { ...base, kind: 'number', values: Float64Array.from(values, (value) => (value === null ? 0 : (value as number))) }
  }
}

export type Columns = Readonly<Record<string, readonly unknown[]>>

export function batchFrom(columns: Columns): RecordBatch {
  return batchOf(Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, columnFrom(values)])))
}

/** A stored dataset of the given columns, written in batches of 50,000 rows. */
export async function datasetOf(columns: Columns, storage = new MemoryStorage()): Promise<Dataset> {
  const types = Object.entries(columns).map(([name, values]) => ({ name, kind: kindOf(values), nullable: values.includes(null) }))
  const rows = Object.values(columns)[0]?.length ?? 0
  const batches: RecordBatch[] = []
  for (let start = 0; start < rows; start += 50_000) {
    batches.push(
      batchFrom(Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(start, start + 50_000)]))),
    )
  }
  return writeDataset(storage, types, batches)
}

/** A plan that hands number columns on as they are; on training rows it can add a column: the row's place in the training part. */
export function columnsPlan(names: readonly string[], options: { readonly place?: boolean } = {}): FeaturePlan {
  const featureNames = options.place === true ? [...names, 'place'] : names
  const width = featureNames.length
  const fill = (batch: RecordBatch, into: Tensors | undefined, firstRow: number): Tensors => {
    const rows = batch.numRows
    const given = into?.features
    const data = given?.data.length === rows * width ? given.data : new Float32Array(rows * width)
    for (const [place, name] of names.entries()) {
      const { values } = columnOf(batch, name) as { values: Float64Array }
      for (let row = 0; row < rows; row++) data[row * width + place] = values[row] as number
    }
    if (options.place === true) for (let row = 0; row < rows; row++) data[row * width + width - 1] = firstRow + row
    return { features: { shape: [rows, width], data } }
  }
  return {
    columns: names.map((name) => ({ name, kind: 'number', nullable: false })),
    inputs: { features: { shape: [width], type: 'float32', featureNames } },
    apply: (batch, into) => fill(batch, into, -1_000_000),
    applyTraining: (batch, firstRow, into) => fill(batch, into, firstRow),
    applyRow: () => ({}),
    toPackage: () => ({ json: {} as Json, blobs: {} }),
  }
}
