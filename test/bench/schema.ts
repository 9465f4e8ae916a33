import { createRandom } from 'millrace/core'
import { batchOf, columnOf, compileSchema, valueAt } from 'millrace/data'
import { z } from 'zod'
import type { Benchmark, Case } from './measure.ts'

const flight = z.object({
  date: z.date(),
  delay: z.int().min(-180).max(1440),
  distance: z.number().positive().nullable(),
  origin: z.string().length(3),
  destination: z.string().length(3),
})
const rows = 65_536

function caseOf(name: string, wrongShare: number): Case {
  const random = createRandom(1)
  const dictionary = Array.from({ length: 220 }, () => String.fromCharCode(...[0, 0, 0].map(() => 65 + random.int(26))))
  const codes = (): Int32Array => Int32Array.from({ length: rows }, () => random.int(dictionary.length))
  const batch = batchOf({
    date: { kind: 'time', length: rows, values: Float64Array.from({ length: rows }, (_, row) => Date.UTC(2001, 0, 1) + row * 60_000) },
    delay: {
      kind: 'integer',
      length: rows,
      values: Int32Array.from({ length: rows }, () => (random.next() < wrongShare ? 2_000 : random.int(120) - 20)),
    },
    distance: {
      kind: 'number',
      length: rows,
      values: Float64Array.from({ length: rows }, () => 50 + random.int(2_500)),
      nulls: Uint8Array.from({ length: rows }, () => (random.next() < 0.01 ? 1 : 0)),
    },
    origin: { kind: 'text', length: rows, codes: codes(), dictionary },
    destination: { kind: 'text', length: rows, codes: codes(), dictionary },
  })
  // The peer is given its objects ready made.
  const columns = batch.schema.fields.map((field) => [field.name, columnOf(batch, field.name)] as const)
  const objects = Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(columns.map(([column, values]) => [column, valueAt(values, row)])),
  )
  const compiled = compileSchema(flight)
  const ours = (): number => compiled.check(batch).rejectedCount
  const peer = (): number => {
    let rejected = 0
    for (const object of objects) if (!flight.safeParse(object).success) rejected++
    return rejected
  }
  if (ours() !== peer()) throw new Error(`Expected as many rejected rows of both. Received ${ours()} and ${peer()}.`)
  return { name, rows, ours, peer }
}

export const schemaBenchmark: Benchmark = {
  name: 'schema',
  what: 'checks of whole columns against zod safeParse row by row, five columns',
  peer: 'zod safeParse',
  prepare: () => [caseOf('all rows right', 0), caseOf('1 % of the rows wrong', 0.01)],
}
