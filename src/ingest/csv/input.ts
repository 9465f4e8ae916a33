import { raceAbort, throwIfAborted, untilAborted, yieldToEventLoop } from '../../core/abort.ts'
import { MillraceError } from '../../core/error.ts'
import { unreadable, unreadableFrom } from './faults.ts'

/** Bytes that come in chunks. */
export type ByteStream = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

/** A path (Node only) or an `http:` or `https:` URL; bytes, a `Blob` or a `File`; a stream, or a function that makes one, as a stream can be read only once. */
export type CsvInput = string | URL | Blob | Uint8Array | ArrayBuffer | ByteStream | (() => ByteStream | Promise<ByteStream>)

const chunkBytes = 1 << 18
/** Bytes in memory that are read before timers and aborts get their turn. */
const bytesPerTurn = 1 << 24

export interface InputOptions {
  readonly label: string
  readonly fetch: typeof globalThis.fetch
}

/** What is read, opened anew each time. */
export interface OpenedInput {
  /** A chunk need not outlive the asking for the next. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** The server has taken a compression off already. */
  readonly isDecoded: boolean
}

/** A name for an input that none was given for. */
export function nameOfInput(input: CsvInput): string {
  if (typeof input === 'string') return input
  if (input instanceof URL) return input.href
  const { name } = input as { readonly name?: unknown }
  return input instanceof Blob && typeof name === 'string' ? name : 'csv'
}

/** Opens inputs, again and again where that can be. */
export class Input {
  readonly #input: CsvInput
  readonly #options: InputOptions
  #isSpent = false

  constructor(input: CsvInput, options: InputOptions) {
    this.#input = input
    this.#options = options
  }

  /** @throws {@link MillraceError} `SOURCE_UNREADABLE`, here or while it is read; `ARGUMENT_INVALID` for a stream that was read. */
  async open(signal: AbortSignal | undefined): Promise<OpenedInput> {
    const input = this.#input
    const { label } = this.#options
    if (typeof input === 'string' && !isUrl(input)) return { chunks: fileChunks(input, label, signal), isDecoded: false }
    if (typeof input === 'string' || input instanceof URL) return this.#fetch(String(input), signal)
    if (input instanceof Uint8Array) return { chunks: slices(input, signal), isDecoded: false }
    if (input instanceof ArrayBuffer) return { chunks: slices(new Uint8Array(input), signal), isDecoded: false }
    if (input instanceof Blob) return { chunks: guarded(input.stream(), label, signal), isDecoded: false }
    if (typeof input === 'function') return { chunks: guarded(await this.#make(input, signal), label, signal), isDecoded: false }
    if (this.#isSpent) {
      throw new MillraceError('ARGUMENT_INVALID', {
        message: 'Expected a stream that can be read again. Received one that has been read: give a function that makes a new one.',
        details: { argument: 'input', expected: 'a function that makes a stream', received: 'a spent stream' },
      })
    }
    this.#isSpent = true
    return { chunks: guarded(input, label, signal), isDecoded: false }
  }

  /** Changes when the content does; undefined where nothing tells before it is read. */
  async fingerprint(signal: AbortSignal | undefined): Promise<string | undefined> {
    const input = this.#input
    if (typeof input === 'string' && !isUrl(input)) return fileStamp(input, this.#options.label)
    if (typeof input === 'string' || input instanceof URL) return this.#stamp(String(input), signal)
    if (!(input instanceof Uint8Array || input instanceof ArrayBuffer)) return undefined
    // On demand: a page that only reads need not load it.
    const { sha256HexAsync } = await import('../../core/digest.ts')
    return sha256HexAsync(input instanceof Uint8Array ? input : new Uint8Array(input))
  }

  async #make(make: () => ByteStream | Promise<ByteStream>, signal: AbortSignal | undefined): Promise<ByteStream> {
    try {
      return await raceAbort(Promise.resolve(make()), signal)
    } catch (cause) {
      throwIfAborted(signal)
      throw unreadableFrom(this.#options.label, cause)
    }
  }

  async #fetch(url: string, signal: AbortSignal | undefined): Promise<OpenedInput> {
    const response = await this.#request(url, 'GET', signal)
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw unreadable(this.#options.label, `status ${response.status}`)
    }
    return { chunks: guarded(response.body, this.#options.label, signal), isDecoded: response.headers.get('content-encoding') !== null }
  }

  async #stamp(url: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const { ok, headers } = await this.#request(url, 'HEAD', signal)
    const stamp = headers.get('etag') ?? headers.get('last-modified')
    return ok && stamp !== null ? `${stamp}-${headers.get('content-length') ?? ''}` : undefined
  }

  async #request(url: string, method: string, signal: AbortSignal | undefined): Promise<Response> {
    const { fetch, label } = this.#options
    try {
      return await fetch(url, { method, ...(signal !== undefined && { signal }) })
    } catch (cause) {
      throwIfAborted(signal)
      throw unreadableFrom(label, cause)
    }
  }
}

function isUrl(input: string): boolean {
  return /^https?:\/\//i.test(input)
}

/** The next piece of the file is read while the one before is dealt with. */
async function* fileChunks(path: string, label: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfAborted(signal)
  const handle = await openFile(path, label)
  let pending: Promise<{ readonly bytesRead: number }> | undefined
  try {
    let [buffer, other] = [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)]
    for (;;) {
      pending ??= handle.read(buffer, 0, chunkBytes, null)
      const { bytesRead } = await pending
      throwIfAborted(signal)
      if (bytesRead === 0) return
      pending = handle.read(other, 0, chunkBytes, null)
      // It is awaited later, if at all.
      pending.catch(() => {})
      yield buffer.subarray(0, bytesRead)
      ;[buffer, other] = [other, buffer]
    }
  } catch (cause) {
    throwIfAborted(signal)
    throw unreadableFrom(label, cause)
  } finally {
    await pending?.catch(() => {})
    await handle.close()
  }
}

async function openFile(path: string, label: string): Promise<import('node:fs/promises').FileHandle> {
  try {
    const { open } = await import('node:fs/promises')
    return await open(path, 'r')
  } catch (cause) {
    throw unreadableFrom(label, cause)
  }
}

async function fileStamp(path: string, label: string): Promise<string> {
  const handle = await openFile(path, label)
  try {
    const { size, mtimeMs } = await handle.stat()
    return `${size}-${mtimeMs}`
  } finally {
    await handle.close()
  }
}

async function* slices(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    if (start > 0 && start % bytesPerTurn === 0) await yieldToEventLoop()
    throwIfAborted(signal)
    yield bytes.subarray(start, start + chunkBytes)
  }
}

/** Faults of a stream are faults of the source; it is told when nobody reads on. */
async function* guarded(stream: ByteStream, label: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = 'getReader' in stream ? readerChunks(stream) : stream
  try {
    for await (const chunk of untilAborted(chunks, signal)) {
      if (!(chunk instanceof Uint8Array)) throw unreadable(label, `a chunk that is no Uint8Array (${typeof chunk})`)
      for (let start = 0; start < chunk.length; start += chunkBytes) yield chunk.subarray(start, start + chunkBytes)
    }
  } catch (cause) {
    throwIfAborted(signal)
    throw unreadableFrom(label, cause)
  }
}

/** Not every browser iterates over streams. */
async function* readerChunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader()
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isDone = done
      if (done) return
      yield value
    }
  } finally {
    if (isDone) reader.releaseLock()
    else await reader.cancel().catch(() => {})
  }
}
