import type { StorageAdapter } from './adapter.ts'

/** A hint is written once in so many generations: it costs a write, and what it saves a cold reader is a few reads. */
const hintEvery = 16

/**
 * The generation that a log had reached some time ago, at `<prefix>-hint`. It may be stale, wrong or absent, and is overwritten by whoever comes last: it
 * only tells a cold reader where to begin to look.
 */
export class NumberedLogHint {
  readonly #storage: StorageAdapter
  readonly #key: string

  constructor(storage: StorageAdapter, prefix: string) {
    this.#storage = storage
    this.#key = `${prefix}-hint`
  }

  /** Undefined for whatever is no hint. Whether the generation is there, is for the reader to see. */
  async read(options: { readonly signal?: AbortSignal }): Promise<number | undefined> {
    const object = await this.#storage.get(this.#key, options)
    return object === undefined ? undefined : generationIn(object.bytes)
  }

  /**
   * Called while the entry after `generation` is being written, beside that write: the hint then names an entry that is surely there, takes no time
   * of its own, and no work is left behind when the append has settled. Never rejects: a stale hint costs a few more reads.
   */
  async passed(generation: number, options: { readonly signal?: AbortSignal }): Promise<void> {
    if (generation === 0 || generation % hintEvery !== 0) return
    const hint = { format: 'millrace-log-hint', formatVersion: 1, minReaderVersion: 1, generation }
    try {
      await this.#storage.put(this.#key, new TextEncoder().encode(JSON.stringify(hint)), options)
    } catch {
      // See above.
    }
  }
}

function generationIn(bytes: Uint8Array): number | undefined {
  try {
    const { generation } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly generation?: unknown }
    return typeof generation === 'number' && Number.isSafeInteger(generation) && generation > 0 ? generation : undefined
  } catch {
    return undefined
  }
}
