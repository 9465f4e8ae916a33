import { MillraceError } from '../core/error.ts'

/** The host's @tensorflow/tfjs. */
export type TensorFlow = typeof import('@tensorflow/tfjs')

export function importTensorFlow(): Promise<TensorFlow> {
  return optional('@tensorflow/tfjs', () => import('@tensorflow/tfjs'))
}

export function importWasmBackend(): Promise<typeof import('@tensorflow/tfjs-backend-wasm')> {
  return optional('@tensorflow/tfjs-backend-wasm', () => import('@tensorflow/tfjs-backend-wasm'))
}

/** Registers the backend `tensorflow`, which TensorFlow's C library runs. */
export async function importTensorFlowNode(tf: TensorFlow): Promise<void> {
  if (tf.findBackendFactory('tensorflow') !== null) return
  // A name in a variable: bundlers for browsers do not look for it.
  const name = '@tensorflow/tfjs-node'
  await optional(name, () => import(/* @vite-ignore */ name))
}

async function optional<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') {
      throw new MillraceError('BACKEND_UNAVAILABLE', {
        message: `Expected ${name} to load. Received: ${error instanceof Error ? error.message : String(error)}.`,
        details: { backend: name, reason: 'its module failed to load' },
        cause: error,
      })
    }
    const install = `npm install ${name}`
    throw new MillraceError('DEPENDENCY_MISSING', {
      message: `Expected the package ${name} to be installed. Received none: ${install}`,
      details: { package: name, install },
      cause: error,
    })
  }
}
