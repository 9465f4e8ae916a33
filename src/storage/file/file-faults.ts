import { MillraceError } from '../../core/error.ts'
import { noSpace, unavailable } from '../faults.ts'

/** The `code` of a file system's error, `''` when it has none. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === 'string' ? code : ''
}

/** An error of the operating system, not a mistake in the code (`ERR_...`) nor anything of ours. */
export function isSystemError(error: unknown): boolean {
  return !MillraceError.is(error) && /^E[A-Z0-9]+$/.test(codeOf(error))
}

const absentCodes: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])
const unsupportedCodes: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'])
const spaceCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Nothing is at the path, or something on the way to it is no folder. */
export function isAbsent(error: unknown): boolean {
  return absentCodes.has(codeOf(error))
}

/** What file systems without hard links answer to `link`. */
export function isLinkUnsupported(error: unknown): boolean {
  return unsupportedCodes.has(codeOf(error))
}

/** As the operating system would say it. */
export function inputOutputError(message: string): Error {
  return Object.assign(new Error(`EIO: ${message}`), { code: 'EIO' })
}

/** A fault of the file system as one of ours; what is one already stays as it is. */
export function faultOf(error: unknown, key: string, storage: string): MillraceError {
  if (MillraceError.is(error)) return error
  return spaceCodes.has(codeOf(error)) ? noSpace(key, error) : unavailable(storage, error)
}
