import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { MillraceError } from '../../../src/core/error.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { ColumnKind } from '../../../src/data/column-type.ts'
import type { RowSchema } from '../../../src/data/row-schema.ts'
import { type CellValue, valueAt } from '../../../src/data/row-values.ts'
import { type CheckedBatch, type CheckOptions, compileSchema } from '../../../src/data/schema/compile-schema.ts'
import { columnFrom, numbers, texts } from './tables.ts'

type Row = Readonly<Record<string, CellValue>>
const kindOf = (cell: CellValue): ColumnKind =>
  typeof cell === 'string' ? 'text' : typeof cell === 'number' ? 'number' : typeof cell === 'boolean' ? 'boolean' : 'time'

/** Checks values of one field that arrive as one column of their kind. */
function checkField(field: z.ZodType, cells: readonly CellValue[], options?: CheckOptions): CheckedBatch {
  const kind = kindOf(cells.find((cell) => cell !== null) ?? 'x')
  return compileSchema(z.object({ x: field })).check(batchOf({ x: columnFrom(kind, cells) }), options)
}
function outcomes(field: z.ZodType, cells: readonly CellValue[]): (CellValue | 'rejected')[] {
  const { columns, rejected } = checkField(field, cells)
  return cells.map((_, row) => (rejected?.[row] === 1 ? 'rejected' : plain(valueAt(columns.x as never, row))))
}
const plain = (cell: unknown): CellValue => (cell instanceof Date ? cell.getTime() : ((cell ?? null) as CellValue))

/** What zod says of a row: a null is null where the schema allows it, else the key is absent. */
function zodOutcome(field: z.ZodType, cell: CellValue): CellValue | 'rejected' {
  const schema = z.object({ x: field })
  const first = schema.safeParse({ x: cell })
  const result = cell === null && !first.success ? schema.safeParse({}) : first
  return result.success ? plain((result.data as { x?: unknown }).x) : 'rejected'
}

const dates = fc.date({ min: new Date(0), max: new Date(1e12), noInvalidDate: true })
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<(Value | null)[]> =>
  fc.array(fc.option(value), { minLength: 1, maxLength: 40 })
const someNumbers = maybe(
  fc.oneof(numbers, fc.constantFrom(1, 2, 3, 10, 0.07, 2.03, 5.5, 2 ** 31, -(2 ** 31), 2 ** 53, Number.POSITIVE_INFINITY)),
)
const someTexts = maybe(fc.oneof(texts, fc.constantFrom('SEA', 'LAX', 'sea', '12', '-3.5', '2001-01-01', 'true', 'no', 'a@b.example')))
const someBooleans = maybe(fc.boolean())
const someDates = maybe(dates)

