import { isAbortOf } from '../../core/abort.ts'
import type { IdentifierSource } from '../../core/identifiers.ts'
import type { ByteRange, StoredObject } from '../adapter.ts'
import { conflict, outcomeUnknown, unavailable } from '../faults.ts'
import { folderCollision } from '../key.ts'
import type { S3Client, S3Request } from './client.ts'
import type { S3Reply } from './reply.ts'
import { isFolderCollision } from './reply.ts'
import { childText, parseXml } from './xml.ts'

/** Names the write that made an object, so that a writer whose reply was lost knows its own. */
const writeHeader = 'x-amz-meta-millrace-write'

/** One object, or one part of it. `key` is as it is in the bucket. */
export async function getObject(
  client: S3Client,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): Promise<StoredObject | undefined> {
  const wanted = rangeHeader(range)
  const request: S3Request = { method: 'GET', key, ...(wanted === undefined ? {} : { headers: { range: wanted } }) }
  const outcome = await client.send(request, signal)
  const { reply } = outcome
  if (isAbsent(reply)) return undefined
  if (reply.status === 416) {
    const sizeBytes = sizeOfUnsatisfied(reply) ?? (await sizeOf(client, key, signal))
    return sizeBytes === undefined ? undefined : { bytes: new Uint8Array(0), sizeBytes }
  }
  if (reply.status === 200) {
    // Also the answer of a server that knows no ranges.
    const { bytes } = reply
    return { bytes: range === undefined ? bytes : bytes.slice(range.start, range.end), sizeBytes: bytes.length }
  }
  if (reply.status !== 206 || range === undefined) throw client.fault(request, outcome)
  const sizeBytes = sizeInContentRange(reply) ?? (await sizeOf(client, key, signal))
  if (sizeBytes === undefined) return undefined
  const bytes = range.end === range.start ? new Uint8Array(0) : reply.bytes
  const expected = Math.max(0, Math.min(range.end, sizeBytes) - range.start)
  if (bytes.length !== expected)
    throw unavailable(client.settings.name, new Error(`${bytes.length} bytes where ${expected} were asked for`))
  return { bytes, sizeBytes }
}

/** The size of an object, undefined where there is none. */
export async function sizeOf(client: S3Client, key: string, signal: AbortSignal | undefined): Promise<number | undefined> {
  const request: S3Request = { method: 'HEAD', key }
  const outcome = await client.send(request, signal)
  const { status, headers } = outcome.reply
  // An answer to HEAD has no body that would tell an absent object from an absent bucket.
  if (status === 404) return undefined
  const length = headers.get('content-length')
  if (status !== 200 || length === null) throw client.fault(request, outcome)
  return Number(length)
}

/** Creates or replaces. */
export async function putObject(
  client: S3Client,
  key: string,
  body: Uint8Array<ArrayBuffer>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const request: S3Request = { method: 'PUT', key, body }
  const outcome = await client.send(request, signal)
  if (isFolderCollision(outcome.reply)) throw serverRefusedFolder(client, key)
  if (outcome.reply.status >= 300) throw client.fault(request, outcome)
}

/**
 * Idempotent, and applied once: after a try that may have been applied it looks whether an object is there. If none is, it is done. If one is, it may be a
 * new one that somebody created meanwhile, of the same bytes and so of the same ETag even, and is not deleted by another try.
 *
 * @throws {@link MillraceError} `STORAGE_OUTCOME_UNKNOWN` where one is there, or nobody can look.
 */
export async function deleteObject(client: S3Client, key: string, signal: AbortSignal | undefined): Promise<void> {
  const request: S3Request = { method: 'DELETE', key }
  const settle = async (): Promise<'gone'> => {
    if ((await getObject(client, key, { start: 0, end: 0 }, signal)) === undefined) return 'gone'
    throw new Error('an object that may be a new one')
  }
  const outcome = await client.sendOrSettle(request, settle, signal)
  if (outcome === 'gone') return
  if (outcome.reply.status >= 300 && !isAbsent(outcome.reply)) throw client.fault(request, outcome)
}

