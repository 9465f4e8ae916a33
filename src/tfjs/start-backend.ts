import { MillraceError, messageOf } from '../core/error.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { Backend, BackendName, OpenBackendOptions, OpenedBackend, WasmPaths } from './backend.ts'
import { importTensorFlow, importTensorFlowNode, importWasmBackend, type TensorFlow } from './import-tensorflow.ts'
import { withoutRethrowing } from './process-listeners.ts'

/** Not public: tfjs's types stay out of the package's declarations. */
export interface StartedBackend extends OpenedBackend {
  readonly tf: TensorFlow
}

/** Under that, sending work to a graphics processor costs more than it saves (measured: 30-64-32-1 trains twice as fast on wasm). */
const largeNetworkParameters = 1_000_000

/** What `openBackend` says, with the engine. */
export async function startBackend(backend: Backend, options: OpenBackendOptions): Promise<StartedBackend> {
  const tf = await importTensorFlow()
  if (backend !== 'auto') return opened(tf, backend, 'asked for by name', await start(tf, backend, options), options.logger)
  const failures: string[] = []
  for (const { name, reason } of candidates(tf, options.parameterCount ?? 0)) {
    try {
      const previous = await start(tf, name, options)
      return opened(tf, name, failures.length === 0 ? reason : `${reason}; ${failures.join('; ')}`, previous, options.logger)
    } catch (error) {
      // What was not asked for by name need not be installed.
      const missing = MillraceError.is(error, 'DEPENDENCY_MISSING')
      failures.push(missing ? `${error.details.package} is not installed` : `${name} did not start`)
      options.logger[missing ? 'debug' : 'warn'](`The tfjs backend ${name} did not start`, { backend: name, error: messageOf(error) })
    }
  }
  throw unavailable('auto', `no backend started: ${failures.join('; ')}`, 'Install @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm.')
}

function candidates(tf: TensorFlow, parameterCount: number): readonly { readonly name: BackendName; readonly reason: string }[] {
  const size = `${parameterCount} parameters`
  const wasm = { name: 'wasm', reason: `the fastest for small networks (${size})` } as const
  const cpu = { name: 'cpu', reason: 'the last resort' } as const
  if (parameterCount < largeNetworkParameters) return [wasm, cpu]
  const wasmInstead = { name: 'wasm', reason: `the fastest that starts (${size})` } as const
  return tf.env().getBool('IS_BROWSER')
    ? [{ name: 'webgl', reason: `a large network in a browser (${size})` }, wasmInstead, cpu]
    : [{ name: 'node', reason: `a large network in Node (${size})` }, wasmInstead, cpu]
}

/** Returns the engine's backend from before. */
async function start(tf: TensorFlow, name: BackendName, options: OpenBackendOptions): Promise<string | undefined> {
  const previous: string | undefined = tf.getBackend()
  // Silences the banner that tfjs prints.
  tf.enableProdMode()
  if (name === 'node') await importTensorFlowNode(tf)
  if (name === 'wasm') await prepareWasm(tf, options.wasmPaths)
  const tfjsName = tfjsNameOf(name)
  if (tf.findBackendFactory(tfjsName) === null) throw notRegistered(name)
  let started = false
  let reason = 'setBackend answered false'
  try {
    started = await withoutRethrowing(() => tf.setBackend(tfjsName))
  } catch (error) {
    reason = messageOf(error)
  }
  if (!started) {
    // getBackend() still names the backend that failed: put back one that works.
    await tf.setBackend(previous !== undefined && previous !== '' && previous !== tfjsName ? previous : 'cpu')
    throw unavailable(name, reason, hints[name])
  }
  return previous
}

async function prepareWasm(tf: TensorFlow, paths: WasmPaths | undefined): Promise<void> {
  const { setWasmPaths } = await importWasmBackend()
  // Threads are never used (getThreadsCount() is 1), and in a cross-origin-isolated page of a minified build waiting for them hangs.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
  // It refuses to be told once it has started, and then needs to be told nothing.
  if (paths !== undefined && !('wasm' in tf.engine().registry)) setWasmPaths(typeof paths === 'string' ? paths : { ...paths })
}

function opened(tf: TensorFlow, name: BackendName, reason: string, previous: string | undefined, logger: LogTarget): StartedBackend {
  const tfjsName = tfjsNameOf(name)
  const version = tf.version_core
  logger.info(`Training on the tfjs backend ${name}`, { backend: name, reason, version })
  return {
    name,
    reason,
    version,
    tf,
    activate(): void {
      if (tf.getBackend() === tfjsName) return
      // A backend that has started is set before the promise settles. Waiting for it would let another training change it again.
      if (tfjsName in tf.engine().registry) void tf.setBackend(tfjsName)
      if (tf.getBackend() !== tfjsName) throw unavailable(name, 'it was removed while it was in use', hints[name])
    },
    async release(): Promise<void> {
      if (previous !== undefined && previous !== '' && previous !== tfjsName) await tf.setBackend(previous)
    },
  }
}

function tfjsNameOf(name: BackendName): string {
  return name === 'node' ? 'tensorflow' : name
}

const hints: Readonly<Record<BackendName, string>> = {
  wasm: 'In a browser give `wasmPaths`, the addresses of the .wasm files of @tensorflow/tfjs-backend-wasm; or take the backend `auto`.',
  webgl: 'It needs a browser with WebGL: take `wasm` or `auto`.',
  node: 'It needs Node and @tensorflow/tfjs-node built for it: take `wasm` or `auto`.',
  cpu: 'Take `auto`.',
}

function notRegistered(name: BackendName): MillraceError<'BACKEND_UNAVAILABLE'> {
  const copies = 'There are probably two copies of @tensorflow/tfjs-core: `npm ls @tensorflow/tfjs-core` shows them, `npm dedupe` mends it.'
  // tfjs registers webgl in browsers only.
  return unavailable(name, 'it is not registered with the tfjs that was loaded', name === 'webgl' ? hints.webgl : copies)
}

function unavailable(backend: string, reason: string, advice: string): MillraceError<'BACKEND_UNAVAILABLE'> {
  return new MillraceError('BACKEND_UNAVAILABLE', {
    message: `Expected the tfjs backend "${backend}" to start. Received: ${reason}. ${advice}`,
    details: { backend, reason },
  })
}
