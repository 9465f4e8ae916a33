import type { Backend, OpenBackendOptions, OpenedBackend } from './backend.ts'
import { startBackend } from './start-backend.ts'

/**
 * Starts a backend of TensorFlow.js. It is loaded here, dynamically, and from nowhere else, so a host that trains nothing never loads it.
 *
 * `auto`: wasm; for networks of a million parameters and more tfjs-node in Node where it is installed, and webgl in a browser. What does not start is logged and the next
 * is tried, `cpu` last. A named backend that does not start is an error, never another backend.
 *
 * tfjs has one engine in a process, the host's too. Changed until `release`: the engine's backend. Changed for good: the engine is in
 * production mode (`tf.enableProdMode()`: it prints and checks less), a backend that has started stays started, and for wasm the flag
 * `WASM_HAS_MULTITHREAD_SUPPORT` is false (no threads; it counts when wasm starts first). A host that wants its own sets them, and starts
 * wasm, before. The listeners for `uncaughtException` and `unhandledRejection` that wasm puts on Node's process are taken off again.
 *
 * @throws {@link MillraceError} `BACKEND_UNAVAILABLE` with what to do, `DEPENDENCY_MISSING` with the command that installs what is missing.
 * @example
 * const backend = await openBackend('auto', { logger })
 * logger.info('training', { backend: backend.name, reason: backend.reason })
 * await backend.release()
 */
export function openBackend(backend: Backend, options: OpenBackendOptions): Promise<OpenedBackend> {
  return startBackend(backend, options)
}
