import type { RecordBatch } from 'apache-arrow'
import { throwIfAborted, yieldToEventLoop } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { Dataset } from '../data/dataset.ts'
import type { FeaturePlan } from '../features/feature-plan.ts'
import type { Tensors } from '../features/tensors.ts'
import type { Baseline } from '../model/baseline.ts'
import { labelsOf } from '../model/labels.ts'
import type { Task } from '../model/learner.ts'
import type { Model } from '../model/model.ts'
import type { StageContext } from '../pipeline/stage-definition.ts'
import { SliceColumn } from './slice-column.ts'

export interface FittedBaseline {
  readonly baseline: Baseline
  readonly predict: (batch: RecordBatch) => Float32Array
}

export interface ScoreOptions {
  readonly dataset: Dataset
  readonly plan: FeaturePlan
  readonly model: Model
  readonly target: string
  readonly task: Task
  readonly baselines: readonly FittedBaseline[]
  readonly slices: readonly string[]
  readonly batchRows: number
}

/** Label and predictions of every row: 4 bytes each a row, and 4 for each slice column; the rows themselves are gone. */
export interface Scores {
  readonly labels: Float32Array
  readonly predictions: Float32Array
  readonly baselines: Readonly<Record<string, Float32Array>>
  readonly slices: readonly SliceColumn[]
}

const yieldEveryMs = 50

/** One pass over a dataset, batch by batch: the plan, the model and the baselines on the same rows. */
export async function scoreDataset(options: ScoreOptions, context: StageContext): Promise<Scores> {
  const { dataset, plan, model, target, task, baselines, batchRows } = options
  const { signal, clock } = context
  const rowCount = dataset.rowCount
  const labels = new Float32Array(rowCount)
  const predictions = new Float32Array(rowCount)
  const guesses = Object.fromEntries(baselines.map(({ baseline }) => [baseline.name, new Float32Array(rowCount)]))
  const slices = options.slices.map((name) => new SliceColumn(name, rowCount))
  let tensors: Tensors | undefined
  let row = 0
  let yieldedAtMs = clock.monotonicMs()
  for await (const batch of dataset.batches({ columns: columnsOf(options), batchRows, signal })) {
    throwIfAborted(signal)
    labels.set(labelsOf(batch, target, { task, firstRow: row }), row)
    tensors = plan.apply(batch, tensors)
    const output = await model.predict(tensors, { signal })
    predictions.set(onePerRow(output, batch.numRows), row)
    for (const { baseline, predict } of baselines) (guesses[baseline.name] as Float32Array).set(predict(batch), row)
    for (const slice of slices) slice.add(batch)
    row += batch.numRows
    context.progress(row, rowCount, 'rows')
    if (clock.monotonicMs() - yieldedAtMs >= yieldEveryMs) {
      await yieldToEventLoop()
      yieldedAtMs = clock.monotonicMs()
    }
  }
  throwIfAborted(signal)
  return { labels, predictions, baselines: guesses, slices }
}

function onePerRow(output: Tensors, rows: number): Float32Array | Int32Array {
  const tensors = Object.entries(output)
  const [first] = tensors
  if (first !== undefined && tensors.length === 1 && first[1].data.length === rows) return first[1].data
  const received = tensors.map(([name, { shape }]) => `"${name}" of [${shape.join(', ')}]`).join(', ')
  throw new MillraceError('MODEL_INVALID', {
    message: `Expected the model to answer one tensor of [${rows}, 1]. Received ${received === '' ? 'none' : received}.`,
    details: { reason: `answered ${received === '' ? 'nothing' : received}` },
  })
}

function columnsOf({ plan, target, baselines, slices }: ScoreOptions): never[] {
  const names = [...plan.columns.map((column) => column.name), target, ...slices, ...baselines.flatMap(({ baseline }) => baseline.columns)]
  // The row type is not known here: names are checked by the dataset when it is read.
  return [...new Set(names)] as never[]
}
