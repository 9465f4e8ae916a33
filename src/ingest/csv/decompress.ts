import { throwIfAborted } from '../../core/abort.ts'
import { MillraceError } from '../../core/error.ts'
import { unreadable, unreadableFrom } from './faults.ts'

export type Compression = 'gzip' | 'deflate' | 'deflate-raw' | 'brotli' | 'none'

/** Compressed bytes that are given at once: what comes of them before anybody counts is some thousand times as much. */
const pieceBytes = 1 << 14

export interface DecompressOptions {
  readonly label: string
  /** Undefined: gzip where the bytes begin as it does. */
  readonly compression: Compression | undefined
  readonly maxBytes: number
  readonly signal: AbortSignal | undefined
}

/** @throws {@link MillraceError} `SOURCE_UNREADABLE` for what is damaged or becomes too much; `DEPENDENCY_MISSING` for brotli where there is none. */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { label, maxBytes, signal } = options
  const peeked = await peek(chunks)
  const isGzip = peeked.first.length >= 2 && peeked.first[0] === 0x1f && peeked.first[1] === 0x8b
  const compression = options.compression ?? (isGzip ? 'gzip' : 'none')
  if (compression === 'none') {
    yield* peeked.all
    return
  }
  let sizeBytes = 0
  const output = compression === 'brotli' ? brotli(peeked.all) : inflate(peeked.all, compression)
  try {
    for await (const chunk of output) {
      throwIfAborted(signal)
      sizeBytes += chunk.length
      if (sizeBytes > maxBytes) throw unreadable(label, `it decompresses to more than ${maxBytes} bytes`)
      yield chunk
    }
  } catch (cause) {
    throwIfAborted(signal)
    throw unreadableFrom(label, cause)
  }
}

interface Peeked {
  /** Two bytes at least, where there are. */
  readonly first: Uint8Array
  /** With the first. */
  readonly all: AsyncIterable<Uint8Array>
}

async function peek(chunks: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const iterator = chunks[Symbol.asyncIterator]()
  let first = new Uint8Array(0)
  while (first.length < 2) {
    const next = await iterator.next()
    if (next.done === true) break
    // A copy: a chunk need not outlive the asking for the next.
    const longer = new Uint8Array(first.length + next.value.length)
    longer.set(first)
    longer.set(next.value, first.length)
    first = longer
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      if (first.length > 0) yield first
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return { first, all: all() }
}

/** By the platform, in Node and browsers. */
async function* inflate(
  chunks: AsyncIterable<Uint8Array>,
  format: 'gzip' | 'deflate' | 'deflate-raw',
): AsyncGenerator<Uint8Array, void, undefined> {
  const { readable, writable } = new DecompressionStream(format)
  const writer = writable.getWriter()
  const reader = readable.getReader()
  let fault: { readonly cause: unknown } | undefined
  const writing = feed(chunks, writer).catch((cause: unknown) => {
    fault ??= { cause }
  })
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      yield value
    }
    isDone = true
  } catch (cause) {
    // The input's own fault comes before what it did to the stream.
    throw fault?.cause ?? cause
  } finally {
    if (!isDone) await reader.cancel().catch(() => {})
    await writing
  }
}

async function feed(chunks: AsyncIterable<Uint8Array>, writer: WritableStreamDefaultWriter<BufferSource>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.length; start += pieceBytes) {
        await writer.ready
        await writer.write(chunk.slice(start, start + pieceBytes) as Uint8Array<ArrayBuffer>)
      }
    }
    await writer.close()
  } catch (cause) {
    await writer.abort(cause).catch(() => {})
    throw cause
  }
}

async function* brotli(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const [{ createBrotliDecompress }, { Readable, pipeline }] = await Promise.all([import('node:zlib'), import('node:stream')]).catch(
    (cause: unknown) => {
      throw new MillraceError('DEPENDENCY_MISSING', {
        message: 'Expected node:zlib, to read brotli. Received none: decompress it before, or let the server say Content-Encoding: br.',
        details: { package: 'node:zlib', install: 'use Node' },
        cause,
      })
    },
  )
  async function* copies(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks)
      for (let start = 0; start < chunk.length; start += pieceBytes) yield chunk.slice(start, start + pieceBytes)
  }
  const decoder = createBrotliDecompress()
  // Its end, and what fails in it, come out of the decoder.
  pipeline(Readable.from(copies()), decoder, () => {})
  yield* decoder as AsyncIterable<Uint8Array>
}
