import { MillraceError } from '../../core/error.ts'
import type { ColumnKind } from '../column-type.ts'
import { datePredicates, type NumberPredicate, numberPredicates } from './number-predicates.ts'
import type { Validated, ZodDef, ZodType } from './zod-structure.ts'

/** One field of a schema, ready to check columns. */
export interface Field {
  readonly name: string
  /** Of what comes out. */
  readonly kind: ColumnKind
  /** What comes of a missing value; undefined: it is refused. */
  readonly onNull: { readonly value: unknown } | undefined
  /** Whether the field may be absent altogether. */
  readonly optional: boolean
  /** Whether a null comes out as null (and not as an absent value). */
  readonly nullable: boolean
  /** A value of the field's own kind passes when all of these pass; undefined: zod itself must see every distinct value. */
  readonly predicates: readonly NumberPredicate[] | undefined
  /** Whether a value of another kind might be accepted: coercion, unions, preprocessing. */
  readonly takesOtherKinds: boolean
  /** Of what must go in, so that a source of text can make it; undefined where that may be of several kinds. */
  readonly inputKind: ColumnKind | undefined
  /** Whether it has a value of its own for what cannot be read (`catch`). */
  readonly replacesUnreadable: boolean
  /** zod's own verdict on one value. @throws {@link MillraceError} `SCHEMA_UNSUPPORTED` for a check that is asynchronous. */
  validate(value: unknown): Validated
}

interface Shape {
  readonly kind: ColumnKind | undefined
  readonly nullable: boolean
  readonly optional: boolean
  readonly predicates: readonly NumberPredicate[] | undefined
  readonly takesOtherKinds: boolean
  readonly inputKind: ColumnKind | undefined
  readonly replacesUnreadable: boolean
}

/** @throws {@link MillraceError} `SCHEMA_UNSUPPORTED` when the field is no number, boolean, text or date. */
export function compileField(name: string, schema: ZodType): Field {
  const shape = shapeOf(schema, name)
  if (shape.kind === undefined) throw unsupported(name, schema._zod.def.type)
  const validate = (value: unknown): Validated => {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise) {
      result.catch(() => {})
      throw unsupported(name, 'an asynchronous check')
    }
    return result
  }
  return { ...shape, name, kind: shape.kind, validate, onNull: nullResult(shape, validate) }
}

/** A null is null where the schema allows null, else it is an absent value. It is never coerced: 0 is not what is missing. */
function nullResult(shape: Shape, validate: (value: unknown) => Validated): { readonly value: unknown } | undefined {
  if (!shape.nullable && !shape.optional) return undefined
  const result = validate(shape.nullable ? null : undefined)
  return result.issues === undefined ? { value: result.value ?? null } : undefined
}

function shapeOf(schema: ZodType, path: string): Shape {
  const { def } = schema._zod
  switch (def.type) {
    case 'number': {
      const compiled = numberPredicates(def)
      return leaf(compiled?.isInt32 === true ? 'integer' : 'number', def, compiled?.predicates)
    }
    case 'string':
      return leaf('text', def, def.check === undefined && !hasChecks(def) ? [] : undefined)
    case 'boolean':
      return leaf('boolean', def, hasChecks(def) ? undefined : [])
    case 'date':
      return leaf('time', def, datePredicates(def))
    case 'enum':
      return listShape(enumValues(def), def, path)
    case 'template_literal':
      return leaf('text', def, undefined)
    case 'literal':
      return literalShape(def, path)
    case 'null':
      return { ...leaf(undefined, def, undefined), nullable: true }
    case 'undefined':
      return { ...leaf(undefined, def, undefined), optional: true }
    case 'union':
      return unionShape(def, path)
    case 'pipe':
      return pipeShape(def, path)
    case 'lazy':
      return shapeOf((def.getter as () => ZodType)(), path)
    default:
      return wrapped(def, path)
  }
}

function wrapped(def: ZodDef, path: string): Shape {
  if (def.innerType === undefined) throw unsupported(path, def.type)
  const inner = shapeOf(def.innerType, path)
  // A check on the wrapper itself, such as a refinement of an optional number.
  const own = hasChecks(def) ? { predicates: undefined } : {}
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
      return { ...inner, optional: true, ...own }
    case 'nullable':
      return { ...inner, nullable: true, ...own }
    case 'readonly':
      return { ...inner, ...own }
    case 'nonoptional':
      return { ...inner, optional: false, ...own }
    case 'catch':
      return { ...inner, optional: true, predicates: undefined, takesOtherKinds: true, replacesUnreadable: true }
    default:
      throw unsupported(path, def.type)
  }
}

