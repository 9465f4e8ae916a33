// ministack: an emulator in one event loop, so that its check and its write are one step. It checks signatures of users only, never those of its root.
import { join } from 'node:path'
import { answers, freePorts, startProcess, temporaryFolder } from './process.ts'
import { pythonEnvironment } from './python.ts'
import type { S3Service } from './s3-service.ts'
import { elementText, queryAction, region, signedRequest } from './s3-service.ts'

export interface Ministack extends S3Service {
  /** Of a role that the user may take on: a session token comes with them. They are good for 15 minutes. */
  readonly sessionCredentials: () => Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken: string }>
}

const root = { accessKeyId: 'test', secretAccessKey: 'test' }
const policy = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['s3:*', 'sts:*'], Resource: '*' }],
}

export async function startMinistack(): Promise<Ministack> {
  const programs = pythonEnvironment('ministack', ['ministack==1.5.33'])
  const folder = temporaryFolder('ministack')
  const [port] = (await freePorts(1)) as [number]
  const endpoint = `http://127.0.0.1:${port}`
  const running = await startProcess({
    name: 'ministack',
    command: join(programs, 'ministack'),
    args: [],
    cwd: folder.path,
    env: {
      SERVICES: 's3,iam,sts',
      AUTH: 'true',
      // Without it the server listens on every address.
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      STATE_DIR: folder.path,
      S3_DATA_DIR: folder.path,
      AWS_ACCESS_KEY_ID: root.accessKeyId,
      AWS_SECRET_ACCESS_KEY: root.secretAccessKey,
    },
    isReady: () => answers(`${endpoint}/_ministack/health`),
  }).catch((error) => {
    folder.remove()
    throw error
  })
  const stop = async (): Promise<void> => {
    await running.stop()
    folder.remove()
  }
  try {
    const iam = async (fields: Record<string, string>): Promise<string> =>
      await queryAction('iam', root, endpoint, { ...fields, Version: '2010-05-08' })
    await iam({ Action: 'CreateUser', UserName: 'tester' })
    await iam({ Action: 'PutUserPolicy', UserName: 'tester', PolicyName: 'all', PolicyDocument: JSON.stringify(policy) })
    const key = await iam({ Action: 'CreateAccessKey', UserName: 'tester' })
    const credentials = { accessKeyId: elementText(key, 'AccessKeyId'), secretAccessKey: elementText(key, 'SecretAccessKey') }
    const bucket = 'millrace'
    await signedRequest('s3', credentials, `${endpoint}/${bucket}`, { method: 'PUT' })
    const sessionCredentials = async (): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken: string }> => {
      const session = await queryAction('sts', credentials, endpoint, {
        Action: 'GetSessionToken',
        Version: '2011-06-15',
        DurationSeconds: '900',
      })
      return {
        accessKeyId: elementText(session, 'AccessKeyId'),
        secretAccessKey: elementText(session, 'SecretAccessKey'),
        sessionToken: elementText(session, 'SessionToken'),
      }
    }
    return { name: 'ministack', endpoint, region, bucket, credentials, sessionCredentials, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
