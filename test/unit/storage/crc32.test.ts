import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32 } from '../../../src/storage/crc32.ts'

test('the checksum is that of the standard, and of zlib', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
  expect(crc32(new Uint8Array(0))).toBe(0)
  if (zlib.crc32 === undefined) return
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32(bytes) === zlib.crc32(bytes)))
})

test('the checksum of pieces is that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (left, right) => crc32(right, crc32(left)) === crc32(Uint8Array.of(...left, ...right))),
  )
})
