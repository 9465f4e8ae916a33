/**
 * Which rows of a table a view has: ranges [start, end), ascending and apart from each other, or a bitmap (bit `row & 7` of byte `row >> 3`).
 * Equal choices have one form, so that their digests are equal.
 */
export type Selection =
  | { readonly form: 'ranges'; readonly rowCount: number; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly form: 'bitmap'; readonly rowCount: number; readonly bits: Uint8Array }

/** With more ranges than this a bitmap is smaller and as fast. */
const mostRanges = 64

/** Rows [start, end). */
export function rangeSelection(start: number, end: number): Selection {
  return { form: 'ranges', rowCount: end - start, ranges: end > start ? [[start, end]] : [] }
}

/** The rows whose flag is not 0. */
export function flagSelection(flags: Uint8Array): Selection {
  const ranges: [number, number][] = []
  let rowCount = 0
  for (let row = 0; row < flags.length && ranges.length <= mostRanges; row++) {
    if (flags[row] === 0) continue
    const start = row
    while (row < flags.length && flags[row] !== 0) row++
    ranges.push([start, row])
    rowCount += row - start
  }
  if (ranges.length <= mostRanges) return { form: 'ranges', rowCount, ranges }
  const bits = new Uint8Array((flags.length + 7) >> 3)
  rowCount = 0
  for (let row = 0; row < flags.length; row++) {
    if (flags[row] === 0) continue
    bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7))
    rowCount++
  }
  return { form: 'bitmap', rowCount, bits }
}

/** The rows of a selection whose flag is not 0; flag i is that of the selection's i-th row. */
export function narrowSelection(selection: Selection, flags: Uint8Array, tableRows: number): Selection {
  const wide = new Uint8Array(tableRows)
  let index = 0
  forEachRow(selection, (row) => {
    wide[row] = flags[index++] as number
  })
  return flagSelection(wide)
}

/** Calls back with each chosen row, ascending. */
export function forEachRow(selection: Selection, visit: (row: number) => void): void {
  if (selection.form === 'ranges') {
    for (const [start, end] of selection.ranges) for (let row = start; row < end; row++) visit(row)
    return
  }
  const { bits } = selection
  for (let byte = 0; byte < bits.length; byte++) {
    const eight = bits[byte] as number
    if (eight === 0) continue
    for (let bit = 0; bit < 8; bit++) if ((eight & (1 << bit)) !== 0) visit(byte * 8 + bit)
  }
}

/** What a selection takes of the rows [start, end) of a table: nothing, stretches of them, or rows one by one (counted from `start`). */
export function withinSelection(
  selection: Selection,
  start: number,
  end: number,
): { readonly ranges: readonly (readonly [number, number])[] } | { readonly rows: Int32Array } {
  if (selection.form === 'ranges') {
    const ranges: [number, number][] = []
    for (const [from, to] of selection.ranges) {
      if (to <= start) continue
      if (from >= end) break
      ranges.push([Math.max(from, start) - start, Math.min(to, end) - start])
    }
    return { ranges }
  }
  const rows = new Int32Array(end - start)
  let count = 0
  const { bits } = selection
  for (let row = start; row < end; row++) {
    if (((bits[row >> 3] as number) & (1 << (row & 7))) !== 0) rows[count++] = row - start
  }
  return { rows: rows.subarray(0, count) }
}
