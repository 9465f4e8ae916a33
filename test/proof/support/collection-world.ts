import { createHash } from 'node:crypto'
import type fc from 'fast-check'
import type { BlobReferences, ByteRange, StorageAdapter, StoredEntry, StoredObject } from 'millrace/storage'
import { BlobWriter, collectBlobs, getBlob, MemoryStorage, putBlob } from 'millrace/storage'
import { MillraceError } from '../../../src/core/error.ts'

/** What befalls an actor at one of its operations: its process dies, or is stopped and goes on when all others are done. */
export interface Fate {
  readonly at: number
  readonly kind: 'killed' | 'stopped'
}

export interface WriterPlan {
  /** Indices into the pool of contents. */
  readonly contents: readonly number[]
  /** How the blobs come to be: put by the writer, stored earlier by `putBlob`, relied on unseen, or put where they may be damaged. */
  readonly how: 'put' | 'put-before' | 'adopt' | 'mend'
  /** Removes its reference again in the end. */
  readonly removes: boolean
  readonly fate: Fate | null
}

export interface CollectorPlan {
  readonly passes: number
  readonly fate: Fate | null
}

/** Which part of the protocol is left out: the test must find it. */
export type Breakage = 'no-second-read' | 'no-confirm' | 'no-markers' | 'no-fence'

class Killed extends Error {}

/**
 * A storage that several actors share, one operation at a time in an order that the scheduler chooses, with references that may be acknowledged. After
 * every operation that deletes, and in the end, all blobs that an acknowledged reference needs must be readable.
 */
export class CollectionWorld {
  readonly violations: string[] = []
  readonly acknowledged = new Map<string, readonly string[]>()
  readonly objects = new Map<string, Uint8Array>()
  readonly #scheduler: fc.Scheduler
  readonly #contents: readonly Uint8Array[]
  readonly #breakage: Breakage | undefined
  readonly #stopped: (() => void)[] = []
  readonly #stored = new Set<string>()
  #running = 0
  #finished = false

  constructor(scheduler: fc.Scheduler, contents: readonly Uint8Array[], breakage?: Breakage) {
    this.#scheduler = scheduler
    this.#contents = contents
    this.#breakage = breakage
  }

  /** Blobs that were stored long ago, and are named by nobody. */
  async store(contents: readonly Uint8Array[]): Promise<void> {
    const memory = new MemoryStorage()
    for (const bytes of contents) this.#stored.add(await putBlob(memory, bytes))
    for await (const { key } of memory.list('')) this.objects.set(key, (await memory.get(key))?.bytes as Uint8Array)
  }

  /** Changes a byte of every blob that is stored. */
  damage(): void {
    for (const bytes of this.objects.values()) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  }

