import { MillraceError } from '../../core/error.ts'
import { noSpace, unavailable } from '../faults.ts'
import type { S3Credentials } from './credentials.ts'
import { withoutSecrets } from './secrets.ts'
import type { XmlElement } from './xml.ts'
import { childText, parseXml } from './xml.ts'

/** An answer of the server, whole. */
export interface S3Reply {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
  /** What the server calls the fault, where it says so. */
  readonly code: string | undefined
  readonly message: string | undefined
  /** Where the bucket is, in the answer to a request that was signed for another region. */
  readonly region: string | undefined
}

/**
 * What an answer means for the request. `done`: it was done or definitely refused, as the status says. `again`: it was not done, and may be tried again. `unclear`:
 * it may have been done, and may be tried again. `expired`: as `again`, with other credentials.
 */
export type Verdict = 'done' | 'again' | 'unclear' | 'expired'

const throttled: ReadonlySet<string> = new Set([
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'RequestLimitExceeded',
  'TooManyRequests',
  'Throttling',
])
/** The body did not come whole, or not in time: nothing was done. */
const bodyLost: ReadonlySet<string> = new Set(['RequestTimeout', 'IncompleteBody', 'BadDigest', 'XAmzContentSHA256Mismatch'])
const expired: ReadonlySet<string> = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'])
const denied: ReadonlySet<string> = new Set([
  ...expired,
  'AccessDenied',
  'AccountProblem',
  'AllAccessDisabled',
  'AuthorizationHeaderMalformed',
  'InvalidAccessKeyId',
  'InvalidSecurity',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])
const full: ReadonlySet<string> = new Set([
  'InsufficientStorage',
  'InsufficientStorageSpace',
  'NotEnoughDiskSpace',
  'QuotaExceeded',
  'QuotaExceededException',
  'StorageFull',
  'StorageQuotaExceeded',
  'XMinioAdminBucketQuotaExceeded',
  'XMinioStorageFull',
])
/** Servers that keep objects as files say so when a key is the folder of another. */
const folderCodes: ReadonlySet<string> = new Set([
  'ExistingObjectIsDirectory',
  'ExistingObjectIsFile',
  'ObjectParentIsFile',
  'XMinioParentIsObject',
])

export function verdictOf(reply: S3Reply): Verdict {
  const { status, code = '' } = reply
  if (expired.has(code)) return 'expired'
  if (status === 429 || throttled.has(code) || bodyLost.has(code)) return 'again'
  // Another conditional write of the same key was under way: neither won by this.
  if (status === 409) return folderCodes.has(code) || code === 'BucketAlreadyExists' ? 'done' : 'again'
  if (isFull(reply) || status === 501) return 'done'
  return status === 408 || status >= 500 ? 'unclear' : 'done'
}

export function isFolderCollision(reply: S3Reply): boolean {
  return folderCodes.has(reply.code ?? '')
}

/** The typed fault of an answer that is none of those that the caller expects. */
export function faultOf(reply: S3Reply, storage: string, key: string, credentials?: S3Credentials): MillraceError {
  const { status, code = '' } = reply
  const reason = reasonOf(reply, credentials)
  if (isFull(reply)) return noSpace(key, new Error(reason))
  if (status === 401 || status === 403 || denied.has(code)) return deniedFault(storage, reason)
  return unavailable(storage, new Error(reason))
}

export function deniedFault(storage: string, reason: string): MillraceError<'STORAGE_DENIED'> {
  return new MillraceError('STORAGE_DENIED', {
    message: `Expected the storage "${storage}" to let these credentials in. Received ${reason}.`,
    details: { storage, reason },
  })
}

/** Reads an answer to its end. That it is whole is seen to by HTTP, as by every `fetch`. */
export async function readReply(response: Response): Promise<S3Reply> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  const { status, headers } = response
  // A browser shows no more than that there was a redirect.
  if (response.type === 'opaqueredirect') return { status: 307, headers, bytes, code: 'Redirect', message: undefined, region: undefined }
  const fault = status >= 300 ? errorElement(bytes) : undefined
  const text = (name: string): string | undefined => (fault === undefined ? undefined : childText(fault, name)?.trim() || undefined)
  const region = text('Region') ?? headers.get('x-amz-bucket-region') ?? undefined
  return { status, headers, bytes, code: text('Code'), message: text('Message'), region }
}

/** Anywhere in the answer: some services wrap it. Undefined where it is not XML, as that of a proxy. */
function errorElement(bytes: Uint8Array): XmlElement | undefined {
  try {
    const root = parseXml(new TextDecoder().decode(bytes))
    return root.name === 'Error' ? root : root.children.find(({ name }) => name === 'Error')
  } catch {
    return undefined
  }
}

function isFull({ status, code = '' }: S3Reply): boolean {
  return status === 507 || full.has(code)
}

/** What is quoted of others is cut there. */
const longestQuote = 200

/** What somebody else says, for a message: without secrets first, and then cut. */
export function quotation(text: string, credentials: S3Credentials | undefined): string {
  return withoutSecrets(text, credentials).slice(0, longestQuote)
}

function reasonOf({ status, code, message, region }: S3Reply, credentials: S3Credentials | undefined): string {
  const said = [code, message].flatMap((part) => (part === undefined ? [] : [quotation(part, credentials)])).join(': ')
  const isElsewhere = region !== undefined && (status < 400 || code === 'AuthorizationHeaderMalformed')
  const where = isElsewhere ? `, the bucket is in ${quotation(region, credentials)}` : ''
  const hint = status >= 300 && status < 400 && where === '' ? ', a redirect: another endpoint or region is meant' : ''
  return `${status}${said === '' ? '' : ` ${said}`}${where}${hint}`
}
