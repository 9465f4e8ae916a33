import { MillraceError } from '../../core/error.ts'
import type { MlflowConnection, SignalOption } from './connection.ts'
import { noProxy } from './reply.ts'

const scheme = 'mlflow-artifacts:'

/**
 * The path of a location that the server passes on. An address is never followed: what it names on this server is all that is read of it.
 *
 * @throws {@link MillraceError} `REGISTRY_UNSUPPORTED` for a location elsewhere, such as a bucket or a folder of the server's machine.
 */
export function artifactPath(connection: MlflowConnection, location: string): string {
  if (!location.startsWith(scheme)) throw noProxy(connection.label, `a location there is "${location.slice(0, 100)}"`)
  const [, host, path = ''] = /^\/\/([^/]*)(.*)$/.exec(location.slice(scheme.length)) ?? [undefined, '', location.slice(scheme.length)]
  if (host !== '' && host !== new URL(connection.label).host) throw noProxy(connection.label, 'a location is on another host')
  const segments = path.split('/').filter((segment) => segment !== '')
  if (segments.length === 0 || !segments.every(isSegment)) throw noProxy(connection.label, 'a location is no path below its root')
  return segments.join('/')
}

/** Writes a file; writing it again replaces it. */
export async function putArtifact(connection: MlflowConnection, path: string, bytes: Uint8Array, options: SignalOption): Promise<void> {
  await connection.send({ method: 'PUT', path: routeOf(path), body: bytes, repeatable: true, ...options })
}

/**
 * The bytes of a file.
 *
 * @param sizeBytes - what it must have, where that is known: not more is read.
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND`; `STORAGE_CORRUPT` for another size.
 */
export async function getArtifact(
  connection: MlflowConnection,
  path: string,
  options: SignalOption & { readonly sizeBytes?: number },
): Promise<Uint8Array> {
  const { sizeBytes } = options
  const reply = await connection.send({
    method: 'GET',
    path: routeOf(path),
    repeatable: true,
    absent: ['RESOURCE_DOES_NOT_EXIST'],
    ...options,
  })
  if (reply === undefined) {
    throw new MillraceError('STORAGE_NOT_FOUND', {
      message: `Expected an artifact "${path}" at ${connection.label}. Received none.`,
      details: { key: path },
    })
  }
  if (!reply.isCut && (sizeBytes === undefined || reply.bytes.length === sizeBytes)) return reply.bytes
  const received = reply.isCut ? 'more' : `${reply.bytes.length}`
  throw new MillraceError('STORAGE_CORRUPT', {
    message: `Expected ${sizeBytes ?? 'fewer'} bytes in the artifact "${path}" at ${connection.label}. Received ${received}.`,
    details: { key: path, reason: 'size mismatch' },
  })
}

/** Rejects before anything is made where artifacts do not go through the server. */
export async function checkArtifactRoute(connection: MlflowConnection, options: SignalOption): Promise<void> {
  const query = { path: 'millrace-looks-whether-artifacts-are-served' }
  await connection.json({ method: 'GET', path: '/mlflow-artifacts/artifacts', query, repeatable: true, ...options })
}

function routeOf(path: string): string {
  return `/mlflow-artifacts/artifacts/${path.split('/').map(encodeURIComponent).join('/')}`
}

function isSegment(segment: string): boolean {
  return segment !== '.' && segment !== '..' && !/[%\\?#\p{C}]/u.test(segment)
}
