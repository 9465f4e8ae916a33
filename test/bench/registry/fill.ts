import { Registry } from 'millrace/registry'
import type { StorageAdapter } from 'millrace/storage'
import { packageMaker } from './package.ts'

/** The versions are made in memory and copied, since that is quicker than to make them over a network one after the other. */
export async function fill(storage: StorageAdapter, model: string, versions: number, memory: StorageAdapter): Promise<void> {
  const registry = new Registry({ storage: memory })
  const packages = packageMaker(`fill-${model}`, 4_096)
  for (let version = 0; version < versions; version++) await registry.register(model, packages.next())
  const entries: string[] = []
  for await (const { key } of memory.list('')) entries.push(key)
  for (let start = 0; start < entries.length; start += 32) {
    await Promise.all(
      entries.slice(start, start + 32).map(async (key) => {
        const object = await memory.get(key)
        if (object !== undefined) await storage.put(key, object.bytes)
      }),
    )
  }
}
