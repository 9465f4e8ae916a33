import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { canonicalJson } from './json.ts'

const encoder = new TextEncoder()

/** SHA-256 (FIPS 180-4) of bytes or of a text's UTF-8, as 64 lower-case hexadecimal digits. */
export function sha256Hex(content: Uint8Array | string): string {
  return bytesToHex(sha256(typeof content === 'string' ? encoder.encode(content) : content))
}

/** SHA-256 of the canonical JSON of a value: equal values have equal digests, whatever the order of their keys. */
export function digestOfJson(value: unknown): string {
  return sha256Hex(canonicalJson(value))
}

/** A SHA-256 that is fed piece by piece; it works on pages without WebCrypto. */
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
