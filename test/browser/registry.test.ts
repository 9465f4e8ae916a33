import { Registry } from 'millrace/registry'
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import { registryConformance } from 'millrace/testing'
import { describe, test } from 'vitest'

let count = 0
const names = new WeakMap<object, string>()

async function openNamed(name: string): Promise<Registry> {
  const registry = new Registry({ storage: await IndexedDbStorage.open(name) })
  names.set(registry, name)
  return registry
}

describe('a registry in IndexedDB', () => {
  const cases = registryConformance({
    open: () => openNamed(`millrace-registry-${performance.timeOrigin}-${count++}`),
    reopen: (registry) => openNamed(names.get(registry) ?? ''),
  })
  for (const { name, run, skip } of cases) test.skipIf(skip !== undefined)(name, run)
})
