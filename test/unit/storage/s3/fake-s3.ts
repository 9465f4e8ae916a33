// An object store in memory that is spoken to by `fetch`, and that misbehaves as it is told.
import type { S3Fetch, S3StorageOptions } from 'millrace/storage/s3'
import { S3Storage } from 'millrace/storage/s3'
import { FakeClock } from 'millrace/testing'

export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: Uint8Array
  /** Without the bucket. */
  readonly key: string
  readonly signal: AbortSignal | undefined
}

/** Undefined: the store answers. Else this is the answer; `apply` makes the store do what was asked first. */
export type Intercept = (asked: Asked, apply: () => Response) => Response | Promise<Response> | undefined

interface Stored {
  readonly bytes: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly modifiedAt: number
}

export class FakeS3 {
  readonly objects = new Map<string, Stored>()
  readonly asked: Asked[] = []
  intercept: Intercept | undefined
  order: 'bytes' | 'segments' = 'bytes'
  ignoresConditions = false
  /** What a page holds at most. */
  pageSize = 1000

  readonly fetch: S3Fetch = async (url, init) => {
    const address = new URL(url)
    const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer())
    const key = decodeURIComponent(address.pathname.replace(/^\/bucket\/?/, ''))
    const asked: Asked = {
      method: init.method ?? 'GET',
      url: address,
      headers: new Headers(init.headers),
      body,
      key,
      signal: init.signal ?? undefined,
    }
    this.asked.push(asked)
    const apply = (): Response => this.#answer(asked)
    return (await this.intercept?.(asked, apply)) ?? apply()
  }

  /** As `METHOD key`, of what was asked since the storage was opened. */
  get requests(): readonly string[] {
    return this.asked.map(
      ({ method, key, url }) => `${method} ${url.searchParams.has('list-type') ? `?prefix=${url.searchParams.get('prefix')}` : key}`,
    )
  }

  #answer({ method, url, headers, body, key }: Asked): Response {
    if (url.searchParams.get('list-type') === '2') return this.#list(url.searchParams)
    const stored = this.objects.get(key)
    if (method === 'PUT') {
      if (!this.ignoresConditions && headers.get('if-none-match') === '*' && stored !== undefined) return failed(412, 'PreconditionFailed')
      if (!this.ignoresConditions && headers.has('if-match')) return failed(412, 'PreconditionFailed')
      const kept = Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-amz-meta-')))
      this.objects.set(key, { bytes: body, headers: kept, modifiedAt: Date.UTC(2024, 0, 1) })
      return new Response(null, { status: 200 })
    }
    if (method === 'DELETE') {
      this.objects.delete(key)
      return new Response(null, { status: 204 })
    }
    if (stored === undefined) return method === 'HEAD' ? new Response(null, { status: 404 }) : failed(404, 'NoSuchKey')
    const size = stored.bytes.length
    if (method === 'HEAD') return new Response(null, { status: 200, headers: { ...stored.headers, 'content-length': String(size) } })
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.get('range') ?? '')
    if (range === null) return new Response(copyOf(stored.bytes), { headers: stored.headers })
    const start = Number(range[1])
    if (start >= size) return failed(416, 'InvalidRange', `<ActualObjectSize>${size}</ActualObjectSize>`)
    const end = range[2] === '' ? size : Math.min(size, Number(range[2]) + 1)
    const part = { ...stored.headers, 'content-range': `bytes ${start}-${end - 1}/${size}` }
    return new Response(copyOf(stored.bytes.slice(start, end)), { status: 206, headers: part })
  }

  #list(query: URLSearchParams): Response {
    const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter')]
    // By segments, a slash sorts before everything.
    const sortKey = (key: string): string => (this.order === 'bytes' ? key : key.replaceAll('/', '\u0001'))
    const after = query.get('continuation-token') ?? query.get('start-after')
    const items = new Map<string, Stored | undefined>()
    for (const key of [...this.objects.keys()].sort((left, right) => (sortKey(left) < sortKey(right) ? -1 : 1))) {
      if (!key.startsWith(prefix)) continue
      const slash = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length)
      const item = slash === -1 ? key : key.slice(0, slash + 1)
      if (after !== null && sortKey(item) <= sortKey(after)) continue
      items.set(item, slash === -1 ? this.objects.get(key) : undefined)
    }
    const page = [...items].slice(0, Math.min(this.pageSize, Number(query.get('max-keys') ?? 1000)))
    const isTruncated = page.length < items.size
    const xml = page.map(([key, stored]) =>
      stored === undefined
        ? `<CommonPrefixes><Prefix>${encodeURIComponent(key)}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${new Date(stored.modifiedAt).toISOString()}</LastModified><Size>${stored.bytes.length}</Size></Contents>`,
    )
    const next = isTruncated ? `<NextContinuationToken>${page.at(-1)?.[0]}</NextContinuationToken>` : ''
    return new Response(
      `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType><IsTruncated>${isTruncated}</IsTruncated>${next}${xml.join('')}</ListBucketResult>`,
    )
  }
}

/** An answer that is a fault. */
export function failed(status: number, code: string, more = '', headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>It is so.</Message>${more}</Error>`, { status, headers })
}

/** The connection broke. */
export function broken(): never {
  throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }) })
}

export const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI-K7MDENG-EXAMPLEKEY' }

/** A clock on which nobody waits, that says for how long it would have been. Time-outs do not come, in the background or not. */
export class HastyClock extends FakeClock {
  readonly delaysMs: number[] = []
  override async sleep(ms: number, signal?: AbortSignal, { background = false }: { readonly background?: boolean } = {}): Promise<void> {
    if (ms >= 60_000 || background)
      return await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
    signal?.throwIfAborted()
    this.delaysMs.push(ms)
  }
}

/** A storage on the fake, opened; what opening asked is forgotten. */
export async function openOn(s3: FakeS3, options: Partial<S3StorageOptions> = {}): Promise<S3Storage> {
  const storage = await S3Storage.open({
    endpoint: 'https://s3.example.test',
    bucket: 'bucket',
    credentials,
    fetch: s3.fetch,
    clock: new HastyClock(),
    ...options,
  })
  s3.asked.length = 0
  return storage
}

function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