const cases: readonly (readonly [string, z.ZodType, fc.Arbitrary<(CellValue | null)[]>])[] = [
  ['number', z.number(), someNumbers],
  ['int', z.int(), someNumbers],
  ['number().int()', z.number().int(), someNumbers],
  ['int32', z.int32(), someNumbers],
  ['uint32', z.uint32(), someNumbers],
  ['float32', z.float32(), someNumbers],
  ['bounds', z.number().min(1).max(10), someNumbers],
  ['open bounds', z.number().gt(1).lt(10), someNumbers],
  ['positive nullable', z.number().positive().nullable(), someNumbers],
  ['optional', z.number().nonnegative().optional(), someNumbers],
  ['nullish', z.number().nullish(), someNumbers],
  ['multipleOf', z.number().multipleOf(0.07), someNumbers],
  ['multipleOf 5', z.number().multipleOf(5), someNumbers],
  ['default', z.number().default(7), someNumbers],
  ['prefault', z.number().min(3).prefault(1), someNumbers],
  ['nullable default', z.number().nullable().default(7), someNumbers],
  ['readonly', z.number().min(2).readonly(), someNumbers],
  ['refine', z.number().refine((value) => value % 2 === 0, 'must be even'), someNumbers],
  [
    'int then refine',
    z
      .number()
      .int()
      .refine((value) => value > 1),
    someNumbers,
  ],
  [
    'superRefine',
    z.number().superRefine((value, context) => {
      if (value > 5) context.addIssue('too much')
    }),
    someNumbers,
  ],
  [
    'refine of a nullable',
    z
      .number()
      .nullable()
      .refine((value) => value !== 3),
    someNumbers,
  ],
  ['number literal', z.literal([1, 2, null]), someNumbers],
  ['number enum', z.enum({ one: 1, two: 2 }), someNumbers],
  ['catch', z.number().min(2).catch(-1), someNumbers],
  ['union with null', z.union([z.number().min(1), z.null()]), someNumbers],
  ['union of ranges', z.union([z.number().max(1), z.number().min(10)]), someNumbers],
  [
    'transform then number',
    z
      .number()
      .transform((value) => value * 2)
      .pipe(z.number().max(20)),
    someNumbers,
  ],
  ['transform to text', z.number().transform(String).pipe(z.string()), maybe(fc.integer())],
  ['preprocess', z.preprocess((value) => value ?? 4, z.number()), someNumbers],
  ['lazy', z.lazy(() => z.number().min(1)), someNumbers],
  ['string', z.string(), someTexts],
  ['string bounds', z.string().min(2).max(3), someTexts],
  ['regex', z.string().regex(/^[A-Z]{3}$/), someTexts],
  ['email', z.email(), someTexts],
  ['iso date', z.iso.date(), someTexts],
  ['enum', z.enum(['SEA', 'LAX']), someTexts],
  ['literal', z.literal('SEA').optional(), someTexts],
  ['union of literals', z.union([z.literal('SEA'), z.literal('LAX'), z.null()]), someTexts],
  ['starts, ends, includes', z.string().startsWith('S').includes('E').endsWith('A'), someTexts],
  ['trim and upper case', z.string().trim().toUpperCase(), someTexts],
  ['refined string', z.string().refine((text) => text.length !== 1), someTexts],
  [
    'coerced number',
    z.coerce.number().min(0),
    someTexts.map((cells) => cells.filter((cell) => cell !== null)).filter((cells) => cells.length > 0),
  ],
  ['coerced date', z.coerce.date(), someTexts.map((cells) => cells.filter((cell) => cell !== null)).filter((cells) => cells.length > 0)],
  ['stringbool', z.stringbool(), someTexts],
  ['template literal', z.templateLiteral(['S', z.string()]), someTexts],
  ['boolean', z.boolean(), someBooleans],
  ['boolean literal', z.literal(true).nullable(), someBooleans],
  ['refined boolean', z.boolean().refine((value) => value), someBooleans],
  ['date', z.date(), someDates],
  ['date bounds', z.date().min(new Date(2e11)).max(new Date(8e11)).nullable(), someDates],
  ['refined date', z.date().refine((value) => value.getTime() % 2 === 0), someDates],
  ['number for text', z.string(), someNumbers],
  ['text for a number', z.number().nullable(), someTexts],
  ['date for a number', z.number(), someDates],
  ['boolean for a date', z.date().optional(), someBooleans],
]

