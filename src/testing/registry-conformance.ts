import type { ConformanceCase } from './conformance.ts'
import { conformanceSuite } from './conformance-suite.ts'
import type { RegistryConformanceOptions } from './registry-case.ts'
import { aliasCases } from './registry-conformance-aliases.ts'
import { queryCases } from './registry-conformance-queries.ts'
import { versionCases } from './registry-conformance-versions.ts'
import { watchCases } from './registry-conformance-watch.ts'

export type { RegistryConformanceOptions, RegistryInabilities } from './registry-case.ts'

/**
 * What every `ModelRegistry` must do, as named cases. `Registry` runs them over each storage, `MlflowRegistry` on a real server; so does a plugin's. The
 * names are stable: they may be used in `expectedFailures`. What a registry says that it cannot do is skipped, with the reason.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for an expected failure that names no case that is run.
 * @example
 * const cases = registryConformance({ open: async () => new Registry({ storage: new MemoryStorage() }) })
 * // Hand them to whatever runs your tests: `for (const { name, run } of cases) test(name, run)`.
 * await cases[0]?.run()
 */
export function registryConformance(options: RegistryConformanceOptions): readonly ConformanceCase[] {
  const cases = [...versionCases(options), ...aliasCases(options), ...queryCases, ...watchCases(options)]
  return conformanceSuite(cases, options)
}
