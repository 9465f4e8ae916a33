import { throwIfAborted } from '../core/abort.ts'
import type { Column } from '../data/column.ts'
import type { Dataset } from '../data/dataset.ts'
import { columnOf } from '../data/read-column.ts'
import { invalid } from './definition.ts'
import type { TargetKind } from './target-table.ts'

/**
 * Whether a target is binary (booleans, or numbers that are all 0 or 1) or a number. Numbers are read only as far as needed to tell.
 *
 * @throws {@link MillraceError} `FEATURE_INVALID` for a target of text or times, or with a row that has no label.
 */
export async function targetKindOf(
  train: Dataset,
  target: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<TargetKind> {
  const kind = train.columns.find((column) => column.name === target)?.kind
  if (kind === 'boolean') return 'binary'
  if (kind !== 'number' && kind !== 'integer') {
    throw invalid(target, `Expected a target of booleans or numbers. Received ${kind ?? 'no such column'}`)
  }
  const { signal } = options
  const columns = [target] as readonly string[] as readonly never[]
  for await (const batch of train.batches(signal === undefined ? { columns } : { columns, signal })) {
    throwIfAborted(signal)
    const { values } = columnOf(batch, target) as Column & { readonly kind: 'number' | 'integer' }
    for (let row = 0; row < values.length; row++) if (values[row] !== 0 && values[row] !== 1) return 'number'
  }
  return 'binary'
}

/** The labels of rows `start` to `start + rows` as numbers, true being 1. @throws {@link MillraceError} `FEATURE_INVALID` for a row without a label. */
export function fillLabels(labels: Float64Array, target: Column, start: number, rows: number, name: string): void {
  if (target.kind === 'text' || target.kind === 'time')
    throw invalid(name, `Expected a target of booleans or numbers. Received ${target.kind}`)
  const { values, nulls } = target
  for (let row = 0; row < rows; row++) {
    const label = values[start + row] as number
    if (nulls?.[start + row] === 1 || !Number.isFinite(label)) {
      throw invalid(name, 'Expected a label in every training row. Received a row without one')
    }
    labels[row] = label
  }
}
