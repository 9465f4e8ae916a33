import { MillraceError } from '../core/error.ts'

/** The identifier of row `row` of the predictions made together under `batchId`. */
export function predictionId(batchId: string, row: number): string {
  return `${batchId}.${row}`
}

/**
 * The two parts of an identifier. Whether the prediction was ever made is not known here: labels come days later, perhaps to another process.
 *
 * @throws {@link MillraceError} `PREDICTION_NOT_FOUND` when no prediction can have this identifier.
 */
export function parsePredictionId(id: string): { readonly batchId: string; readonly row: number } {
  const dot = id.lastIndexOf('.')
  const row = id.slice(dot + 1)
  if (dot > 0 && /^(0|[1-9]\d{0,9})$/.test(row) && Number(row) <= 0xffff_ffff) return { batchId: id.slice(0, dot), row: Number(row) }
  throw new MillraceError('PREDICTION_NOT_FOUND', {
    message: `Expected the identifier of a prediction, <batch>.<row>. Received "${id}".`,
    details: { id },
  })
}
