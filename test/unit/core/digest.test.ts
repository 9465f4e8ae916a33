import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { digestOfJson, Sha256, sha256Hex, sha256HexAsync } from 'millrace/core'
import { afterEach, describe, expect, it, vi } from 'vitest'

/** Test vectors of NIST: FIPS 180-4 examples and the short messages of the Cryptographic Algorithm Validation Program (SHA256ShortMsg.rsp). */
const vectors: readonly (readonly [hex: string, digest: string])[] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['d3', '28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1'],
  ['11af', '5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98'],
  ['b4190e', 'dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2'],
  ['74ba2521', 'b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e'],
  ['616263', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    Buffer.from('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq').toString('hex'),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
]

describe('sha256Hex', () => {
  it.each(vectors)('agrees with NIST on %s', (hex, digest) => {
    expect(sha256Hex(Buffer.from(hex, 'hex'))).toBe(digest)
  })

  it('agrees with NIST on a million times "a"', () => {
    const digest = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'
    expect(sha256Hex('a'.repeat(1_000_000))).toBe(digest)
    const hash = new Sha256()
    for (let piece = 0; piece < 1000; piece++) hash.update('a'.repeat(1000))
    expect(hash.digestHex()).toBe(digest)
  })

  it('agrees with OpenSSL on any bytes and any text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => sha256Hex(bytes) === createHash('sha256').update(bytes).digest('hex')),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => sha256Hex(text) === createHash('sha256').update(text, 'utf8').digest('hex')),
    )
  })

  it('hashes only the view, not the buffer under it', () => {
    expect(sha256Hex(Uint8Array.of(0, 0xd3, 0).subarray(1, 2))).toBe(vectors[1]?.[1])
  })
})

describe('Sha256', () => {
  it('gives the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300)), (bytes, cuts) => {
        const hash = new Sha256()
        let from = 0
        for (const cut of [...cuts.sort((left, right) => left - right), bytes.length]) {
          hash.update(bytes.subarray(from, Math.min(cut, bytes.length)))
          from = Math.max(from, Math.min(cut, bytes.length))
        }
        return hash.digestHex() === sha256Hex(bytes)
      }),
    )
  })
})

describe('digestOfJson', () => {
  it('is that of the canonical text', () => {
    expect(digestOfJson({ b: 1, a: 2 })).toBe(sha256Hex('{"a":2,"b":1}'))
  })
})

describe('sha256HexAsync', () => {
  afterEach(() => vi.unstubAllGlobals())

  const large = Uint8Array.from({ length: 100_000 }, (_, index) => index * 7)

  it('gives what OpenSSL gives: of few and of many bytes, of a part, of shared memory', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(large.length))
    shared.set(large)
    for (const bytes of [large.subarray(0, 10), large, large.subarray(3, 50_003), shared]) {
      expect(await sha256HexAsync(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'))
    }
  })

  it('hashes many bytes by the platform, and by itself where the platform cannot', async () => {
    const digest = vi.spyOn(crypto.subtle, 'digest')
    expect(await sha256HexAsync(large)).toBe(sha256Hex(large))
    expect(digest).toHaveBeenCalledTimes(1)
    vi.stubGlobal('crypto', {})
    expect(await sha256HexAsync(large)).toBe(sha256Hex(large))
    expect(digest).toHaveBeenCalledTimes(1)
    digest.mockRestore()
  })

  it('takes the bytes as they are at the call', async () => {
    const bytes = large.slice()
    const pending = sha256HexAsync(bytes)
    bytes.fill(0)
    expect(await pending).toBe(sha256Hex(large))
  })
})
