// s3rver: a fake that ignores If-None-Match, as some real servers do. It must be refused.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answers, freePorts, startProcess, temporaryFolder } from './process.ts'
import { servicesFolder } from './python.ts'
import type { S3Service } from './s3-service.ts'
import { region } from './s3-service.ts'

const version = '3.7.1'
const bucket = 'millrace'

export async function startS3rver(): Promise<S3Service> {
  const program = installed()
  const folder = temporaryFolder('s3rver')
  const [port] = (await freePorts(1)) as [number]
  const endpoint = `http://127.0.0.1:${port}`
  const running = await startProcess({
    name: 's3rver',
    command: process.execPath,
    args: [program, '-d', folder.path, '-a', '127.0.0.1', '-p', String(port), '--configure-bucket', bucket, '--silent'],
    cwd: folder.path,
    isReady: () => answers(`${endpoint}/`, 200).catch(() => answers(`${endpoint}/`, 403)),
  }).catch((error) => {
    folder.remove()
    throw error
  })
  const stop = async (): Promise<void> => {
    await running.stop()
    folder.remove()
  }
  return { name: 's3rver', endpoint, region, bucket, credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }, stop }
}

/** In a folder of its own: it is no dependency of the project. @throws with the reason where it cannot be had. */
function installed(): string {
  const folder = join(servicesFolder, 's3rver')
  const manifest = join(folder, 'node_modules', 's3rver', 'package.json')
  if (!existsSync(manifest) || (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version !== version) {
    mkdirSync(folder, { recursive: true })
    // A package.json of its own, or npm would look for one in the folders above.
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const args = [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--loglevel=error',
      `s3rver@${version}`,
    ]
    const npm = spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    if (npm.status !== 0) throw new Error(`npm could not install s3rver: ${String(npm.stderr).slice(-1000)}`)
  }
  return join(folder, 'node_modules', 's3rver', 'bin', 's3rver.js')
}
