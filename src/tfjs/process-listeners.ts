/** Of Node's process, which browsers have not. */
interface HostProcess {
  rawListeners(event: string): readonly Listener[]
  removeListener(event: string, listener: Listener): unknown
}
type Listener = (...values: never[]) => void

const events = ['uncaughtException', 'unhandledRejection'] as const

/**
 * Runs `start`, and takes off Node's process the listeners that Emscripten's glue put there meanwhile. They throw what they are given, so
 * any later unhandled rejection of the host would end it, whatever listeners of its own it has. Others, also those that the host adds
 * meanwhile, stay.
 */
export async function withoutRethrowing<Result>(start: () => Promise<Result>): Promise<Result> {
  const process = hostProcess()
  if (process === undefined) return start()
  const before = events.map((event) => new Set(process.rawListeners(event)))
  try {
    return await start()
  } finally {
    for (const [index, event] of events.entries()) {
      const added = process.rawListeners(event).filter((listener) => !before[index]?.has(listener))
      for (const listener of added) if (rethrows(listener)) process.removeListener(event, listener)
    }
  }
}

/** The glue's have no name and no other mark; minifiers keep the word. */
function rethrows(listener: Listener): boolean {
  return /\bthrow\b/.test(Function.prototype.toString.call(listener))
}

function hostProcess(): HostProcess | undefined {
  const { process } = globalThis as { readonly process?: object } as { readonly process?: Partial<HostProcess> }
  // Bundlers for browsers put a process there that is none.
  return typeof process?.rawListeners === 'function' && typeof process.removeListener === 'function' ? (process as HostProcess) : undefined
}
