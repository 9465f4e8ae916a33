import type { AwsV4Signer } from 'aws4fetch'
import { MillraceError } from '../../core/error.ts'
import type { S3Credentials } from './credentials.ts'

/** What is needed of the package `aws4fetch`. */
export interface SignerLibrary {
  readonly AwsV4Signer: typeof AwsV4Signer
}

/** @throws {@link MillraceError} `DEPENDENCY_MISSING` with the command that installs it. */
export async function loadSigner(injected: SignerLibrary | undefined): Promise<SignerLibrary> {
  if (injected !== undefined) return injected
  try {
    return await import('aws4fetch')
  } catch (cause) {
    const install = 'npm install aws4fetch'
    throw new MillraceError('DEPENDENCY_MISSING', {
      message: `Expected the package aws4fetch, to sign requests to an object store. Received none: ${install}`,
      details: { package: 'aws4fetch', install },
      cause,
    })
  }
}

export interface Unsigned {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Lower-case hexadecimal SHA-256 of the body: signed too, so that the server refuses a body that was damaged on the way. */
  readonly bodyDigest: string
}

/** Keys for a day, a region and a secret: there are two around midnight, and more as credentials rotate. */
const maxKeysKept = 8

/**
 * Signs as AWS Signature Version 4 asks.
 *
 * Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
 */
export class Signer {
  readonly #library: SignerLibrary
  readonly #region: string
  readonly #derivedKeys = new Map<string, ArrayBuffer>()

  constructor(library: SignerLibrary, region: string) {
    this.#library = library
    this.#region = region
  }

  /** The headers to send, the signature among them. */
  async sign(request: Unsigned, credentials: S3Credentials, time: number): Promise<Headers> {
    if (this.#derivedKeys.size >= maxKeysKept) this.#derivedKeys.clear()
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const signed = await new this.#library.AwsV4Signer({
      method: request.method,
      url: request.url,
      headers: { ...request.headers, 'x-amz-content-sha256': request.bodyDigest },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: 's3',
      region: this.#region,
      cache: this.#derivedKeys,
      datetime: new Date(time).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    }).sign()
    return signed.headers
  }
}
