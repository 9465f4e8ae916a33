/** One table for each of eight bytes at a time: the table of n tells what a byte does to the remainder when n bytes come after it. */
const table0: Int32Array = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1
  table0[byte] = remainder
}
const table1: Int32Array = tableAfter(table0)
const table2: Int32Array = tableAfter(table1)
const table3: Int32Array = tableAfter(table2)
const table4: Int32Array = tableAfter(table3)
const table5: Int32Array = tableAfter(table4)
const table6: Int32Array = tableAfter(table5)
const table7: Int32Array = tableAfter(table6)

function tableAfter(before: Int32Array): Int32Array {
  return before.map((remainder) => (remainder >>> 8) ^ (table0[remainder & 0xff] as number))
}

/**
 * CRC-32 (IEEE 802.3, as in zlib), 0 to 2^32 - 1, of the bytes from `start` to `end` (exclusive). Several pieces: give the checksum of those before
 * as `previous`.
 *
 * Source: Kounavis and Berry, "A Systematic Approach to Building High Performance Software-based CRC Generators" (2005): slicing by eight.
 *
 * @example
 * crc32(new TextEncoder().encode('123456789')) // 0xcbf43926
 */
export function crc32(bytes: Uint8Array, previous = 0, start = 0, end: number = bytes.length): number {
  let remainder = ~previous
  let index = start
  for (; index + 8 <= end; index += 8) {
    const first = (bytes[index] as number) | ((bytes[index + 1] as number) << 8)
    const mixed = remainder ^ (first | ((bytes[index + 2] as number) << 16) | ((bytes[index + 3] as number) << 24))
    remainder =
      (table7[mixed & 0xff] as number) ^
      (table6[(mixed >>> 8) & 0xff] as number) ^
      (table5[(mixed >>> 16) & 0xff] as number) ^
      (table4[mixed >>> 24] as number) ^
      (table3[bytes[index + 4] as number] as number) ^
      (table2[bytes[index + 5] as number] as number) ^
      (table1[bytes[index + 6] as number] as number) ^
      (table0[bytes[index + 7] as number] as number)
  }
  for (; index < end; index++) remainder = (remainder >>> 8) ^ (table0[(remainder ^ (bytes[index] as number)) & 0xff] as number)
  return ~remainder >>> 0
}
