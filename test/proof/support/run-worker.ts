// Runs or resumes the proof's pipeline on files, and says how that ended; killed or stopped where it is told to.
import { MillraceError } from '../../../src/core/error.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { proofPipeline } from './proof-pipeline.ts'
import { say, waitForStart } from './workers.ts'

export interface RunWorkerOptions {
  readonly root: string
  readonly files: string
  readonly world: string
  readonly id?: string
  readonly resume?: string
  readonly takeOver?: boolean
  readonly leaseMs: number
  readonly changed?: boolean
  /** Ends itself by SIGKILL at this write of storage, counted from the moment in which the last effect has changed the world. */
  readonly killAtWrite?: number
  /** In the last effect: `before` it changes the world, or `after`, it says so and waits for a line. */
  readonly waitAt?: 'before' | 'after'
}
export type RunWorkerLine =
  | { readonly began: string }
  | { readonly waits: string }
  | { readonly output: string; readonly epoch: number; readonly digests: Readonly<Record<string, string | null>>; readonly seed: number }
  | { readonly failed: string; readonly epoch?: number; readonly stages?: readonly string[] }

const options = JSON.parse(process.argv[2] ?? '') as RunWorkerOptions
let writesLeft = Number.POSITIVE_INFINITY
const storage = dyingAt(await FileStorage.open(options.root), () => {
  if (writesLeft-- <= 0) process.kill(process.pid, 'SIGKILL')
})
const pipeline = proofPipeline({
  files: options.files,
  world: options.world,
  ...(options.changed === undefined ? {} : { changed: options.changed }),
  atPublish: async (side) => {
    if (side === options.waitAt) {
      const line = new Promise((resolve) => process.stdin.once('data', resolve))
      say({ waits: side })
      await line
      process.stdin.destroy()
    }
    if (side === 'after' && options.killAtWrite !== undefined) writesLeft = options.killAtWrite
  },
})
if (options.waitAt === undefined) await waitForStart()
try {
  const { id, resume, takeOver = false, leaseMs } = options
  const { output, record } = await pipeline.run({
    storage,
    leaseMs,
    onEvent: ({ type, runId }) => (type === 'run-started' || type === 'run-resumed' ? say({ began: runId }) : undefined),
    ...(resume === undefined ? { id: id as string, seed: 11 } : { resume, takeOver }),
  })
  const digests = Object.fromEntries(record.stages.map(({ name, outputDigest }) => [name, outputDigest ?? null]))
  say({ output: output.text, epoch: record.epoch, digests, seed: record.seed })
} catch (error) {
  if (!MillraceError.is(error)) throw error
  const { epoch, stages } = error.details as { readonly epoch?: number; readonly stages?: readonly string[] }
  say({ failed: error.code, ...(epoch === undefined ? {} : { epoch }), ...(stages === undefined ? {} : { stages }) })
}

/** The storage, which tells of each write before it is made. */
function dyingAt(inner: StorageAdapter, onWrite: () => void): StorageAdapter {
  return {
    name: inner.name,
    capabilities: inner.capabilities,
    get: (key, more) => inner.get(key, more),
    list: (prefix, more) => inner.list(prefix, more),
    putIfAbsent: (key, bytes, more) => {
      onWrite()
      return inner.putIfAbsent(key, bytes, more)
    },
    put: (key, bytes, more) => {
      onWrite()
      return inner.put(key, bytes, more)
    },
    delete: (key, more) => {
      onWrite()
      return inner.delete(key, more)
    },
  }
}
