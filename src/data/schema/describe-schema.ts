/** Depth of wrappers and nesting that is followed. */
const deepest = 32

/**
 * A schema as plain data, for a cache key: types, checks, bounds, patterns and the functions of refinements (a pipeline counts those by their source
 * text). Functions inside `superRefine` and `transform` are out of sight, as zod wraps them.
 */
export function describeSchema(schema: unknown): unknown {
  return describe(schema, 0)
}

function describe(value: unknown, depth: number): unknown {
  if (depth > deepest) return '...'
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'function') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object') return undefined
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof RegExp) return String(value)
  if (Array.isArray(value)) return value.map((item) => describe(item, depth + 1) ?? null)
  if (value instanceof Set || value instanceof Map) return [...value].map((item) => describe(item, depth + 1) ?? null)
  const structure = (value as { readonly _zod?: { readonly def?: object } })._zod
  return describeRecord(structure?.def ?? value, depth)
}

function describeRecord(record: object, depth: number): unknown {
  const description: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(record)) {
    // How a refusal is worded changes nothing about what is refused.
    if (key === 'error' || key === 'abort') continue
    if (key === 'getter' && typeof member === 'function') description[key] = describe((member as () => unknown)(), depth + 1)
    else description[key] = describe(member, depth + 1)
  }
  return description
}
