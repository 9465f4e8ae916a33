import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { Registry } from '../../src/registry/registry.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { MemoryStorage } from '../../src/storage/memory.ts'
import type { RegistryConformanceOptions } from '../../src/testing/registry-conformance.ts'
import { registryConformance } from '../../src/testing/registry-conformance.ts'

function run(title: string, options: RegistryConformanceOptions): void {
  describe(title, () => {
    for (const { name, run: check, skip } of registryConformance(options)) {
      if (skip === undefined) test(name, check)
      else test.skip(`${name} (${skip})`, check)
    }
  })
}

const folders = new Map<object, string>()

run('a registry in memory', { open: async () => new Registry({ storage: new MemoryStorage() }) })

run('a registry in files', {
  async open() {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
    const registry = new Registry({ storage: await FileStorage.open(folder) })
    folders.set(registry, folder)
    return registry
  },
  reopen: async (registry) => new Registry({ storage: await FileStorage.open(folders.get(registry) ?? '') }),
  close: async (registry) => rm(folders.get(registry) ?? '', { recursive: true, force: true }),
})
