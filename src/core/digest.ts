import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { canonicalJson } from './json.ts'

const encoder = new TextEncoder()

/**
 * SHA-256 (FIPS 180-4) of bytes or of a text's UTF-8, as 64 lower-case hexadecimal digits.
 *
 * @example
 * sha256Hex('abc') // 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
 */
export function sha256Hex(content: Uint8Array | string): string {
  return bytesToHex(sha256(typeof content === 'string' ? encoder.encode(content) : content))
}

/** Below this the way to the platform and back costs more than the hashing. */
const platformFromBytes = 16_384

/**
 * {@link sha256Hex} for what may be large: by the platform's WebCrypto where there is one (several times as fast, and beside the main thread), else, as
 * on a page without TLS, by our own. The bytes are taken as they are at the call.
 *
 * @example
 * (await sha256HexAsync(new Uint8Array(100_000))) === sha256Hex(new Uint8Array(100_000)) // true
 */
export async function sha256HexAsync(content: Uint8Array): Promise<string> {
  // WebCrypto refuses memory that is shared with another thread.
  const isPlain = content.buffer instanceof ArrayBuffer
  if (content.length < platformFromBytes || globalThis.crypto?.subtle === undefined || !isPlain) return sha256Hex(content)
  return bytesToHex(new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', content as Uint8Array<ArrayBuffer>)))
}

/**
 * SHA-256 of the canonical JSON of a value: equal values have equal digests, whatever the order of their keys.
 *
 * @example
 * digestOfJson({ a: 1, b: 2 }) === digestOfJson({ b: 2, a: 1 }) // true
 */
export function digestOfJson(value: unknown): string {
  return sha256Hex(canonicalJson(value))
}

/**
 * A SHA-256 that is fed piece by piece; it works on pages without WebCrypto.
 *
 * @example
 * new Sha256().update('a').update('bc').digestHex() // 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
 */
export class Sha256 {
  readonly #hash = sha256.create()

  update(content: Uint8Array | string): this {
    this.#hash.update(typeof content === 'string' ? encoder.encode(content) : content)
    return this
  }

  /** Ends the stream: 64 lower-case hexadecimal digits. */
  digestHex(): string {
    return bytesToHex(this.#hash.digest())
  }
}
