import type { Json } from '../core/json.ts'

/** Numbers by name as JSON: those that it lacks by their names, `"NaN"`, `"Infinity"`, `"-Infinity"`. */
export function numbersToJson(values: Readonly<Record<string, number>>): { readonly [name: string]: Json } {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number.isFinite(value) ? value : String(value)]))
}

export function numbersFromJson(values: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]))
}
