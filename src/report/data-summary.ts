/** What became of the rows that were read: figures only. */
export interface DataSummary {
  readonly rowsRead: number
  /** Rows that did not fit the schema; `reasons` counts them by reason. */
  readonly rejected?: { readonly count: number; readonly reasons: Readonly<Record<string, number>> }
  /** The parts of the split, in the order to show them. */
  readonly parts: readonly DataPart[]
}

export interface DataPart {
  readonly name: string
  readonly rows: number
  /** Of the rows, those whose binary label is positive: 0 to 1. */
  readonly positiveShare?: number
}
