import type { ConformanceCase } from './conformance.ts'
import type { StorageConformanceOptions } from './storage-case.ts'
import { abortCases, atomicityCases } from './storage-conformance-atomicity.ts'
import { keyCases } from './storage-conformance-keys.ts'
import { listCases } from './storage-conformance-list.ts'
import { objectCases } from './storage-conformance-objects.ts'

export type { StorageConformanceOptions } from './storage-case.ts'

/**
 * What every `StorageAdapter` must do, as named cases. The backends of this library and each decorator run them; so does a plugin's.
 *
 * @example
 * describe('memory', () => {
 *   for (const { name, run, skip } of storageConformance({ open: async () => new MemoryStorage() })) it.skipIf(skip !== undefined)(name, run)
 * })
 */
export function storageConformance(options: StorageConformanceOptions): readonly ConformanceCase[] {
  const cases = [...objectCases(options), ...atomicityCases(options), ...keyCases(options), ...listCases, ...abortCases]
  return cases.map(({ name, skip, run }) => ({
    name,
    ...(skip === undefined ? {} : { skip }),
    async run(): Promise<void> {
      const storage = await options.open()
      try {
        await run(storage)
      } finally {
        await options.close?.(storage)
      }
    },
  }))
}
