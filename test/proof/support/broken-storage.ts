// Storage that is wrong in the ways in which storage is wrong: what the checkers must find. For browsers, too.
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { conflict } from '../../../src/storage/faults.ts'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Looks whether an object is there, and then writes it: as a server does that checks without a lock. */
export function lookThenWrite(storage: StorageAdapter, pauseMs = 0): StorageAdapter {
  return overridden(storage, {
    putIfAbsent: async (key, bytes, options) => {
      if ((await storage.get(key, options)) !== undefined) throw conflict(key)
      if (pauseMs > 0) await sleep(pauseMs)
      await storage.put(key, bytes, options)
    },
  })
}

/** Says that an entry is written before it is: what its process had acknowledged dies with it. */
export function acknowledgeEarly(storage: StorageAdapter, pauseMs: number): StorageAdapter {
  return overridden(storage, {
    putIfAbsent: async (key, bytes, options) => {
      if (!key.includes('/log/')) return await storage.putIfAbsent(key, bytes, options)
      if ((await storage.get(key)) !== undefined) throw conflict(key)
      sleep(pauseMs)
        .then(() => storage.putIfAbsent(key, bytes))
        .catch(() => {})
    },
  })
}

function overridden(storage: StorageAdapter, changed: Partial<StorageAdapter>): StorageAdapter {
  return {
    name: storage.name,
    capabilities: storage.capabilities,
    get: (key, options) => storage.get(key, options),
    putIfAbsent: (key, bytes, options) => storage.putIfAbsent(key, bytes, options),
    put: (key, bytes, options) => storage.put(key, bytes, options),
    delete: (key, options) => storage.delete(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    ...changed,
  }
}