function leaf(kind: ColumnKind | undefined, def: ZodDef, predicates: readonly NumberPredicate[] | undefined): Shape {
  const takesOtherKinds = def.coerce === true
  // A number that becomes a text again has lost its zeros.
  const inputKind = takesOtherKinds && kind !== 'text' ? undefined : kind
  return { kind, nullable: false, optional: false, predicates, takesOtherKinds, inputKind, replacesUnreadable: false }
}

/** One of some values: numbers are looked up, texts are judged once each by zod. */
function listShape(values: readonly unknown[], def: ZodDef, path: string): Shape {
  const kind = kindOfValues(values, path)
  const known = new Set(values)
  return leaf(kind, def, kind === 'number' && !hasChecks(def) ? [(value) => known.has(value)] : undefined)
}

function literalShape(def: ZodDef, path: string): Shape {
  const values = def.values ?? []
  const present = values.filter((value) => value !== null && value !== undefined)
  const shape = present.length === 0 ? leaf(undefined, def, undefined) : listShape(present, def, path)
  return { ...shape, nullable: values.includes(null), optional: values.includes(undefined) }
}

function unionShape(def: ZodDef, path: string): Shape {
  const options = (def.options ?? []).map((option) => shapeOf(option, path))
  const present = options.filter((option) => option.kind !== undefined)
  const kinds = new Set(present.map(({ kind }) => kind))
  if (kinds.size === 2 && kinds.has('number') && kinds.has('integer')) kinds.delete('integer')
  const [kind, other] = kinds
  if (other !== undefined) throw unsupported(path, `a union of ${[...kinds].join(' and ')}`)
  return {
    kind,
    nullable: options.some((option) => option.nullable),
    optional: options.some((option) => option.optional),
    // What is left when null and undefined are taken off may be a single type.
    predicates: present.length === 1 && !hasChecks(def) ? present[0]?.predicates : undefined,
    takesOtherKinds: options.some((option) => option.takesOtherKinds),
    inputKind: commonKind(present.map(({ inputKind }) => inputKind)),
    replacesUnreadable: options.some(({ replacesUnreadable }) => replacesUnreadable),
  }
}

/** The kind is that of the end of the pipe; so `transform` needs a `.pipe(z.number())` after it, as what a function returns cannot be told beforehand. */
function pipeShape(def: ZodDef, path: string): Shape {
  const { in: start, out: end } = def
  if (start === undefined || end === undefined) throw unsupported(path, def.type)
  if (end._zod.def.type === 'transform') throw unsupported(path, 'a transform without a type after it: add .pipe(z.number()), say')
  const after = shapeOf(end, path)
  // A preprocessing function is asked what it makes of a null; it may refuse it.
  const before =
    start._zod.def.type === 'transform'
      ? { nullable: true, optional: after.optional, inputKind: undefined, replacesUnreadable: false }
      : inputShape(start, path)
  const { nullable, optional, inputKind, replacesUnreadable } = before
  return { kind: after.kind, nullable, optional, predicates: undefined, takesOtherKinds: true, inputKind, replacesUnreadable }
}

/** The head of a pipe may itself end in a transform: only its null handling counts. */
function inputShape(schema: ZodType, path: string): Shape {
  const { def } = schema._zod
  return def.type === 'pipe' && def.in !== undefined && def.out?._zod.def.type === 'transform'
    ? inputShape(def.in, path)
    : shapeOf(schema, path)
}

function commonKind(kinds: readonly (ColumnKind | undefined)[]): ColumnKind | undefined {
  const distinct = new Set(kinds)
  if (distinct.has('number')) distinct.delete('integer')
  return distinct.size === 1 ? kinds.find((kind) => distinct.has(kind)) : undefined
}

function kindOfValues(values: readonly unknown[], path: string): ColumnKind {
  const types = new Set(values.map((value) => typeof value))
  const [type] = types
  if (types.size === 1 && type === 'string') return 'text'
  if (types.size === 1 && type === 'number') return 'number'
  if (types.size === 1 && type === 'boolean') return 'boolean'
  throw unsupported(path, `values of ${[...types].join(' and ')}`)
}

/** A TypeScript enum of numbers has its names among the entries too. */
function enumValues(def: ZodDef): readonly (string | number)[] {
  const entries = def.entries ?? {}
  const numbers = Object.values(entries).filter((value) => typeof value === 'number')
  return Object.entries(entries)
    .filter(([key]) => !numbers.includes(Number(key)))
    .map(([, value]) => value)
}

function hasChecks(def: ZodDef): boolean {
  return (def.checks ?? []).some(({ _zod }) => _zod.def.check !== 'describe' && _zod.def.check !== 'meta')
}

export function unsupported(path: string, type: string): MillraceError<'SCHEMA_UNSUPPORTED'> {
  return new MillraceError('SCHEMA_UNSUPPORTED', {
    message: `Expected "${path}" to be a number, boolean, text or date, each nullable or optional. Received ${type}.`,
    details: { path, type },
  })
}
