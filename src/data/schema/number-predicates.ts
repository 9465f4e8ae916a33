import type { ZodCheckDef, ZodDef } from './zod-structure.ts'

/** True for a number that the check lets pass. */
export type NumberPredicate = (value: number) => boolean

const int32 = { least: -0x8000_0000, most: 0x7fff_ffff }
const ranges: Readonly<Record<string, { readonly least: number; readonly most: number; readonly whole: boolean }>> = {
  safeint: { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER, whole: true },
  int32: { ...int32, whole: true },
  uint32: { least: 0, most: 0xffff_ffff, whole: true },
  float32: { least: -3.4028234663852886e38, most: 3.4028234663852886e38, whole: false },
  float64: { least: -Number.MAX_VALUE, most: Number.MAX_VALUE, whole: false },
}

/**
 * The checks of a number as predicates on the typed array, and whether they leave only whole numbers within int32; undefined when one of them
 * must be left to zod.
 */
export function numberPredicates(def: ZodDef): { readonly predicates: readonly NumberPredicate[]; readonly isInt32: boolean } | undefined {
  const predicates: NumberPredicate[] = []
  let least = Number.NEGATIVE_INFINITY
  let most = Number.POSITIVE_INFINITY
  let whole = false
  for (const check of [...(def.check === undefined ? [] : [def]), ...(def.checks ?? []).map((one) => one._zod.def)]) {
    const own = predicatesOf(check)
    if (own === undefined) return undefined
    predicates.push(...own)
    const bound = check.value
    if (check.check === 'greater_than' && typeof bound === 'number') least = Math.max(least, bound)
    if (check.check === 'less_than' && typeof bound === 'number') most = Math.min(most, bound)
    const range = check.check === 'number_format' ? ranges[check.format ?? ''] : undefined
    if (range !== undefined) {
      least = Math.max(least, range.least)
      most = Math.min(most, range.most)
      whole ||= range.whole
    }
  }
  return { predicates, isInt32: whole && least >= int32.least && most <= int32.most }
}

/** Undefined: it must be left to zod. One predicate for each reason that zod gives. */
function predicatesOf(check: ZodCheckDef): readonly NumberPredicate[] | undefined {
  if (check.when !== undefined) return undefined
  const { value, inclusive, format, fn } = check
  switch (check.check) {
    case 'greater_than':
      if (typeof value !== 'number') return undefined
      return inclusive === true ? [(number) => number >= value] : [(number) => number > value]
    case 'less_than':
      if (typeof value !== 'number') return undefined
      return inclusive === true ? [(number) => number <= value] : [(number) => number < value]
    case 'multiple_of':
      return typeof value === 'number' ? [(number) => isMultiple(number, value)] : undefined
    case 'number_format': {
      const range = ranges[format ?? '']
      if (range === undefined) return undefined
      const { least, most, whole } = range
      const within: readonly NumberPredicate[] = [(number) => number >= least, (number) => number <= most]
      return whole ? [Number.isInteger, ...within] : within
    }
    case 'custom':
      // A promise is left to zod, which refuses it.
      return fn === undefined ? undefined : [(number) => passes(fn(number))]
    case 'describe':
    case 'meta':
      return []
    default:
      return undefined
  }
}

function passes(result: unknown): boolean {
  return Boolean(result) && !(result instanceof Promise)
}

/** With zod's own tolerance, since 2.03 is a multiple of 0.07. */
function isMultiple(value: number, step: number): boolean {
  const ratio = value / step
  return Math.abs(ratio - Math.round(ratio)) < 4 * Number.EPSILON * Math.max(Math.abs(ratio), 1)
}

/** The bounds of a date as predicates on its milliseconds; undefined when a check must be left to zod. */
export function datePredicates(def: ZodDef): readonly NumberPredicate[] | undefined {
  const predicates: NumberPredicate[] = []
  for (const { _zod } of def.checks ?? []) {
    const { check, value, inclusive, when } = _zod.def
    if (check === 'describe' || check === 'meta') continue
    const bound = value instanceof Date ? value.getTime() : undefined
    if (when !== undefined || bound === undefined) return undefined
    if (check === 'greater_than') predicates.push(inclusive === true ? (moment) => moment >= bound : (moment) => moment > bound)
    else if (check === 'less_than') predicates.push(inclusive === true ? (moment) => moment <= bound : (moment) => moment < bound)
    else return undefined
  }
  return predicates
}
