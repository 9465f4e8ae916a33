import type { RecordBatch } from 'apache-arrow'
import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { shuffleInPlace } from '../core/random.ts'
import { chunkRows, type Dataset } from '../data/dataset.ts'
import type { FeaturePlan } from '../features/feature-plan.ts'
import { labelsOf } from '../model/labels.ts'
import type { ExampleSource, Examples, Task } from '../model/learner.ts'
import { BatchAssembler, ExampleBlock, rowSizeBytes } from './example-block.ts'

/** What the window of rows that are mixed with each other may hold: some four million rows of fifteen features. */
const shuffleWindowBytes = 256 * 1024 * 1024

export interface ExampleSourceOptions {
  readonly dataset: Dataset
  readonly plan: FeaturePlan
  readonly target: string
  readonly task: Task
  /** The rows that the plan was fitted on: cross-fitted encodings leave out each row's own fold. */
  readonly fittedOn: boolean
}

/**
 * Prepared examples over a stored dataset: the plan is applied batch by batch on the way to the learner, so memory is bounded by the batch
 * and, with `shuffle`, by a window of 256 MB.
 *
 * Shuffling mixes the rows of a window. Data that fits it is prepared once and drawn as a uniform permutation each epoch: where rows are in order of
 * time, the last steps of an epoch must not see one week only. Larger data comes in windows of ranges drawn from all over it. Every row comes exactly
 * once an epoch.
 *
 * @throws {@link MillraceError} while iterating: `LABEL_INVALID`; `FEATURE_INVALID` when the plan makes a number that is not finite.
 * @example
 * const source = exampleSource({ dataset, plan, target: 'late', task: 'binary', fittedOn: false })
 * for await (const { rows, labels } of source.batches({ batchRows: 256 })) labels.length === rows // true
 */
export function exampleSource(options: ExampleSourceOptions): ExampleSource {
  const { dataset } = options
  const prepared: Prepared = {}
  return {
    rowCount: dataset.rowCount,
    batches({ batchRows, shuffle, signal }): AsyncIterable<Examples> {
      if (!Number.isInteger(batchRows) || batchRows < 1) {
        throw new MillraceError('ARGUMENT_INVALID', {
          message: `Expected batchRows to be a whole number of at least 1. Received ${batchRows}.`,
          details: { argument: 'batchRows', expected: 'a whole number of at least 1', received: String(batchRows) },
        })
      }
      return shuffle === undefined ? inOrder(options, batchRows, signal) : shuffled(options, prepared, batchRows, shuffle, signal)
    },
  }
}

async function* inOrder(options: ExampleSourceOptions, batchRows: number, signal: AbortSignal | undefined): AsyncGenerator<Examples> {
  const { dataset, plan } = options
  const assembler = new BatchAssembler(plan.inputs, batchRows)
  const block = new ExampleBlock(plan.inputs, Math.min(chunkRows, dataset.rowCount))
  let firstRow = 0
  const columns = columnsOf(options)
  for await (const batch of dataset.batches({ columns, batchRows: chunkRows, ...(signal && { signal }) })) {
    block.clear()
    encode(options, block, batch, firstRow)
    firstRow += batch.numRows
    for (const examples of assembler.take(block)) {
      throwIfAborted(signal)
      yield examples
    }
  }
  yield* assembler.rest()
}

/** The window of the last epoch, where it holds all rows: then the next epoch need not prepare them again. */
interface Prepared {
  window?: ExampleBlock
}

async function* shuffled(
  options: ExampleSourceOptions,
  prepared: Prepared,
  batchRows: number,
  random: Random,
  signal: AbortSignal | undefined,
): AsyncGenerator<Examples> {
  const { dataset, plan } = options
  const { rangeRows, windowRanges } = windowOf(plan, dataset.rowCount)
  const ranges = shuffleInPlace(indices(Math.ceil(dataset.rowCount / rangeRows)), random)
  const assembler = new BatchAssembler(plan.inputs, batchRows)
  const window = prepared.window ?? new ExampleBlock(plan.inputs, Math.min(windowRanges * rangeRows, dataset.rowCount))
  for (let first = 0; first < ranges.length; first += windowRanges) {
    if (prepared.window === undefined) {
      // In the data's own order, so that what is prepared does not depend on which epoch prepared it.
      await fill(options, window, ranges.slice(first, first + windowRanges).sort(), rangeRows, signal)
      if (window.rows === dataset.rowCount) prepared.window = window
    }
    for (const examples of assembler.take(window, shuffleInPlace(indices(window.rows), random))) {
      throwIfAborted(signal)
      yield examples
    }
  }
  yield* assembler.rest()
}

async function fill(
  options: ExampleSourceOptions,
  window: ExampleBlock,
  ranges: Uint32Array,
  rangeRows: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { dataset } = options
  const columns = columnsOf(options)
  window.clear()
  for (const range of ranges) {
    const start = range * rangeRows
    const end = Math.min(start + rangeRows, dataset.rowCount)
    let row = start
    for await (const batch of dataset.batches({ columns, batchRows: chunkRows, rows: { start, end }, ...(signal && { signal }) })) {
      encode(options, window, batch, row)
      row += batch.numRows
    }
  }
}

function indices(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => index)
}

/** As many ranges as the window holds: whole chunks, or parts of a chunk where few chunks of a wide matrix would fit. */
function windowOf(plan: FeaturePlan, rowCount: number): { readonly rangeRows: number; readonly windowRanges: number } {
  const windowRows = Math.max(1, Math.floor(shuffleWindowBytes / rowSizeBytes(plan.inputs)))
  if (windowRows >= rowCount) return { rangeRows: chunkRows, windowRanges: Math.max(1, Math.ceil(rowCount / chunkRows)) }
  let rangeRows = chunkRows
  while (rangeRows > 1 && rangeRows * 4 > windowRows) rangeRows /= 2
  return { rangeRows, windowRanges: Math.max(1, Math.floor(windowRows / rangeRows)) }
}

function encode(options: ExampleSourceOptions, block: ExampleBlock, batch: RecordBatch, firstRow: number): void {
  const { plan, target, task, fittedOn } = options
  const labels = labelsOf(batch, target, { task, firstRow })
  const into = block.room(batch.numRows)
  const tensors = fittedOn ? plan.applyTraining(batch, firstRow, into) : plan.apply(batch, into)
  block.add(tensors, labels, firstRow)
}

function columnsOf({ plan, target }: ExampleSourceOptions): never[] {
  // The row type is not known here: names are checked by the dataset when it is read.
  return [...new Set([...plan.columns.map((column) => column.name), target])] as never[]
}
