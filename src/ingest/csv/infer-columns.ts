import type { BatchColumns } from './batch-columns.ts'
import { boolean, type ColumnCode, integer, isoTimeCode, number, text, unknown } from './column-code.ts'
import { type InferredKind, kindOfField, widen } from './infer.ts'

/** The codes of columns that are unknown, from rows of them that were read as texts; each distinct text is looked at once. */
export function inferCodes(sample: BatchColumns, rows: number, codes: Uint8Array, delimiter: number): Uint8Array {
  const encoder = new TextEncoder()
  const codeOf: Readonly<Record<InferredKind, ColumnCode>> = { unknown, integer, number, boolean, time: isoTimeCode(delimiter), text }
  return codes.map((code, column) => {
    if (code !== unknown) return code
    const { [column]: texts } = sample.texts
    const { [column]: ints } = sample.ints
    const dictionary = texts?.dictionary() ?? []
    // A text of a record that was left out is in the dictionary all the same.
    const occurring = new Set(ints?.subarray(0, rows))
    let kind: InferredKind = 'unknown'
    for (const index of occurring) {
      if (index < 0 || kind === 'text') continue
      const bytes = encoder.encode(dictionary[index])
      kind = widen(kind, kindOfField(bytes, 0, bytes.length))
    }
    return codeOf[kind]
  })
}