/**
 * Creates, by `If-None-Match: *`. Each call marks its object with an id of its own, in the object's metadata. A try whose reply does not come, or says
 * that the server failed, may have been applied: then the object is read and its mark compared, and only where none is there the create is tried
 * again. So a lost reply is neither a conflict with oneself nor a second object. Where the mark cannot be seen (a browser is shown only the headers that
 * the bucket exposes), the bytes are compared.
 *
 * Source: "Conditional writes", Amazon S3 User Guide: 412 for an object that is there, 409 for a conflicting request under way.
 *
 * @throws {@link MillraceError} `STORAGE_CONFLICT`, `STORAGE_OUTCOME_UNKNOWN`, `STORAGE_NO_SPACE`.
 */
export async function createObject(
  client: S3Client,
  key: string,
  body: Uint8Array<ArrayBuffer>,
  options: { readonly newId: IdentifierSource; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { signal } = options
  const mark = options.newId()
  const request: S3Request = { method: 'PUT', key, body, headers: { 'if-none-match': '*', [writeHeader]: mark } }
  const settle = (): Promise<'ours' | 'theirs' | undefined> => whoseObject(client, key, body, mark, signal)
  const outcome = await client.sendOrSettle(request, settle, signal)
  if (outcome === 'ours') return
  if (outcome === 'theirs') throw conflict(client.ownKey(key))
  const { reply, mayHaveBeenApplied } = outcome
  if (reply.status < 300) return
  if (isFolderCollision(reply)) throw serverRefusedFolder(client, key)
  if (reply.status !== 412) throw client.fault(request, outcome)
  if (!mayHaveBeenApplied) throw conflict(client.ownKey(key))
  // The earlier try came through after all, or somebody else came between.
  const whose = await settle().catch((error: unknown) => {
    throw isAbortOf(signal, error) ? error : outcomeUnknown(client.ownKey(key), error)
  })
  if (whose === 'ours') return
  if (whose === 'theirs') throw conflict(client.ownKey(key))
  throw outcomeUnknown(client.ownKey(key), new Error('an object that was there is gone'))
}

/** True where there is one, without its bytes. */
export async function isThere(client: S3Client, key: string, signal: AbortSignal | undefined): Promise<boolean> {
  return (await sizeOf(client, key, signal)) !== undefined
}

async function whoseObject(
  client: S3Client,
  key: string,
  body: Uint8Array,
  mark: string,
  signal: AbortSignal | undefined,
): Promise<'ours' | 'theirs' | undefined> {
  const request: S3Request = { method: 'GET', key }
  const outcome = await client.send(request, signal)
  const { reply } = outcome
  if (isAbsent(reply)) return undefined
  if (reply.status !== 200) throw client.fault(request, outcome)
  const written = reply.headers.get(writeHeader)
  // The bytes too: writers that were given the same seeded random make the same marks.
  const isOurs = (written === null || written === mark) && sameBytes(reply.bytes, body)
  return isOurs ? 'ours' : 'theirs'
}

/** A 404 without the code of S3 comes from something else that listens there. */
function isAbsent({ status, code }: S3Reply): boolean {
  return status === 404 && (code === 'NoSuchKey' || code === 'NoSuchVersion')
}

function serverRefusedFolder(client: S3Client, key: string): Error {
  return folderCollision(client.ownKey(key), 'an object or a folder of that name')
}

/** An empty part is asked for as one byte: the answer tells the size, and that the object is there. */
function rangeHeader(range: ByteRange | undefined): string | undefined {
  if (range === undefined) return undefined
  const { start, end } = range
  if (end === Number.POSITIVE_INFINITY) return `bytes=${start}-`
  return end === start ? 'bytes=0-0' : `bytes=${start}-${end - 1}`
}

function sizeInContentRange({ headers }: S3Reply): number | undefined {
  const size = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1]
  return size === undefined ? undefined : Number(size)
}

function sizeOfUnsatisfied(reply: S3Reply): number | undefined {
  const inHeader = sizeInContentRange(reply)
  if (inHeader !== undefined) return inHeader
  try {
    const size = childText(parseXml(new TextDecoder().decode(reply.bytes)), 'ActualObjectSize')
    return size === undefined || !/^\d+$/.test(size) ? undefined : Number(size)
  } catch {
    return undefined
  }
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
