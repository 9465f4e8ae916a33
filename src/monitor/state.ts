import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'

const supportedVersion = 1

/** The header of everything that a monitor stores. */
export function stateHeader(format: string): {
  readonly format: string
  readonly formatVersion: number
  readonly minReaderVersion: number
} {
  return { format, formatVersion: supportedVersion, minReaderVersion: 1 }
}

/**
 * The state that a monitor of this format wrote. Beyond its header it is taken as written: it comes from `toJSON`.
 *
 * @throws {@link MillraceError} `MONITOR_STATE_MISMATCH` for something else, `FORMAT_UNSUPPORTED` for that of a newer library.
 */
export function readState<State>(format: string, stored: Json): State {
  const value: unknown = stored
  if (!isPlainObject(value) || value.format !== format || typeof value.minReaderVersion !== 'number') {
    throw stateMismatch(`it is not the state of a ${format}`)
  }
  if (value.minReaderVersion > supportedVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected "${format}" that version ${supportedVersion} can read. Received one for version ${value.minReaderVersion} and later.`,
      details: { format, formatVersion: typeof value.formatVersion === 'number' ? value.formatVersion : 0, supportedVersion },
    })
  }
  return value as State
}

export function stateMismatch(reason: string): MillraceError<'MONITOR_STATE_MISMATCH'> {
  return new MillraceError('MONITOR_STATE_MISMATCH', {
    message: `Expected a state that fits this monitor. Received one that does not: ${reason}.`,
    details: { reason },
  })
}

/** Bytes of a typed array as text, a third longer: arrays of numbers in JSON would be ten times as long. */
export function bytesToText(array: Float32Array | Uint8Array | Int32Array): string {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  let binary = ''
  for (let start = 0; start < bytes.length; start += 0x8000) binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000))
  return btoa(binary)
}

export function textToBytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
