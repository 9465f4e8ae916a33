import { invalidArgument } from '../../core/invalid-argument.ts'
import { isPlainObject } from '../../core/json.ts'
import { receivedText } from '../../core/received.ts'
import { checkFormat } from '../../model/check-format.ts'
import type { DecodedFrame, FrameKind } from '../../storage/frame.ts'
import { decodeFrame, encodeFrame, frameSizeBytes } from '../../storage/frame.ts'
import type { ExportedFile } from './export-index.ts'
import { assertFile, assertIterable, exportInvalid } from './export-index.ts'
import { overSource } from './over-source.ts'

const streamFormat = { format: 'millrace-files', supportedVersion: 1 } as const
/** So much of a file is in one frame. */
const pieceBytes = 1024 * 1024
const maxFrameBytes = pieceBytes + 4_096
const maxPathLength = 1_024
const encoder = new TextEncoder()

/**
 * Files as one stream of bytes, for one file on a disk or the body of a request: frames with a checksum each, as in the segments of a log. Never an archive: nothing
 * in it can name a place to be written to.
 *
 * Layout: a header frame with the format; for each file a header frame with path and size and data frames of at most 1 MB; a footer frame with the number
 * of files, so that a stream that was cut short is told from a whole one.
 *
 * Whoever ends the iteration closes the files at once, also while it waits for the next.
 *
 * @example
 * const body = encodeFiles(exportModel(registry, 'flight-delay'))
 * const { versions } = await importModel(new Registry({ storage: new MemoryStorage() }), decodeFiles(body))
 */
export function encodeFiles(
  files: AsyncIterable<ExportedFile> | Iterable<ExportedFile>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  return overSource(files, encoded)
}

async function* encoded(
  files: AsyncIterable<ExportedFile> | Iterable<ExportedFile>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  assertIterable('files', files)
  let sequence = 0
  const frame = (kind: FrameKind, payload: Uint8Array): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(frameSizeBytes(payload))
    encodeFrame({ kind, sequence: ++sequence, payload }, bytes, 0)
    return bytes
  }
  const json = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))
  yield frame('header', json({ format: streamFormat.format, formatVersion: 1, minReaderVersion: 1 }))
  let count = 0
  for await (const file of files) {
    const { path, bytes } = assertFile(file)
    if (path.length > maxPathLength) throw invalidArgument('path', `at most ${maxPathLength} characters`, path)
    yield frame('header', json({ path, sizeBytes: bytes.length }))
    for (let start = 0; start < bytes.length; start += pieceBytes) yield frame('data', bytes.subarray(start, start + pieceBytes))
    count++
  }
  yield frame('footer', json({ files: count }))
}

/**
 * The files again, one at a time, each whole and with its checksums right. Whoever ends the iteration, as an import that fails or is aborted does, closes the
 * chunks at once, also while it waits for the next.
 *
 * @param options - `maxFileBytes`: a larger file is refused before it is read; default 4 GB.
 * @throws {@link MillraceError} `EXPORT_INVALID` for a stream that is damaged, cut short or none; `FORMAT_UNSUPPORTED` for one of a newer library.
 */
export function decodeFiles(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { readonly maxFileBytes?: number } = {},
): AsyncGenerator<ExportedFile, void, undefined> {
  return overSource(chunks, (open) => decoded(open, options))
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { readonly maxFileBytes?: number },
): AsyncGenerator<ExportedFile, void, undefined> {
  const { maxFileBytes = 4 * 1024 ** 3 } = options
  assertIterable('chunks', chunks)
  if (!(typeof maxFileBytes === 'number' && maxFileBytes >= 0))
    throw invalidArgument('maxFileBytes', 'a number of bytes, 0 or more', receivedText(maxFileBytes))
  let isBegun = false
  let count = 0
  let open: { readonly path: string; readonly sizeBytes: number; readonly pieces: Uint8Array[]; received: number } | undefined
  let isEnded = false
  for await (const { kind, payload } of framesOf(chunks)) {
    if (isEnded) throw streamInvalid('something comes after its end')
    if (!isBegun) {
      if (kind !== 'header') throw streamInvalid('it does not begin with a header')
      checkFormat(jsonOf(payload), streamFormat)
      isBegun = true
    } else if (open !== undefined) {
      if (kind !== 'data') throw exportInvalid(open.path, `${open.received} of its ${open.sizeBytes} bytes are there`)
      open.received += payload.length
      if (open.received > open.sizeBytes || payload.length === 0) throw exportInvalid(open.path, `it has more than ${open.sizeBytes} bytes`)
      // A copy: the frame is a view of bytes that the next ones overwrite.
      open.pieces.push(payload.slice())
    } else if (kind === 'header') {
      open = { ...fileIn(payload, maxFileBytes), pieces: [], received: 0 }
    } else if (kind === 'footer') {
      if (jsonOf(payload).files !== count) throw streamInvalid(`its end does not tell of ${count} files`)
      isEnded = true
    } else throw streamInvalid('there are bytes of no file')
    if (open !== undefined && open.received === open.sizeBytes) {
      count++
      yield { path: open.path, bytes: joined(open.pieces, open.sizeBytes) }
      open = undefined
    }
  }
  if (!isEnded) throw streamInvalid('it was cut short')
}

async function* framesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<DecodedFrame, void, undefined> {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  /** Fewer are not looked at, so that small chunks are not copied again and again. */
  let neededBytes = 1
  let sequence = 0
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw invalidArgument('chunks', 'each a Uint8Array', receivedText(chunk))
    pending.push(chunk)
    pendingBytes += chunk.length
    if (pendingBytes < neededBytes) continue
    const buffer = joined(pending, pendingBytes)
    neededBytes = 1
    let offset = 0
    while (offset < buffer.length) {
      const frame = decodeFrame(buffer, offset)
      if ('fault' in frame) {
        if (frame.fault === 'broken') throw streamInvalid(frame.reason)
        if (frame.neededBytes > maxFrameBytes) throw streamInvalid(`a frame has ${frame.neededBytes} bytes`)
        neededBytes = frame.neededBytes
        break
      }
      if (frame.sequence !== ++sequence) throw streamInvalid(`piece ${frame.sequence} comes where piece ${sequence} should`)
      yield frame
      offset += frame.sizeBytes
    }
    pending = [buffer.slice(offset)]
    pendingBytes = buffer.length - offset
  }
  if (pendingBytes > 0) throw streamInvalid('it was cut short')
}

function fileIn(payload: Uint8Array, maxFileBytes: number): { readonly path: string; readonly sizeBytes: number } {
  const { path, sizeBytes } = jsonOf(payload)
  if (typeof path !== 'string' || path.length > maxPathLength || !Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0)
    throw streamInvalid('a file has no path or size')
  if ((sizeBytes as number) > maxFileBytes) throw exportInvalid(path, `it has ${sizeBytes} bytes, more than ${maxFileBytes}`)
  return { path, sizeBytes: sizeBytes as number }
}

function jsonOf(payload: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    if (isPlainObject(value)) return value
  } catch (cause) {
    throw streamInvalid('a header is not JSON', cause)
  }
  throw streamInvalid('a header is not JSON')
}

function joined(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

function streamInvalid(reason: string, cause?: unknown): ReturnType<typeof exportInvalid> {
  return exportInvalid('', reason, cause)
}
