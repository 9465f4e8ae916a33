import { MemoryStorage, objectSegments } from 'millrace/storage'
import { segmentStoreConformance } from 'millrace/testing'
import { describe, test } from 'vitest'

describe('segments over plain objects', () => {
  const objects = new WeakMap<object, MemoryStorage>()
  const cases = segmentStoreConformance({
    open: async () => {
      const memory = new MemoryStorage()
      const storage = objectSegments(memory, { maxPartBytes: 10_000 })
      objects.set(storage, memory)
      return storage
    },
    reopen: async (storage) => objectSegments(objects.get(storage) as MemoryStorage),
    capabilities: { putIfAbsent: true, multiProcess: true, durability: 'device' },
  })
  for (const { name, run, skip } of cases) test.skipIf(skip !== undefined)(skip === undefined ? name : `${name} (${skip})`, run)
})
