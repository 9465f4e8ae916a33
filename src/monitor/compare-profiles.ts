import type { CategoricalProfile, ColumnProfile, NumericProfile, Profile, TimeProfile } from '../data/profile.ts'
import { adjustFalseDiscoveryRate } from '../math/multiple-testing.ts'
import { compareCategories } from './chi-square-test.ts'
import { binnedKolmogorovSmirnov } from './kolmogorov-smirnov.ts'
import { populationStabilityIndex } from './population-stability-index.ts'
import { proportionTest } from './proportion-test.ts'
import { besideSeen } from './seen-categories.ts'
import { coveredTimes } from './time-coverage.ts'
import type { ColumnVerdict, DriftTest, TestResult } from './verdict.ts'

/** Total variation that unequal coverage of hours or days may make and be taken out again. */
const mostSkew = 0.05
/** Values on either side below which a distribution is not judged. */
const leastValues = 20
/** What names the verdict on what is missing of a column, after the column's name. */
export const missingPart = ':missing'

/**
 * The least effect that matters, by test: what is smaller is no drift however sure it is. 0.02 of D or of total variation is what a shift by a
 * twentieth of a standard deviation makes; a stability index of 0.0025 is the same shift; shares differ by one in a hundred.
 */
export const defaultMinimumEffects: Readonly<Record<Exclude<DriftTest, 'none'>, number>> = {
  'kolmogorov-smirnov': 0.02,
  'chi-square': 0.02,
  'population-stability-index': 0.0025,
  proportions: 0.01,
}

/** One bound for all tests, or one each; what is left out is the default. */
export type MinimumEffect = number | Readonly<Partial<Record<Exclude<DriftTest, 'none'>, number>>>

export interface ComparisonOptions {
  /** Share of false alarms among the alarms that is accepted; default 0.01. */
  readonly alpha?: number
  /** Default {@link defaultMinimumEffects}. */
  readonly minEffect?: MinimumEffect
  /** How numbers are compared; default `kolmogorov-smirnov`. */
  readonly numberTest?: 'kolmogorov-smirnov' | 'population-stability-index'
}

/**
 * Compares two profiles at the same edges, column by column: numbers by Kolmogorov-Smirnov at the edges, categories by chi-squared, times by
 * hour of the day and day of the week (`date:hour-of-day`, `date:day-of-week`), and what is missing as a test of its own (`distance:missing`)
 * where anything is. Drift is an adjusted p-value under `alpha` *and* an effect that matters: a p-value alone finds trifles in a million rows, an
 * effect alone finds noise in a hundred.
 *
 * Categories that the reference has not seen, or not listed, are drift where there are more of them than those that it has hardly seen let expect.
 *
 * Columns that cannot be judged (fewer than 20 values on one side) have the test `none` and p = 1. A constant column is judged by the share of
 * values that differ from the constant. Hours of the day and days of the week are compared with what the reference would have between the first and
 * the last moment of `current`, and left out where that covers them too unequally (a day and a half, ten days): there a difference would say
 * when the rows were taken, not that anything changed.
 *
 * Columns that either side lacks are left out; the order is that of `current`.
 *
 * @example
 * const verdicts = compareProfiles(trainingProfile, trainingProfile)
 * verdicts.filter(({ drifted }) => drifted) // []
 */
export function compareProfiles(reference: Profile, current: Profile, options: ComparisonOptions = {}): readonly ColumnVerdict[] {
  const { alpha = 0.01, minEffect = {}, numberTest = 'kolmogorov-smirnov' } = options
  const results: { readonly column: string; readonly result: TestResult }[] = []
  for (const [column, now] of Object.entries(current.columns)) {
    const before = Object.hasOwn(reference.columns, column) ? reference.columns[column] : undefined
    if (before === undefined) continue
    for (const [part, result] of compareColumn(before, now, numberTest)) {
      results.push({ column: part === '' ? column : `${column}:${part}`, result })
    }
  }
  const judged = results.filter(({ result }) => result.test !== 'none')
  const adjusted = adjustFalseDiscoveryRate(judged.map(({ result }) => result.pValue))
  const adjustedOf = new Map(judged.map(({ column }, index) => [column, adjusted[index] as number]))
  return results.map(({ column, result }) => {
    const adjustedPValue = adjustedOf.get(column) ?? 1
    return {
      column,
      ...result,
      adjustedPValue,
      drifted: adjustedPValue < alpha && result.effect.value >= boundOf(result.test, minEffect),
    }
  })
}

