import type { LogTarget } from '../log/log-target.ts'

/** `auto` takes the best that starts, and says which and why; a named one is taken or refused. */
export type Backend = 'auto' | BackendName
export type BackendName = 'wasm' | 'webgl' | 'node' | 'cpu'

/**
 * Where a browser fetches the three .wasm files of @tensorflow/tfjs-backend-wasm: a folder's address ending in `/`, or the address of
 * each (all three, or tfjs fails). Vite gives them by `import url from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url'`.
 * Node finds them by itself.
 */
export type WasmPaths =
  | string
  | {
      readonly 'tfjs-backend-wasm.wasm': string
      readonly 'tfjs-backend-wasm-simd.wasm': string
      readonly 'tfjs-backend-wasm-threaded-simd.wasm': string
    }

export interface OpenBackendOptions {
  readonly logger: LogTarget
  readonly wasmPaths?: WasmPaths
  /** Of the network to train: what `auto` goes by. Default: a small one. */
  readonly parameterCount?: number
}

/**
 * A started backend of the host's one tfjs engine, which the host reaches by importing `@tensorflow/tfjs` itself. No type of tfjs stands
 * here: its declarations do not compile in a host that checks those of its packages (`skipLibCheck: false`).
 */
export interface OpenedBackend {
  readonly name: BackendName
  /** Why it was taken, for logs and lineage. */
  readonly reason: string
  /** Of tfjs. */
  readonly version: string
  /** Makes it the engine's backend again where somebody changed that in between: call it before each piece of synchronous work. */
  activate(): void
  /** Gives the engine back the backend that it had before; where it had none, this one stays. */
  release(): Promise<void>
}
