import type { RecordBatch } from 'apache-arrow'
import { MillraceError } from '../core/error.ts'
import type { ColumnType } from '../data/column-type.ts'
import { kindOfArrowType } from '../data/read-column.ts'
import { selectColumns } from '../data/select-columns.ts'
import type { Signature } from '../model/model-package.ts'
import { checkSignature } from '../model/signature.ts'
import type { ActionObservation, OutcomeObservation } from '../monitor/monitor.ts'
import type { Actions, Outcomes } from './deployment-options.ts'

/**
 * The columns of a batch that a model takes.
 *
 * @throws {@link MillraceError} `SCHEMA_MISMATCH` naming every column that is missing, of another kind, or null where it must not be.
 */
export function inputsOf(batch: RecordBatch, signature: Signature): RecordBatch {
  const columns = batch.schema.fields.flatMap((field): ColumnType[] => {
    const kind = kindOfArrowType(field.type)
    return kind === undefined ? [] : [{ name: field.name, kind, nullable: (batch.getChild(field.name)?.nullCount ?? 0) > 0 }]
  })
  checkSignature(signature, columns)
  return selectColumns(
    batch,
    signature.inputs.map((input) => input.name),
  )
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function outcomeObservation(outcomes: Outcomes, now: number): OutcomeObservation {
  const { batchId, time } = outcomes
  const labels = Float32Array.from(outcomes.labels, Number)
  const wrong = labels.findIndex((label) => !Number.isFinite(label))
  if (wrong >= 0) throw invalid('labels', 'finite numbers or booleans', `${outcomes.labels[wrong]} at ${wrong}`)
  const base = { batchId: checkBatchId(batchId), time: time ?? now, labels }
  if (outcomes.rows === undefined) return base
  if (outcomes.rows.length !== labels.length) throw invalid('rows', `${labels.length}, as many as labels`, `${outcomes.rows.length}`)
  return { ...base, rows: rowsOf(outcomes.rows) }
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function actionObservation(actions: Actions, now: number): ActionObservation {
  if (typeof actions.action !== 'string' || actions.action === '') throw invalid('action', 'the name of an action', String(actions.action))
  return { batchId: checkBatchId(actions.batchId), time: actions.time ?? now, rows: rowsOf(actions.rows), action: actions.action }
}

function rowsOf(rows: Uint32Array | readonly number[]): Uint32Array {
  if (rows instanceof Uint32Array) return rows
  const wrong = rows.find((row) => !Number.isInteger(row) || row < 0 || row > 0xffff_ffff)
  if (wrong !== undefined) throw invalid('rows', 'indices of rows', String(wrong))
  return Uint32Array.from(rows)
}

function checkBatchId(batchId: string): string {
  if (typeof batchId !== 'string' || batchId === '') throw invalid('batchId', 'the identifier of a batch', String(batchId))
  return batchId
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
