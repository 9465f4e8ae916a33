import { MillraceError } from '../core/error.ts'
import { crc32 } from './crc32.ts'

/** What a frame holds. A `header` opens a segment, a `footer` seals it, a `gap` tells of records that were dropped. */
export type FrameKind = 'header' | 'data' | 'gap' | 'footer'

export interface Frame {
  readonly kind: FrameKind
  /** 1, 2, 3 ... over all segments of one writer, 0 to 2^53 - 1. */
  readonly sequence: number
  readonly payload: Uint8Array
}

/** A frame found in bytes; `payload` is a view of them. */
export interface DecodedFrame extends Frame {
  readonly sizeBytes: number
}

/** Why there is no frame: what is there is broken, or more bytes are needed to tell. */
export type FrameFault =
  | { readonly fault: 'broken'; readonly reason: string }
  | { readonly fault: 'incomplete'; readonly neededBytes: number }

export const frameHeaderBytes = 20
/** A length above it is taken for damage, before anything is allocated. */
export const maxPayloadBytes: number = 64 * 1024 * 1024

/** Its first byte is no character of UTF-8 text. */
const magic: readonly number[] = [0x8d, 0x4d, 0x52, 0x46]
const magicNumber = 0x4652_4d8d
const kinds: readonly (FrameKind | undefined)[] = [undefined, 'data', 'gap', 'header', 'footer']

export function frameSizeBytes(payload: Uint8Array): number {
  return frameHeaderBytes + payload.length
}

/**
 * Writes a frame at `offset` and returns the offset behind it. Layout, little-endian: magic (4) | payload length (4) | CRC-32 of length, sequence and
 * payload (4) | sequence (8, its highest byte the kind) | payload.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a payload above {@link maxPayloadBytes}.
 */
export function encodeFrame(frame: Frame, target: Uint8Array, offset: number): number {
  const { kind, sequence, payload } = frame
  assertPayloadSize(payload)
  target.set(payload, offset + frameHeaderBytes)
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
  return encodeFrameHeader({ kind, sequence, payloadBytes: payload.length }, target, view, offset)
}

/** Makes a frame of a payload that is in its place, 20 bytes behind `offset`, and returns the offset behind it; `view` is of the same bytes as `target`. */
export function encodeFrameHeader(
  frame: { readonly kind: FrameKind; readonly sequence: number; readonly payloadBytes: number },
  target: Uint8Array,
  view: DataView,
  offset: number,
): number {
  const { kind, sequence, payloadBytes } = frame
  view.setUint32(offset, magicNumber, true)
  view.setUint32(offset + 4, payloadBytes, true)
  view.setUint32(offset + 12, sequence % 0x1_0000_0000, true)
  view.setUint32(offset + 16, Math.floor(sequence / 0x1_0000_0000) + kinds.indexOf(kind) * 0x100_0000, true)
  view.setUint32(offset + 8, checksum(target, offset, payloadBytes), true)
  return offset + frameHeaderBytes + payloadBytes
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID` for a payload that no frame can hold. */
export function assertPayloadSize(payload: Uint8Array): void {
  if (payload.length <= maxPayloadBytes) return
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected a payload of at most ${maxPayloadBytes} bytes. Received ${payload.length}.`,
    details: { argument: 'payload', expected: `at most ${maxPayloadBytes} bytes`, received: String(payload.length) },
  })
}

/** The frame at `offset`, its checksum verified, or what is wrong. */
export function decodeFrame(bytes: Uint8Array, offset: number): DecodedFrame | FrameFault {
  const available = bytes.length - offset
  for (let index = 0; index < Math.min(magic.length, available); index++) {
    if (bytes[offset + index] !== magic[index]) return { fault: 'broken', reason: 'no frame begins here' }
  }
  if (available < frameHeaderBytes) return { fault: 'incomplete', neededBytes: frameHeaderBytes }
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, frameHeaderBytes)
  const length = view.getUint32(4, true)
  if (length > maxPayloadBytes) return { fault: 'broken', reason: `the frame's length is ${length}` }
  if (available < frameHeaderBytes + length) return { fault: 'incomplete', neededBytes: frameHeaderBytes + length }
  if (view.getUint32(8, true) !== checksum(bytes, offset, length)) return { fault: 'broken', reason: "the frame's checksum does not fit" }
  const high = view.getUint32(16, true)
  const kind = kinds[high >>> 24]
  const sequence = (high & 0xff_ffff) * 0x1_0000_0000 + view.getUint32(12, true)
  if (kind === undefined || !Number.isSafeInteger(sequence)) return { fault: 'broken', reason: "the frame's kind is unknown" }
  const start = offset + frameHeaderBytes
  return { kind, sequence, payload: bytes.subarray(start, start + length), sizeBytes: frameHeaderBytes + length }
}

/** The next place from `offset` on where a frame may begin, or where too few bytes are left to tell; -1 when there is none. */
export function findMagic(bytes: Uint8Array, offset: number): number {
  for (let at = bytes.indexOf(magic[0] as number, offset); at !== -1; at = bytes.indexOf(magic[0] as number, at + 1)) {
    let matched = 1
    while (matched < magic.length && at + matched < bytes.length && bytes[at + matched] === magic[matched]) matched++
    if (matched === magic.length || at + matched === bytes.length) return at
  }
  return -1
}

/** Over length and sequence, then the payload: the checksum's own four bytes lie between. */
function checksum(bytes: Uint8Array, offset: number, length: number): number {
  const ofLength = crc32(bytes, 0, offset + 4, offset + 8)
  return crc32(bytes, ofLength, offset + 12, offset + frameHeaderBytes + length)
}
