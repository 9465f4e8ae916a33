import type { ColumnType } from './column-type.ts'
import type { Dataset } from './dataset.ts'
import { asStored } from './dataset-views.ts'

/** How two datasets differ. */
export interface DatasetComparison {
  /** Same names, kinds and values, row for row. */
  readonly equal: boolean
  readonly rowCounts: readonly [before: number, after: number]
  readonly added: readonly ColumnType[]
  readonly removed: readonly ColumnType[]
  /** Columns of both whose kind, or whether null may occur, is not the same. */
  readonly retyped: readonly { readonly name: string; readonly before: ColumnType; readonly after: ColumnType }[]
  /**
   * Columns of both with other values, and in how many stretches of 65,536 rows. Undefined where one of the two is a view of other rows, as those
   * have no chunks of their own to compare.
   */
  readonly changed: readonly { readonly name: string; readonly chunks: number }[] | undefined
}

/**
 * Compares two datasets by what their manifests say; no data is read.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for one that is not stored.
 * @example
 * const late = { kind: 'integer', length: 1, values: Int32Array.of(1) } as const
 * const before = await writeDataset(storage, [{ name: 'late', kind: 'integer', nullable: false }], [batchOf({ late })])
 * compareDatasets(before, before).equal // true
 */
export function compareDatasets(before: Dataset, after: Dataset): DatasetComparison {
  const left = asStored(before)
  const right = asStored(after)
  const inBoth = left.columns.flatMap((column) => {
    const other = right.columns.find(({ name }) => name === column.name)
    return other === undefined ? [] : [{ name: column.name, before: column, after: other }]
  })
  const known = new Set(inBoth.map(({ name }) => name))
  const areWhole = left.selection === undefined && right.selection === undefined
  return {
    equal: left.digest === right.digest,
    rowCounts: [left.rowCount, right.rowCount],
    added: right.columns.filter(({ name }) => !known.has(name)),
    removed: left.columns.filter(({ name }) => !known.has(name)),
    retyped: inBoth.filter((pair) => pair.before.kind !== pair.after.kind || pair.before.nullable !== pair.after.nullable),
    changed: areWhole
      ? inBoth
          .map(({ name }) => ({ name, chunks: changedChunks(digestsOf(left, name), digestsOf(right, name)) }))
          .filter(({ chunks }) => chunks > 0)
      : undefined,
  }
}

function digestsOf(dataset: ReturnType<typeof asStored>, name: string): readonly string[] {
  return dataset.table.columns.find((column) => column.name === name)?.chunks.map(({ digest }) => digest) ?? []
}

function changedChunks(before: readonly string[], after: readonly string[]): number {
  let changed = 0
  for (let index = 0; index < Math.max(before.length, after.length); index++) if (before[index] !== after[index]) changed++
  return changed
}
