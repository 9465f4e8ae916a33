import { Categories } from './categories.ts'
import type { FittedFeature } from './fitted-feature.ts'
import type { SourceSet } from './source-set.ts'

/**
 * Forgets the categories that no feature tells from others: a one-hot of the fifty most frequent towns keeps fifty names, not a million. It
 * saves room, and what only single rows have (a name, an address) has no place in a model.
 */
export function forgetUnusedCategories(sources: SourceSet, features: readonly FittedFeature[]): void {
  const keys = features.map((feature) => feature.key).filter((key) => key !== undefined)
  const smallestFirst = keys.toSorted((left, right) => left.index.size - right.index.size)
  for (const source of sources.categorySources) {
    if (source.kind === 'boolean') continue
    const used = new Uint8Array(source.radix)
    // Null needs no name.
    used[0] = 1
    for (const key of smallestFirst) {
      if (!used.includes(0)) break
      key.usedCodesOf(source)?.forEach((flag, code) => {
        if (flag === 1) used[code] = 1
      })
    }
    const kept = source.categories.values.filter((_, index) => used[index + 1] === 1)
    if (kept.length === source.categories.values.length) continue
    const categories = new Categories(source.column, kept)
    const newCodes = Int32Array.from(used, (_, code) => (code === 0 ? 0 : categories.codeOf(source.categories.values[code - 1] as string)))
    for (const key of keys) key.recode(source, newCodes, categories.radix)
    source.categories = categories
  }
}
