import { HttpFault, type InferenceRequest } from './inference-message.ts'

const loopbackNames: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/** Who may ask: a web page that reaches a loopback port by a name of its own (DNS rebinding) does not come in. */
export interface GuardOptions {
  /** Names that the Host header may have, without the port; default the loopback names. `'any'` only behind something that checks. */
  readonly hosts?: readonly string[] | 'any'
  /** Asked before a body is read, on every path: false is 401. What it throws is 401 too. Needed when the port can be reached from elsewhere. */
  readonly authorize?: (request: InferenceRequest) => boolean | Promise<boolean>
}

/** Throws an {@link HttpFault} of 403 or 401. */
export async function guard(request: InferenceRequest, options: GuardOptions): Promise<void> {
  const hosts = options.hosts ?? loopbackNames
  const host = nameOf(request.headers.host ?? '')
  if (hosts !== 'any' && !hosts.some((allowed) => allowed.toLowerCase() === host)) throw new HttpFault(403, 'Unknown host.')
  if (options.authorize === undefined) return
  const isAllowed = await Promise.resolve(request)
    .then(options.authorize)
    .catch(() => false)
  if (isAllowed !== true) throw new HttpFault(401, 'Not authorized.')
}

/** `Localhost:8080` is `localhost`; `[::1]:8080` is `[::1]`. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '')
}
