import type { RecordBatch } from 'apache-arrow'
import { throwIfAborted, yieldToEventLoop } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import { batchOf } from '../data/build-batch.ts'
import type { Tensors } from '../features/tensors.ts'
import { columnFromValues, type StoredValue } from '../model/column-values.ts'
import type { LoadedPackage } from '../model/load-package.ts'
import { inputsOf } from './observations.ts'
import type { RowReader } from './row-reader.ts'

/** Rows that are scored without a pause: some 50 ms on one core, after which other requests get their turn. */
const rowsBeforeYield = 16_384

/** What came of a call: the scores, and the inputs as a batch, which is made only where somebody wants it. */
export interface Scored {
  readonly scores: Float32Array
  readonly inputs: () => RecordBatch
}

/** One loaded version, counted by those who use it: a version that was replaced is disposed when the last call on it has ended. */
export class ServedVersion {
  readonly version: number
  readonly loaded: LoadedPackage
  readonly reader: RowReader
  readonly outputName: string
  readonly #onDisposed: (version: number) => void
  #users = 0
  #retired = false

  /** @throws {@link MillraceError} `MODEL_INVALID` when the model does not answer one number a row. */
  constructor(version: number, loaded: LoadedPackage, reader: RowReader, onDisposed: (version: number) => void) {
    this.version = version
    this.loaded = loaded
    this.reader = reader
    this.#onDisposed = onDisposed
    const [output, ...others] = loaded.signature.outputs
    if (output === undefined || others.length > 0 || output.shape.reduce((product, length) => product * length, 1) !== 1) {
      const outputs = loaded.signature.outputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ')
      throw wrongAnswer(`a model of one number a row`, outputs === '' ? 'one of none' : `one of ${outputs}`)
    }
    this.outputName = output.name
  }

  acquire(): void {
    this.#users++
  }

  release(): void {
    this.#users--
    this.#disposeWhenUnused()
  }

  /** No new calls come: dispose as soon as those under way have ended. */
  retire(): void {
    this.#retired = true
    this.#disposeWhenUnused()
  }

  /** Rows of a request, checked. One row takes the path without Arrow. */
  async scoreRows(rows: readonly unknown[], signal: AbortSignal | undefined): Promise<Scored> {
    if (rows.length === 1) {
      const row = this.reader.row(rows[0], 0)
      return { scores: await this.#scoreRow(row, signal), inputs: () => this.#batchOfRow(row) }
    }
    const batch = batchOf(this.reader.columns(rows))
    return { scores: await this.#score(batch, signal), inputs: () => batch }
  }

  /** A batch, checked; of its columns those that the signature names. */
  async scoreBatch(batch: RecordBatch, signal: AbortSignal | undefined): Promise<Scored> {
    const inputs = inputsOf(batch, this.loaded.signature)
    return { scores: await this.#score(inputs, signal), inputs: () => inputs }
  }

  async #scoreRow(row: Readonly<Record<string, StoredValue>>, signal: AbortSignal | undefined): Promise<Float32Array> {
    throwIfAborted(signal)
    const { plan, model } = this.loaded
    return this.#scoresOf(await model.predict(plan.applyRow(row), signal === undefined ? {} : { signal }), 1)
  }

  /** Piece by piece. */
  async #score(batch: RecordBatch, signal: AbortSignal | undefined): Promise<Float32Array> {
    const { plan, model } = this.loaded
    const options = signal === undefined ? {} : { signal }
    const scores = new Float32Array(batch.numRows)
    let inputs: Tensors | undefined
    for (let start = 0; start < batch.numRows; start += rowsBeforeYield) {
      if (start > 0) await yieldToEventLoop()
      throwIfAborted(signal)
      const rows = Math.min(rowsBeforeYield, batch.numRows - start)
      const piece = rows === batch.numRows ? batch : batch.slice(start, start + rows)
      // The tensors of the piece before are filled again: the model has answered, so it is done with them.
      inputs = plan.apply(piece, inputs)
      scores.set(this.#scoresOf(await model.predict(inputs, options), rows), start)
    }
    return scores
  }

  /** An answer that is short, or not a number, is a fault and never an answer. */
  #scoresOf(answer: Tensors, rows: number): Float32Array {
    const tensor = answer[this.outputName]
    if (tensor === undefined || tensor.data.length !== rows || tensor.shape[0] !== rows) {
      const received = tensor === undefined ? 'none' : `[${tensor.shape.join(', ')}] with ${tensor.data.length} values`
      throw wrongAnswer(`${rows} answers in "${this.outputName}"`, received)
    }
    const scores = tensor.data instanceof Float32Array ? tensor.data : Float32Array.from(tensor.data)
    for (let row = 0; row < rows; row++) {
      if (!Number.isFinite(scores[row])) throw wrongAnswer(`finite answers in "${this.outputName}"`, `${scores[row]} for row ${row}`)
    }
    return scores
  }

  #batchOfRow(row: Readonly<Record<string, StoredValue>>): RecordBatch {
    const { inputs } = this.loaded.signature
    return batchOf(Object.fromEntries(inputs.map((type) => [type.name, columnFromValues(type, [row[type.name] ?? null])])))
  }

  #disposeWhenUnused(): void {
    if (!this.#retired || this.#users > 0) return
    this.loaded.model.dispose()
    this.#onDisposed(this.version)
  }
}

function wrongAnswer(expected: string, received: string): MillraceError<'MODEL_INVALID'> {
  return new MillraceError('MODEL_INVALID', {
    message: `Expected ${expected}. Received ${received}.`,
    details: { reason: `expected ${expected}, received ${received}` },
  })
}