describe('compileSchema', () => {
  for (const [name, field, cells] of cases) {
    it(`judges as zod does: ${name}`, () => {
      fc.assert(
        fc.property(cells, (values) => {
          const expected = values.map((cell) => zodOutcome(field, cell))
          expect(
            outcomes(field, values).map((value, row) => ((Object.is(value, -0) ? 0 : value) === 0 && expected[row] === 0 ? 0 : value)),
          ).toEqual(expected.map((value) => (Object.is(value, -0) ? 0 : value)))
        }),
        { numRuns: 60 },
      )
    })
  }

  it('judges whole rows as zod does, over batches of many columns', () => {
    const schema = z
      .object({
        date: z.date(),
        delay: z.number().min(-100),
        distance: z.number().positive().nullable(),
        origin: z.string().length(3),
        gate: z.string().optional(),
      })
      .refine((row) => row.delay < 1000 || row.origin === 'SEA', 'only SEA is that late')
    const row = fc.record({
      date: dates,
      delay: fc.constantFrom(-200, 0, 20, 2000),
      distance: fc.constantFrom(null, -1, 100),
      origin: fc.constantFrom('SEA', 'LAX', 'nowhere'),
      gate: fc.constantFrom(null, 'A1'),
    })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 50 }), (rows: Row[]) => {
        const batch = batchOf(
          Object.fromEntries(
            Object.keys(rows[0] as Row).map((name) => [
              name,
              columnFrom(
                name === 'date' ? 'time' : name === 'delay' || name === 'distance' ? 'number' : 'text',
                rows.map((one) => one[name] ?? null),
              ),
            ]),
          ),
        )
        const checked = compileSchema(schema).check(batch)
        const expected = rows.map(({ gate, ...rest }) => schema.safeParse(gate === null ? rest : { ...rest, gate }).success)
        expect(rows.map((_, index) => checked.rejected?.[index] !== 1)).toEqual(expected)
        expect(checked.rejectedCount).toBe(expected.filter((passed) => !passed).length)
      }),
    )
  })

  it('says which columns come out, of which kind, and whether null may occur', () => {
    const schema = z.object({
      a: z.number().nullable(),
      b: z.int32(),
      c: z.int().min(0).max(100),
      d: z.int(),
      e: z.string().optional(),
      f: z.enum(['x']),
      g: z.boolean(),
      h: z.date(),
      i: z.number().default(1),
      j: z.coerce.date(),
      k: z.literal(3),
      l: z.stringbool(),
      m: z.string().transform(Number).pipe(z.number()),
    })
    expect(compileSchema(schema).columns.map(({ name, kind, nullable }) => `${name} ${kind}${nullable ? '?' : ''}`)).toEqual([
      'a number?',
      'b integer',
      'c integer',
      'd number',
      'e text?',
      'f text',
      'g boolean',
      'h time',
      'i number',
      'j time',
      'k number',
      'l boolean',
      'm number',
    ])
  })

  it('counts failures by reason and describes the first with row, expectation and what came', () => {
    const { reasons, sample, rejectedCount } = checkField(z.number().positive().max(10), [1, -1, 11, -5, null, 3])
    expect(rejectedCount).toBe(4)
    expect([...reasons]).toEqual([
      ['x: Too small: expected number to be >0', 2],
      ['x: Too big: expected number to be <=10', 1],
      ['x: expected number, received null', 1],
    ])
    expect(sample).toEqual([
      { row: 1, column: 'x', expected: 'Too small: expected number to be >0', received: '-1' },
      { row: 2, column: 'x', expected: 'Too big: expected number to be <=10', received: '11' },
      { row: 3, column: 'x', expected: 'Too small: expected number to be >0', received: '-5' },
      { row: 4, column: 'x', expected: 'expected number, received null', received: 'null' },
    ])
    expect(
      checkField(
        z.number(),
        Array.from({ length: 100 }, () => Number.NaN),
        { sampleSize: 3 },
      ).sample,
    ).toHaveLength(3)
  })

  it('gives each number the reason that zod gives it', () => {
    const values = [2 ** 53, 0.5, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY]
    const whole = z.int()
    const { reasons } = compileSchema(z.object({ whole })).check(batchOf({ whole: columnFrom('number', values) }))
    expect([...reasons.keys()].sort()).toEqual(values.map((value) => `whole: ${whole.safeParse(value).error?.issues[0]?.message}`).sort())
  })

  it('asks zod once for each distinct text, and never for a text that does not occur', () => {
    let asked = 0
    const field = z.string().refine((text) => {
      asked++
      return text !== 'unused'
    })
    const column = columnFrom(
      'text',
      Array.from({ length: 1000 }, (_, row) => (row % 2 === 0 ? 'a' : 'b')),
      ['unused', 'a', 'b'],
    )
    const checked = compileSchema(z.object({ x: field })).check(batchOf({ x: column }))
    expect(asked).toBe(2)
    expect(checked.rejected).toBeUndefined()
  })

  it('sets refused values to null where the schema allows null, when told to', () => {
    const allowed = checkField(z.number().positive().nullable(), [1, -1, null], { onInvalid: 'null' })
    expect([0, 1, 2].map((row) => valueAt(allowed.columns.x as never, row))).toEqual([1, null, null])
    expect(allowed.rejectedCount).toBe(0)
    expect([...allowed.reasons]).toEqual([['x: Too small: expected number to be >0 (set to null)', 1]])
    expect(checkField(z.number().positive(), [1, -1], { onInvalid: 'null' }).rejectedCount).toBe(1)
    const text = checkField(z.enum(['a']).optional(), ['a', 'b', null], { onInvalid: 'null' })
    expect([0, 1, 2].map((row) => valueAt(text.columns.x as never, row))).toEqual(['a', null, null])
  })

  it('never coerces what is missing', () => {
    expect(checkField(z.coerce.number(), ['1', null]).rejectedCount).toBe(1)
    expect(outcomes(z.coerce.number().nullable(), ['1', null])).toEqual([1, null])
  })

  it('takes an absent column where the field is optional, and names the columns that are missing elsewhere', () => {
    const schema = compileSchema(z.object({ distance: z.number(), gate: z.string().optional(), kind: z.string().default('jet') }))
    const checked = schema.check(batchOf({ distance: columnFrom('number', [1, 2]) }))
    expect(valueAt(checked.columns.gate as never, 1)).toBeNull()
    expect(valueAt(checked.columns.kind as never, 1)).toBe('jet')
    try {
      schema.check(batchOf({ distanc: columnFrom('number', [1]) }))
      expect.unreachable()
    } catch (error) {
      expect(MillraceError.is(error, 'SCHEMA_MISMATCH') && error.details.columns).toEqual([
        { name: 'distance', expected: 'number', received: 'no such column (did you mean "distanc"?)' },
      ])
    }
  })

  it('tells loose, strict and plain objects apart', () => {
    expect(compileSchema(z.object({ a: z.number() })).otherColumns).toBe('drop')
    expect(compileSchema(z.looseObject({ a: z.number() })).otherColumns).toBe('keep')
    const strict = compileSchema(z.strictObject({ a: z.number() }))
    expect(() => strict.check(batchOf({ a: columnFrom('number', [1]), b: columnFrom('number', [1]) }))).toThrow(
      '"b": expected no such column',
    )
  })

  const unsupported: readonly (readonly [string, RowSchema])[] = [
    ['nested', z.object({ nested: z.object({ a: z.number() }) })],
    ['list', z.object({ list: z.array(z.number()) })],
    ['big', z.object({ big: z.bigint() })],
    ['mixed', z.object({ mixed: z.union([z.number(), z.string()]) })],
    ['open', z.object({ open: z.string().transform(Number) })],
    ['any', z.object({ any: z.any() })],
    ['(the schema)', z.object({ a: z.number() }).transform((row) => row.a) as RowSchema],
    ['(the schema)', z.object({})],
    ['(the schema)', z.string()],
    ['(the schema)', z.object({ a: z.number() }).catchall(z.number())],
  ]
  for (const [path, schema] of unsupported) {
    it(`refuses at once what has no column: ${path} ${schema._zod.def.type}`, () => {
      try {
        compileSchema(schema)
        expect.unreachable()
      } catch (error) {
        expect(MillraceError.is(error, 'SCHEMA_UNSUPPORTED') && error.details.path).toBe(path)
      }
    })
  }

  it('refuses asynchronous checks when it meets one', () => {
    const field = z.string().refine(async (text) => text !== 'a')
    expect(() => checkField(field, ['a'])).toThrow('an asynchronous check')
    const rowSchema = compileSchema(z.object({ x: z.number() }).refine(async () => true))
    expect(() => rowSchema.check(batchOf({ x: columnFrom('number', [1]) }))).toThrow('an asynchronous check')
    const number = z.number().refine(async () => false)
    expect(() => checkField(number, [1])).toThrow('an asynchronous check')
  })

  it('describes itself for a cache key: what changes the verdict changes the description', () => {
    const describeIt = (schema: RowSchema): string =>
      JSON.stringify(compileSchema(schema).description, (_, value) => (typeof value === 'function' ? String(value) : value))
    const same = describeIt(z.object({ a: z.number().min(1, 'at least one') }))
    expect(describeIt(z.object({ a: z.number().min(1) }))).toBe(same)
    const others = [
      z.object({ a: z.number().min(2) }),
      z.object({ a: z.number().min(1).nullable() }),
      z.object({ b: z.number().min(1) }),
      z.object({ a: z.string().regex(/a/) }),
      z.object({ a: z.string().regex(/b/) }),
      z.object({ a: z.number().refine((value) => value > 1) }),
      z.object({ a: z.number().refine((value) => value > 2) }),
      z.object({ a: z.date().min(new Date(0)) }),
      z.object({ a: z.date().min(new Date(1)) }),
      z.object({ a: z.number().default(1) }),
      z.object({ a: z.number().default(2) }),
    ].map(describeIt)
    expect(new Set([...others, same]).size).toBe(others.length + 1)
  })
})
