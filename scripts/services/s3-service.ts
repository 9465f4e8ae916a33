import { AwsClient } from 'aws4fetch'

/** A store that speaks S3, with an empty bucket. */
export interface S3Service {
  readonly name: string
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  readonly stop: () => Promise<void>
}

export const region = 'us-east-1'

/** One signed request. @throws with the reply's text unless it succeeds. */
export async function signedRequest(
  service: 's3' | 'iam' | 'sts',
  credentials: S3Service['credentials'],
  url: string,
  init: { readonly method: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> },
): Promise<string> {
  const client = new AwsClient({ ...credentials, service, region, retries: 0 })
  const response = await client.fetch(url, init)
  const text = await response.text()
  if (!response.ok) throw new Error(`${init.method} ${new URL(url).pathname} was answered with ${response.status}: ${text.slice(0, 500)}`)
  return text
}

/** One action of a query API, such as that of IAM. */
export async function queryAction(
  service: 'iam' | 'sts',
  credentials: S3Service['credentials'],
  endpoint: string,
  fields: Readonly<Record<string, string>>,
): Promise<string> {
  return await signedRequest(service, credentials, `${endpoint}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
}

/** The text of the first element of that name. */
export function elementText(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
  if (text === undefined) throw new Error(`Expected <${name}>. Received ${xml.slice(0, 300)}`)
  return text
}
