import type { Selection } from './selection.ts'

/** The rows of a selection from its `start`-th to before its `end`-th: what a range of a view means in its table. */
export function rangeOfSelection(selection: Selection, start: number, end: number): Selection {
  if (start <= 0 && end >= selection.rowCount) return selection
  const rowCount = Math.max(0, Math.min(end, selection.rowCount) - Math.max(start, 0))
  if (selection.form === 'bitmap') return { form: 'bitmap', rowCount, bits: bitsWithin(selection.bits, start, end) }
  const ranges: [number, number][] = []
  let passed = 0
  for (const [from, to] of selection.ranges) {
    const first = Math.max(from, from + start - passed)
    const last = Math.min(to, from + end - passed)
    if (last > first) ranges.push([first, last])
    passed += to - from
  }
  return { form: 'ranges', rowCount, ranges }
}

/** A bitmap with only the set bits from the `start`-th to before the `end`-th. */
function bitsWithin(bits: Uint8Array, start: number, end: number): Uint8Array {
  const kept = new Uint8Array(bits.length)
  let passed = 0
  for (let byte = 0; byte < bits.length && passed < end; byte++) {
    const eight = bits[byte] as number
    if (eight === 0) continue
    for (let bit = 0; bit < 8; bit++) {
      if ((eight & (1 << bit)) === 0) continue
      if (passed >= start && passed < end) kept[byte] = (kept[byte] as number) | (1 << bit)
      passed++
    }
  }
  return kept
}
