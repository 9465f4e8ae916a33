import type { Clock } from '../../core/clock.ts'
import { systemClock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import { systemRandom } from '../../core/random.ts'
import { assertPrefix } from '../key.ts'
import type { S3Credentials } from './credentials.ts'
import { assertCredentials, invalid } from './credentials.ts'
import type { SignerLibrary } from './signer.ts'

/** As the platform's `fetch`, of which only this is needed. */
export type S3Fetch = (url: string, init: RequestInit) => Promise<Response>

/** `bytes`: by the bytes of the whole key, as AWS does. `segments`: folder by folder, so that `a/x` comes before `a-b`, as SeaweedFS does. */
export type S3ListOrder = 'bytes' | 'segments'

/** Where the store is and how it is spoken to. */
export interface S3ConnectionOptions {
  /** Such as `https://s3.eu-central-1.amazonaws.com` or `http://127.0.0.1:9000`; without the bucket. */
  readonly endpoint: string
  readonly bucket: string
  /** What requests are signed for; default `us-east-1`, which most servers other than AWS take whatever they are. */
  readonly region?: string
  /** A function is asked before each request, so that it can give new ones before the old ones expire; it should keep them meanwhile. What it fails with is in no error: it may quote them. */
  readonly credentials: S3Credentials | (() => S3Credentials | Promise<S3Credentials>)
  /** Everything is kept below it: whole segments, as in keys; default none. */
  readonly prefix?: string
  /** `path`: `endpoint/bucket/key`; `virtual-host`: the bucket is the first part of the host's name, as AWS prefers. Default `path`. */
  readonly addressing?: 'path' | 'virtual-host'
  /** How often a request is tried in all; default 6. */
  readonly attempts?: number
  /** For one try, its body included; default 60,000. */
  readonly timeoutMs?: number
  /** Default: the platform's. */
  readonly fetch?: S3Fetch
  /** For the time in signatures, delays and time-outs. */
  readonly clock?: Clock
  /** For the jitter of delays and the ids of writes. */
  readonly random?: Random
  /** The package `aws4fetch`, where it cannot be imported by that name; default `import('aws4fetch')`. */
  readonly aws4fetch?: SignerLibrary
}

/** The same, checked and with its defaults. */
export interface S3Settings {
  readonly name: string
  readonly endpoint: URL
  readonly bucket: string
  readonly region: string
  readonly credentials: () => S3Credentials | Promise<S3Credentials>
  /** True when asking again may give others. */
  readonly credentialsMayChange: boolean
  /** Empty, or with a slash at its end. */
  readonly prefix: string
  readonly addressing: 'path' | 'virtual-host'
  readonly attempts: number
  readonly timeoutMs: number
  readonly fetch: S3Fetch
  readonly clock: Clock
  readonly random: Random
}

const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/
const regionPattern = /^[A-Za-z0-9-]{1,64}$/

/** @throws {@link MillraceError} `ARGUMENT_INVALID`, `STORAGE_INVALID_KEY` for the prefix. */
export function s3Settings(options: S3ConnectionOptions): S3Settings {
  const { bucket, region = 'us-east-1', prefix = '', addressing = 'path', attempts = 6, timeoutMs = 60_000 } = options
  const endpoint = endpointOf(options.endpoint)
  if (!bucketPattern.test(bucket)) throw invalid('bucket', 'the name of a bucket', JSON.stringify(bucket))
  if (!regionPattern.test(region)) throw invalid('region', 'the name of a region', JSON.stringify(region))
  if (addressing !== 'path' && addressing !== 'virtual-host')
    throw invalid('addressing', '"path" or "virtual-host"', JSON.stringify(addressing))
  if (!(Number.isSafeInteger(attempts) && attempts >= 1)) throw invalid('attempts', 'a whole number from 1 on', String(attempts))
  if (!(timeoutMs > 0)) throw invalid('timeoutMs', 'a number above 0', String(timeoutMs))
  assertPrefix(prefix)
  const { credentials } = options
  if (typeof credentials !== 'function') assertCredentials(credentials)
  return {
    name: `s3:${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    endpoint,
    bucket,
    region,
    credentials: typeof credentials === 'function' ? credentials : () => credentials,
    credentialsMayChange: typeof credentials === 'function',
    prefix: prefix === '' ? '' : `${prefix}/`,
    addressing,
    attempts,
    timeoutMs,
    // Called as a function of nothing: browsers refuse `fetch` as a method of another object.
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  }
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  // Neither is shown, since a password may be in it.
  const expected = 'an http or https address without user, query or fragment'
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw invalid('endpoint', expected, 'another text')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw invalid('endpoint', expected, 'one of these in it')
  return url
}
