import { MillraceError } from '../core/error.ts'
import type { ColumnMismatch } from '../core/error-codes.ts'
import { nearestName } from '../core/suggest.ts'
import type { ColumnType } from '../data/column-type.ts'
import type { FeaturePlan } from '../features/feature-plan.ts'
import type { Tensors } from '../features/tensors.ts'
import type { Signature } from './model-package.ts'

/**
 * What a model takes and answers: the raw columns that its plan reads, by name, and the tensors of an answer, each with the shape of one row
 * (as in a `TensorSpec`, without the first dimension).
 */
export function signatureOf(plan: FeaturePlan, answer: Tensors): Signature {
  const inputs = plan.columns.map(({ name, kind, nullable }) => ({ name, kind, nullable })).sort(byName)
  const outputs = Object.entries(answer).map(([name, tensor]) => ({ name, type: 'float32' as const, shape: tensor.shape.slice(1) }))
  return { inputs, outputs: outputs.sort(byName) }
}

/**
 * Checks that a host can give what a model takes: every column, of its kind (an integer is a number too), and no null where the model has
 * no answer to one. Columns that the model does not take are no fault.
 *
 * @throws {@link MillraceError} `SCHEMA_MISMATCH` naming every column that does not fit.
 */
export function checkSignature(signature: Signature, columns: readonly ColumnType[]): void {
  const byNames = new Map(columns.map((column) => [column.name, column]))
  const mismatches: ColumnMismatch[] = []
  for (const input of signature.inputs) {
    const column = byNames.get(input.name)
    if (column === undefined) {
      const nearest = nearestName(input.name, byNames.keys())
      const received = nearest === undefined ? 'no such column' : `no such column, but "${nearest}"`
      mismatches.push({ name: input.name, expected: describe(input), received })
    } else if (!fits(column, input)) {
      mismatches.push({ name: input.name, expected: describe(input), received: describe(column) })
    }
  }
  if (mismatches.length === 0) return
  const list = mismatches.map(({ name, expected, received }) => `"${name}": expected ${expected}, received ${received}`)
  throw new MillraceError('SCHEMA_MISMATCH', {
    message: `Expected the columns of the model's signature. Received others: ${list.join('; ')}.`,
    details: { columns: mismatches },
  })
}

function fits(column: ColumnType, input: ColumnType): boolean {
  const kindFits = column.kind === input.kind || (column.kind === 'integer' && input.kind === 'number')
  return kindFits && (input.nullable || !column.nullable)
}

function describe(column: ColumnType): string {
  return column.nullable ? `${column.kind} or null` : column.kind
}

function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0
}
