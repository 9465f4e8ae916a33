import type { S3Client, S3Request } from './client.ts'
import type { XmlElement } from './xml.ts'
import { childText, parseXml } from './xml.ts'

/** An object as a listing tells of it; the key as it is in the bucket. */
export interface ListedObject {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedAt: number
}

export interface ListPage {
  readonly objects: readonly ListedObject[]
  /** With a delimiter: what lies in folders, one entry a folder, with the slash at its end. */
  readonly folders: readonly string[]
  /** Undefined on the last page. */
  readonly next: string | undefined
}

export interface ListPageOptions {
  readonly prefix: string
  readonly startAfter?: string | undefined
  readonly token?: string | undefined
  readonly delimiter?: '/' | undefined
  readonly maxKeys: number
  readonly signal?: AbortSignal | undefined
}

/** What a page holds at most, by the API. */
export const pageSize = 1000

/**
 * One page of a listing.
 *
 * Source: "ListObjectsV2", Amazon S3 API Reference.
 *
 * @throws {@link MillraceError} `STORAGE_UNAVAILABLE`, `STORAGE_DENIED`.
 */
export async function listPage(client: S3Client, options: ListPageOptions): Promise<ListPage> {
  const { prefix, startAfter, token, delimiter, maxKeys, signal } = options
  const query: Record<string, string> = { 'list-type': '2', 'encoding-type': 'url', 'max-keys': String(maxKeys), prefix }
  if (delimiter !== undefined) query.delimiter = delimiter
  // Some servers let it win over the token and begin anew.
  if (token !== undefined) query['continuation-token'] = token
  else if (startAfter !== undefined) query['start-after'] = startAfter
  const request: S3Request = { method: 'GET', query }
  const outcome = await client.send(request, signal)
  if (outcome.reply.status !== 200) throw client.fault(request, outcome)
  try {
    return pageOf(parseXml(new TextDecoder().decode(outcome.reply.bytes)), token)
  } catch (error) {
    throw client.unreadable(outcome, error)
  }
}

function pageOf(root: XmlElement, token: string | undefined): ListPage {
  if (root.name !== 'ListBucketResult') throw new Error(`<${root.name}> instead of a listing`)
  const isEncoded = childText(root, 'EncodingType') === 'url'
  const named = (name: string): readonly XmlElement[] => root.children.filter((child) => child.name === name)
  const objects = named('Contents').flatMap((element) => {
    const key = decoded(childText(element, 'Key'), isEncoded)
    if (key === undefined) return []
    const [size = '', modified = ''] = [childText(element, 'Size'), childText(element, 'LastModified')]
    const modifiedAt = Date.parse(modified.trim())
    if (!/^\d+$/.test(size.trim()) || Number.isNaN(modifiedAt)) throw new Error('a listing without sizes or times')
    return [{ key, sizeBytes: Number(size), modifiedAt }]
  })
  const folders = named('CommonPrefixes').flatMap((element) => decoded(childText(element, 'Prefix'), isEncoded) ?? [])
  if (childText(root, 'IsTruncated')?.trim() !== 'true') return { objects, folders, next: undefined }
  const next = childText(root, 'NextContinuationToken')
  if (next === undefined || next === '' || next === token) throw new Error('a listing that does not say how it goes on')
  return { objects, folders, next }
}

/** Undefined for what cannot be decoded: it is no key of ours. */
function decoded(text: string | undefined, isEncoded: boolean): string | undefined {
  if (text === undefined || !isEncoded) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
