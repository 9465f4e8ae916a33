import type { StorageAdapter, StoredEntry } from '../storage/adapter.ts'

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}

type ListOptions = NonNullable<Parameters<StorageAdapter['list']>[1]>

/** What is listed below a prefix but for the times, which no case can foresee. */
export async function entriesOf(
  storage: StorageAdapter,
  prefix: string,
  options: ListOptions = {},
): Promise<Omit<StoredEntry, 'modifiedAt'>[]> {
  return (await collect(storage.list(prefix, options))).map(({ key, sizeBytes }) => ({ key, sizeBytes }))
}

export async function keysOf(storage: StorageAdapter, prefix: string, options: ListOptions = {}): Promise<string[]> {
  return (await collect(storage.list(prefix, options))).map(({ key }) => key)
}