  /** Runs all actors to their ends, those that are stopped last. */
  async run(writers: readonly WriterPlan[], collectors: readonly CollectorPlan[]): Promise<void> {
    this.#running = writers.length + collectors.length
    const actors = [
      ...writers.map((plan, index) => this.#write(`w${index}`, plan)),
      ...collectors.map((plan, index) => this.#collect(`c${index}`, plan)),
    ]
    const all = Promise.all(
      actors.map(async (actor) => {
        await actor.catch((error: unknown) => {
          if (!(error instanceof Killed)) this.violations.push(`an actor failed: ${String(error)}`)
        })
        this.#running--
        this.#resumeIfIdle()
      }),
    )
    await this.#scheduler.waitFor(all)
    this.#finished = true
    this.check('in the end')
  }

  #resumeIfIdle(): void {
    if (this.#running === this.#stopped.length) this.#stopped.shift()?.()
  }

  async #write(id: string, plan: WriterPlan): Promise<void> {
    const storage = this.storage(id, plan.fate)
    const contents = plan.contents.map((index) => this.#contents[index] as Uint8Array)
    const digests = contents.map(sha256)
    // What was never stored cannot be relied on unseen.
    if (plan.how === 'adopt' && !digests.every((digest) => this.#stored.has(digest))) return
    if (plan.how === 'put-before') for (const bytes of contents) await putBlob(storage, bytes)
    const writer = await BlobWriter.begin(storage)
    if (plan.how === 'put') for (const bytes of contents) await writer.put(bytes)
    if (plan.how === 'mend') for (const bytes of contents) await writer.mend(bytes)
    await storage.putIfAbsent(`refs/${id}`, new TextEncoder().encode(JSON.stringify(digests)))
    try {
      const bytesOf =
        plan.how === 'adopt'
          ? (digest: string) => getBlob(storage, digest)
          : async (digest: string) => contents[digests.indexOf(digest)] as Uint8Array
      if (this.#breakage !== 'no-confirm') await writer.confirm(digests, bytesOf)
    } catch (error) {
      // Whoever relies on what is not there is told so.
      if (plan.how === 'adopt' && MillraceError.is(error, 'STORAGE_NOT_FOUND')) return
      throw error
    }
    this.acknowledged.set(id, digests)
    this.check(`at the acknowledgement of ${id}`)
    if (!plan.removes) return
    await this.#turn(`${id} removes`)
    this.acknowledged.delete(id)
    await storage.delete(`refs/${id}`)
  }

  async #collect(id: string, plan: CollectorPlan): Promise<void> {
    const storage = this.storage(id, plan.fate)
    for (let pass = 0; pass < plan.passes; pass++) await collectBlobs(storage, { references: [this.#references(storage)], olderThanMs: 0 })
  }

  #references(storage: StorageAdapter): BlobReferences {
    let known: readonly string[] | undefined
    const isStale = this.#breakage === 'no-second-read'
    return {
      name: 'refs',
      async *references() {
        if (known !== undefined && isStale) return yield* known
        const digests: string[] = []
        for await (const { key } of storage.list('refs')) {
          const object = await storage.get(key)
          if (object !== undefined) digests.push(...(JSON.parse(new TextDecoder().decode(object.bytes)) as string[]))
        }
        known = digests
        yield* digests
      },
    }
  }

  /** The storage as one actor has it. */
  storage(actor: string, fate: Fate | null): StorageAdapter {
    const objects = this.objects
    let operations = 0
    const step = async (label: string): Promise<void> => {
      operations++
      if (fate?.kind === 'killed' && operations >= fate.at) throw new Killed()
      if (fate?.kind === 'stopped' && operations === fate.at) await this.#stop()
      await this.#turn(`${actor} ${label}`)
    }
    const world = this
    return {
      name: actor,
      capabilities: { putIfAbsent: true, multiProcess: true, durability: 'none' },
      async get(key: string, options: { range?: ByteRange } = {}): Promise<StoredObject | undefined> {
        await step(`get ${key}`)
        if (world.#breakage === 'no-markers' && key.startsWith('collected/')) return undefined
        const bytes = objects.get(key)
        return bytes && { bytes: bytes.slice(options.range?.start, options.range?.end), sizeBytes: bytes.length }
      },
      async putIfAbsent(key: string, bytes: Uint8Array): Promise<void> {
        await step(`putIfAbsent ${key}`)
        if (world.#breakage === 'no-fence' && key.startsWith('collections/log/')) return
        if (objects.has(key)) throw new MillraceError('STORAGE_CONFLICT', { message: key, details: { key } })
        objects.set(key, bytes.slice())
      },
      async put(key: string, bytes: Uint8Array): Promise<void> {
        await step(`put ${key}`)
        objects.set(key, bytes.slice())
      },
      async delete(key: string): Promise<void> {
        await step(`delete ${key}`)
        objects.delete(key)
        world.check(`after ${actor} deleted ${key}`)
      },
      async *list(prefix: string): AsyncGenerator<StoredEntry> {
        await step(`list ${prefix}`)
        for (const key of [...objects.keys()].filter((found) => found.startsWith(`${prefix}/`)).sort()) {
          const bytes = objects.get(key)
          if (bytes !== undefined) yield { key, sizeBytes: bytes.length, modifiedAt: 0 }
          await step(`list ${prefix} after ${key}`)
        }
      },
    }
  }

  async #turn(label: string): Promise<void> {
    if (this.#finished) throw new Killed()
    await this.#scheduler.schedule(Promise.resolve(), label)
  }

  async #stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#stopped.push(resolve)
      this.#resumeIfIdle()
    })
  }

  check(moment: string): void {
    for (const [id, digests] of this.acknowledged) {
      for (const digest of digests) if (!this.#isReadable(digest)) this.violations.push(`${id} lost ${digest.slice(0, 8)} ${moment}`)
    }
  }

  /** As a reader finds it: written once more, apart from the code under test. */
  #isReadable(digest: string): boolean {
    const name = (copy: number): string => `${digest.slice(0, 2)}/${digest}${copy === 0 ? '' : `-${copy}`}`
    const isSound = (copy: number): boolean => {
      const content = this.objects.get(`blobs/${name(copy)}`)
      if (content !== undefined && sha256(content) === digest) return true
      const list = this.objects.get(`blobs/${name(copy)}.chunks`)
      if (list === undefined) return false
      const [, json] = /^millrace-chunks [0-9a-f]{8}\n(.*)$/.exec(new TextDecoder().decode(list)) ?? []
      const { chunks } = JSON.parse(json ?? '{"chunks":[]}') as { readonly chunks: readonly string[] }
      return chunks.length > 0 && chunks.every((chunk) => this.#isReadable(chunk))
    }
    if (isSound(0)) return true
    let unmarked = 0
    while (this.objects.has(`collected/${name(unmarked)}`)) unmarked++
    for (let copy = unmarked; copy > 0; copy--) if (isSound(copy)) return true
    return false
  }
}

const known = new WeakMap<Uint8Array, string>()

export function sha256(bytes: Uint8Array): string {
  const digest = known.get(bytes) ?? createHash('sha256').update(bytes).digest('hex')
  known.set(bytes, digest)
  return digest
}
