import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { Column } from '../data/column.ts'
import type { Dataset } from '../data/dataset.ts'
import { columnOf } from '../data/read-column.ts'
import type { TargetKind } from './target-table.ts'

/**
 * Whether a target is binary (booleans, or numbers that are all 0 or 1) or a number. Numbers are read only as far as needed to tell.
 *
 * @throws {@link MillraceError} `LABEL_INVALID` for a target of text or times, or that there is not.
 */
export async function targetKindOf(
  train: Dataset,
  target: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<TargetKind> {
  const kind = train.columns.find((column) => column.name === target)?.kind
  if (kind === 'boolean') return 'binary'
  if (kind !== 'number' && kind !== 'integer') {
    throw invalidLabel(target, 'a column of booleans or numbers', kind === undefined ? 'no such column' : `a column of ${kind}`)
  }
  const { signal } = options
  const columns = [target] as readonly string[] as readonly never[]
  for await (const batch of train.batches(signal === undefined ? { columns } : { columns, signal })) {
    throwIfAborted(signal)
    const { values } = columnOf(batch, target) as Column & { readonly kind: 'number' | 'integer' }
    for (let row = 0; row < values.length; row++) if (values[row] !== 0 && values[row] !== 1) return 'regression'
  }
  return 'binary'
}

export interface FillLabelsOptions {
  readonly target: string
  readonly kind: TargetKind
  /** The first row of the column that is taken, and how many. */
  readonly start: number
  readonly rows: number
  /** Of the column in its part, so that the message can name the row. */
  readonly firstRow: number
}

/**
 * Rows of a column as labels, true being 1: the one place where labels are checked, for preparation, learning and measuring.
 *
 * @throws {@link MillraceError} `LABEL_INVALID` for a null, a value that `labels` cannot hold as a finite number, a value other than 0 and 1 of a binary
 * target, and a column of text or times.
 */
export function fillLabels(labels: Float32Array | Float64Array, column: Column, options: FillLabelsOptions): void {
  const { target, kind, start, rows, firstRow } = options
  const isBinary = kind === 'binary'
  if (column.kind === 'text' || column.kind === 'time') {
    throw invalidLabel(target, isBinary ? 'a column of booleans or of 0 and 1' : 'a column of numbers', `a column of ${column.kind}`)
  }
  const { values, nulls } = column
  for (let row = 0; row < rows; row++) {
    const place = start + row
    if (nulls?.[place] === 1) {
      throw invalidLabel(target, 'a label in every row: drop the rows without one before the split', 'null', firstRow + place)
    }
    labels[row] = values[place] as number
    const label = labels[row] as number
    if (isBinary ? label !== 0 && label !== 1 : !Number.isFinite(label)) {
      throw invalidLabel(target, isBinary ? '0 or 1' : 'a finite number', String(values[place]), firstRow + place)
    }
  }
}

export function invalidLabel(target: string, expected: string, received: string, row?: number): MillraceError<'LABEL_INVALID'> {
  const place = row === undefined ? '' : ` in row ${row}`
  return new MillraceError('LABEL_INVALID', {
    message: `Expected the label "${target}" to be ${expected}. Received ${received}${place}.`,
    details: row === undefined ? { target, reason: received } : { target, reason: received, row },
  })
}
