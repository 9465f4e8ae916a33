import type { Column } from '../data/column.ts'
import type { ColumnType } from '../data/column-type.ts'

/** A value as stored: times are milliseconds since 1970 UTC. */
export type StoredValue = null | number | string | boolean

/** Single values of a column, for samples: `rows` names which, default all. */
export function valuesOfColumn(column: Column, rows?: readonly number[]): StoredValue[] {
  const picked = rows ?? Array.from({ length: column.length }, (_, row) => row)
  return picked.map((row) => {
    if (column.nulls !== undefined && column.nulls[row] === 1) return null
    switch (column.kind) {
      case 'text':
        return column.dictionary[column.codes[row] as number] ?? null
      case 'boolean':
        return column.values[row] === 1
      default:
        return column.values[row] as number
    }
  })
}

/** A column of single values, which are taken to be of its kind. */
export function columnFromValues(type: ColumnType, values: readonly StoredValue[]): Column {
  const nulls = Uint8Array.from(values, (value) => (value === null ? 1 : 0))
  const base = nulls.includes(1) ? { length: values.length, nulls } : { length: values.length }
  const numbers = (): Float64Array => Float64Array.from(values, (value) => Number(value ?? 0))
  switch (type.kind) {
    case 'text': {
      const codeOf = new Map<string, number>()
      const codes = Int32Array.from(values, (value) => {
        if (value === null) return -1
        const text = String(value)
        const code = codeOf.get(text) ?? codeOf.size
        codeOf.set(text, code)
        return code
      })
      return { ...base, kind: 'text', codes, dictionary: [...codeOf.keys()] }
    }
    case 'boolean':
      return { ...base, kind: 'boolean', values: Uint8Array.from(values, (value) => (value === true ? 1 : 0)) }
    case 'integer':
      return { ...base, kind: 'integer', values: Int32Array.from(numbers()) }
    case 'time':
      return { ...base, kind: 'time', values: numbers() }
    case 'number':
      return { ...base, kind: 'number', values: numbers() }
  }
}
