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

/** Rows that are mixed with each other: four chunks. */
const shuffleWindowRows = 4 * chunkRows
/** What the window may hold, so that a wide matrix has a narrower window. */
const shuffleWindowBytes = 128 * 1024 * 1024

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
 * and, with `shuffle`, by a window of at most 262,144 rows and 128 MB.
 *
 * Shuffling draws the order of the dataset's chunks, and mixes the rows of four chunks at a time. It is not a uniform permutation, but no
 * batch holds one stretch of time only, and every row comes exactly once an epoch.
 *
 * @throws {@link MillraceError} while iterating: `LABEL_INVALID`; `FEATURE_INVALID` when the plan makes a number that is not finite.
 */
export function exampleSource(options: ExampleSourceOptions): ExampleSource {
  const { dataset } = options
  return {
    rowCount: dataset.rowCount,
    batches({ batchRows, shuffle, signal }): AsyncIterable<Examples> {
      if (!Number.isInteger(batchRows) || batchRows < 1) {
        throw new MillraceError('ARGUMENT_INVALID', {
          message: `Expected batchRows to be a whole number of at least 1. Received ${batchRows}.`,
          details: { argument: 'batchRows', expected: 'a whole number of at least 1', received: String(batchRows) },
        })
      }
      return shuffle === undefined ? inOrder(options, batchRows, signal) : shuffled(options, batchRows, shuffle, signal)
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

async function* shuffled(
  options: ExampleSourceOptions,
  batchRows: number,
  random: Random,
  signal: AbortSignal | undefined,
): AsyncGenerator<Examples> {
  const { dataset, plan } = options
  const columns = columnsOf(options)
  const { rangeRows, windowRanges } = windowOf(plan, dataset.rowCount)
  const ranges = shuffleInPlace(
    Uint32Array.from({ length: Math.ceil(dataset.rowCount / rangeRows) }, (_, index) => index),
    random,
  )
  const window = new ExampleBlock(plan.inputs, Math.min(windowRanges * rangeRows, dataset.rowCount))
  const assembler = new BatchAssembler(plan.inputs, batchRows)
  for (let first = 0; first < ranges.length; first += windowRanges) {
    window.clear()
    for (const range of ranges.subarray(first, first + windowRanges)) {
      const start = range * rangeRows
      const end = Math.min(start + rangeRows, dataset.rowCount)
      let row = start
      for await (const batch of dataset.batches({ columns, batchRows: chunkRows, rows: { start, end }, ...(signal && { signal }) })) {
        encode(options, window, batch, row)
        row += batch.numRows
      }
    }
    const order = shuffleInPlace(
      Uint32Array.from({ length: window.rows }, (_, index) => index),
      random,
    )
    for (const examples of assembler.take(window, order)) {
      throwIfAborted(signal)
      yield examples
    }
  }
  yield* assembler.rest()
}

/** Whole chunks, four at a time; parts of a chunk where a chunk of a wide matrix would be too much. */
function windowOf(plan: FeaturePlan, rowCount: number): { readonly rangeRows: number; readonly windowRanges: number } {
  const windowRows = Math.max(1, Math.min(shuffleWindowRows, rowCount, Math.floor(shuffleWindowBytes / rowSizeBytes(plan.inputs))))
  let rangeRows = chunkRows
  while (rangeRows > 1 && rangeRows * 4 > windowRows * 2) rangeRows /= 2
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
