import { MillraceError } from '../core/error.ts'
import { isPlainObject } from '../core/json.ts'

/** The three fields that everything stored carries: which format, which version of it, and the least version that a reader must know. */
export interface FormatSupport {
  readonly format: string
  /** The newest version that this code reads. */
  readonly supportedVersion: number
}

/**
 * Refuses what another program, or a later version of this one, has written.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED`.
 */
export function checkFormat(stored: unknown, support: FormatSupport): asserts stored is Readonly<Record<string, unknown>> {
  const header = isPlainObject(stored) ? stored : {}
  const { format, formatVersion, minReaderVersion } = header
  if (format === support.format && isVersion(formatVersion) && isVersion(minReaderVersion) && minReaderVersion <= support.supportedVersion)
    return
  const received = typeof format === 'string' ? format : 'no format'
  const needed = isVersion(minReaderVersion) ? `version ${minReaderVersion}` : 'no version'
  throw new MillraceError('FORMAT_UNSUPPORTED', {
    message: `Expected format "${support.format}", readable by version ${support.supportedVersion}. Received "${received}", readable from ${needed}.`,
    details: {
      format: received,
      formatVersion: isVersion(formatVersion) ? formatVersion : 0,
      supportedVersion: support.supportedVersion,
    },
  })
}

function isVersion(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1
}
