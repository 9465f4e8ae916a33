import type { ConformanceCase } from './conformance.ts'
import { conformanceSuite } from './conformance-suite.ts'
import type { StorageConformanceOptions } from './storage-case.ts'
import { abortCases } from './storage-conformance-abort.ts'
import { atomicityCases } from './storage-conformance-atomicity.ts'
import { instanceCases } from './storage-conformance-instances.ts'
import { keyCases } from './storage-conformance-keys.ts'
import { listCases } from './storage-conformance-list.ts'
import { objectCases } from './storage-conformance-objects.ts'
import { pageCases } from './storage-conformance-pages.ts'
import { timeCases } from './storage-conformance-times.ts'

export type { StorageConformanceOptions } from './storage-case.ts'

/**
 * What every `StorageAdapter` must do, as named cases. The backends of this library and each decorator run them; so does a plugin's. The names are
 * stable: they may be used in `expectedFailures`. What a store says that it cannot do is skipped, with the reason.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for an expected failure that names no case that is run.
 * @example
 * describe('memory', () => {
 *   for (const { name, run, skip } of storageConformance({ open: async () => new MemoryStorage() })) it.skipIf(skip !== undefined)(name, run)
 * })
 */
export function storageConformance(options: StorageConformanceOptions): readonly ConformanceCase[] {
  const cases = [
    ...objectCases(options),
    ...atomicityCases(options),
    ...instanceCases(options),
    ...keyCases(options),
    ...listCases,
    ...pageCases(options),
    ...timeCases(options),
    ...abortCases,
  ]
  return conformanceSuite(cases, options)
}
