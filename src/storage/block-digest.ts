import { Sha256, sha256HexAsync } from '../core/digest.ts'

/** Of a segment's bytes, hashed at a time. */
const blockBytes = 1024 * 1024

/**
 * A SHA-256 of a stream that the platform can compute: of the SHA-256 digests (as hexadecimal text) of its blocks of 1 MB, the last one shorter. WebCrypto hashes
 * a block ten times as fast as JavaScript, and beside the main thread, but cannot be fed piece by piece.
 */
export class BlockDigest {
  readonly #whole = new Sha256()
  #block = new Uint8Array(0)
  #length = 0
  /** Of the blocks before; they are told to `#whole` in order. */
  #hashing: Promise<void> = Promise.resolve()

  /** The bytes may be reused when it resolves. At most one block waits to be hashed. */
  async update(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length; ) {
      const part = bytes.subarray(offset, offset + blockBytes - this.#length)
      this.#append(part)
      offset += part.length
      if (this.#length === blockBytes) await this.#hash()
    }
  }

  async digestHex(): Promise<string> {
    if (this.#length > 0) await this.#hash()
    await this.#hashing
    return this.#whole.digestHex()
  }

  #append(part: Uint8Array): void {
    if (this.#length + part.length > this.#block.length) {
      const grown = new Uint8Array(Math.min(blockBytes, Math.max(2 * this.#block.length, this.#length + part.length, 4096)))
      grown.set(this.#block.subarray(0, this.#length))
      this.#block = grown
    }
    this.#block.set(part, this.#length)
    this.#length += part.length
  }

  async #hash(): Promise<void> {
    await this.#hashing
    // The bytes are taken as they are now, so the block can be filled again.
    const digest = sha256HexAsync(this.#block.subarray(0, this.#length))
    this.#length = 0
    this.#hashing = digest.then((hex) => {
      this.#whole.update(hex)
    })
  }
}
