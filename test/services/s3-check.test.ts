// `npx millrace check-s3` as a process of its own, on a server that passes and on one that does not.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { S3Storage } from 'millrace/storage/s3'
import { afterAll, describe, expect, test } from 'vitest'
import { startMinistack } from '../../scripts/services/ministack.ts'
import type { S3Service } from '../../scripts/services/s3-service.ts'
import { startS3rver } from '../../scripts/services/s3rver.ts'
import { named, startOrReason } from '../../scripts/services/service.ts'
import { connectionTo } from './support/s3.ts'

const [ministack, s3rver] = await Promise.all([startOrReason(startMinistack), startOrReason(startS3rver)])
afterAll(async () => {
  await Promise.all([ministack.service?.stop(), s3rver.service?.stop()])
})

const program = fileURLToPath(new URL('../../src/program.ts', import.meta.url))

async function run(args: readonly string[], credentials?: S3Service['credentials']): Promise<{ code: number | null; output: string }> {
  const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _secret, AWS_SESSION_TOKEN: _token, ...rest } = process.env
  const env =
    credentials === undefined
      ? rest
      : { ...rest, AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey }
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  return { code, output }
}

const at = ({ endpoint, bucket, region }: S3Service): string[] => [
  '--endpoint',
  endpoint,
  '--bucket',
  bucket,
  `--region=${region}`,
  '--path-style',
]

describe.skipIf(ministack.service === undefined)(named('check-s3 on ministack', ministack), () => {
  const service = (): S3Service => ministack.service as S3Service

  test('passes and leaves nothing behind', async () => {
    const { code, output } = await run(['check-s3', ...at(service()), '--keys', '25', '--writers', '8'], service().credentials)
    expect(output).toContain(
      '25 keys x 8 writers: 0 created more than once, 0 by nobody, 0 not as acknowledged, 0 writers without an answer',
    )
    expect(output).toContain('PASSED')
    expect(code).toBe(0)
    const storage = await S3Storage.open(connectionTo(service()))
    for await (const { key } of storage.list('')) expect(key).toBe('nothing')
  })

  test('says what is wrong with the credentials, the bucket or the address', async () => {
    const wrong = await run(['check-s3', ...at(service())], { ...service().credentials, secretAccessKey: 'WrongSecret' })
    expect(wrong.output).toContain('Not checked. STORAGE_DENIED')
    expect(wrong.output).not.toContain('WrongSecret')
    expect(wrong.code).toBe(1)
    const { endpoint, credentials } = service()
    const absent = await run(['check-s3', '--endpoint', endpoint, '--bucket', 'no-such-bucket'], credentials)
    expect(absent).toMatchObject({ code: 1 })
    expect(absent.output).toContain('NoSuchBucket')
  })

  test('is refused without credentials, and shows how it is used', async () => {
    const { code, output } = await run(['check-s3', ...at(service())])
    expect(output).toContain('Expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
    expect(code).toBe(2)
  })
})

describe.skipIf(s3rver.service === undefined)(named('check-s3 on s3rver', s3rver), () => {
  test('fails, since the server ignores the header', async () => {
    const service = s3rver.service as S3Service
    const { code, output } = await run(['check-s3', ...at(service)], service.credentials)
    expect(output).toContain('IGNORED: a second create succeeds')
    expect(output).toContain('FAILED')
    expect(code).toBe(1)
  })
})