function boundOf(test: DriftTest, minEffect: MinimumEffect): number {
  if (test === 'none') return Number.POSITIVE_INFINITY
  return typeof minEffect === 'number' ? minEffect : (minEffect[test] ?? defaultMinimumEffects[test])
}

type Part = readonly [part: string, result: TestResult]

function compareColumn(
  before: ColumnProfile,
  now: ColumnProfile,
  numberTest: 'kolmogorov-smirnov' | 'population-stability-index',
): readonly Part[] {
  if (before.kind === 'number' && now.kind === 'number')
    return [['', compareNumbers(before, now, numberTest)], ...compareMissing(before, now)]
  if (before.kind === 'category' && now.kind === 'category') return [['', compareText(before, now)], ...compareMissing(before, now)]
  if (before.kind === 'time' && now.kind === 'time') return [...compareTimes(before, now), ...compareMissing(before, now)]
  return []
}

function missingOf(profile: ColumnProfile): number {
  return profile.nullCount + (profile.kind === 'number' ? profile.notFiniteCount : 0)
}

function valuesOf(profile: ColumnProfile): number {
  return profile.rowCount - missingOf(profile)
}

function undecided(name: TestResult['effect']['name']): TestResult {
  return { test: 'none', pValue: 1, effect: { name, value: 0 } }
}

function compareNumbers(
  before: NumericProfile,
  now: NumericProfile,
  test: 'kolmogorov-smirnov' | 'population-stability-index',
): TestResult {
  const byDistance = test === 'kolmogorov-smirnov'
  if (Math.min(valuesOf(before), valuesOf(now)) < leastValues) {
    return undecided(byDistance ? 'kolmogorov-smirnov-distance' : 'population-stability-index')
  }
  if (before.minimum === before.maximum) return compareWithConstant(before, now)
  return byDistance ? binnedKolmogorovSmirnov(before.counts, now.counts) : populationStabilityIndex(before.counts, now.counts)
}

/** The edges of a constant column see nothing under it, so values that differ are told from the extremes and the mean: at least so many. */
function compareWithConstant(before: NumericProfile, now: NumericProfile): TestResult {
  const constant = before.minimum
  const values = valuesOf(now)
  let differing = 0
  if (now.minimum > constant || now.maximum < constant) differing = values
  else {
    const shift = (now.mean - constant) * values
    if (now.maximum > constant) differing = Math.max(differing, 1, Math.ceil(shift / (now.maximum - constant) - 1e-6))
    if (now.minimum < constant) differing = Math.max(differing, 1, Math.ceil(-shift / (constant - now.minimum) - 1e-6))
    const over = before.edges.at(-1) === constant ? (now.counts.at(-1) as number) : 0
    differing = Math.min(values, Math.max(differing, over))
  }
  return shareResult(0, valuesOf(before), differing, values)
}

function shareResult(a: number, aTotal: number, b: number, bTotal: number): TestResult {
  const { pValue, difference } = proportionTest(a, aTotal, b, bTotal)
  return { test: 'proportions', pValue, effect: { name: 'share-difference', value: difference } }
}

function compareText(before: CategoricalProfile, now: CategoricalProfile): TestResult {
  if (Math.min(valuesOf(before), valuesOf(now)) < leastValues) return undecided('total-variation')
  const { reference, current, newReference, newCurrent } = besideSeen(before, now)
  return compareCategories(reference, current, newReference, newCurrent)
}

function compareTimes(before: TimeProfile, now: TimeProfile): readonly Part[] {
  if (Math.min(valuesOf(before), valuesOf(now)) < leastValues) return []
  const covered = coveredTimes(before, now)
  const parts: Part[] = []
  if (covered.hourSkew <= mostSkew) parts.push(['hour-of-day', compareCategories(covered.hourOfDay, now.hourOfDay)])
  if (covered.daySkew <= mostSkew) parts.push(['day-of-week', compareCategories(covered.dayOfWeek, now.dayOfWeek)])
  return parts
}

function compareMissing(before: ColumnProfile, now: ColumnProfile): readonly Part[] {
  if (missingOf(before) + missingOf(now) === 0 || before.rowCount === 0 || now.rowCount === 0) return []
  return [[missingPart.slice(1), shareResult(missingOf(before), before.rowCount, missingOf(now), now.rowCount)]]
}
