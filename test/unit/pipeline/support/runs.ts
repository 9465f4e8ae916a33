import type { Clock } from 'millrace/core'
import { systemClock } from 'millrace/core'
import type { StorageAdapter } from 'millrace/storage'
import { MemoryStorage } from 'millrace/storage'

/** A copy of a storage as it stands: another process would find it so. */
export async function copyOf(
  storage: StorageAdapter,
  keep: (key: string) => boolean = () => true,
  clock: Clock = systemClock,
): Promise<MemoryStorage> {
  const copy = new MemoryStorage({ clock })
  for await (const { key } of storage.list('')) {
    // What a dead owner left is there to read for others.
    const read = storage instanceof DyingStorage ? storage.peek(key) : storage.get(key)
    const object = keep(key) ? await read : undefined
    if (object !== undefined) await copy.put(key, object.bytes)
  }
  return copy
}

/** What a storage holds below a prefix, as text by key. */
export async function contentOf(storage: StorageAdapter, prefix = ''): Promise<Readonly<Record<string, string>>> {
  const content: Record<string, string> = {}
  for await (const { key } of storage.list(prefix)) content[key] = new TextDecoder().decode((await storage.get(key))?.bytes)
  return content
}

export async function keysOf(storage: StorageAdapter, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list(prefix)) keys.push(key)
  return keys
}

/** A storage whose owner died: nothing that it is told from then on arrives, and it never answers. */
export class DyingStorage extends MemoryStorage {
  isDead = false
  /** Called before each write; it may set `isDead`. */
  onWrite: (key: string) => void = () => {}

  override async putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
    await this.#live(call[0])
    await super.putIfAbsent(...call)
  }

  override async put(...call: Parameters<MemoryStorage['put']>): Promise<void> {
    await this.#live(call[0])
    await super.put(...call)
  }

  override async delete(...call: Parameters<MemoryStorage['delete']>): Promise<void> {
    await this.#live(call[0])
    await super.delete(...call)
  }

  override async get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
    if (this.isDead) await never
    return super.get(...call)
  }

  peek(key: string): ReturnType<MemoryStorage['get']> {
    return super.get(key)
  }

  async #live(key: string): Promise<void> {
    this.onWrite(key)
    if (this.isDead) await never
  }
}

const never: Promise<never> = new Promise(() => {})
