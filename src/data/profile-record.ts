import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject, toJson } from '../core/json.ts'
import { receivedText } from '../core/received.ts'
import { checkProfileColumns } from './check-profile.ts'
import type { CategoricalProfile, ColumnProfile, NumericProfile, Profile, TimeProfile } from './profile.ts'

const format = 'millrace-profile'
const formatVersion = 1

/**
 * A profile over the given columns.
 *
 * @example
 * const profile = createProfile(3, { late: { kind: 'category', rowCount: 3, nullCount: 0, categories: ['no', 'yes'], counts: [2, 1], otherCount: 0, otherCategories: 0 } })
 */
export function createProfile(rowCount: number, columns: Readonly<Record<string, ColumnProfile>>): Profile {
  return new ProfileRecord(rowCount, columns)
}

/**
 * The profile that {@link Profile.toJSON} wrote.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED` for one of a newer library; `MONITOR_STATE_MISMATCH` for what is no profile.
 */
export function profileFromJson(stored: Json): Profile {
  const value: unknown = stored
  if (!isPlainObject(value) || value.format !== format || typeof value.rowCount !== 'number' || !isPlainObject(value.columns)) {
    throw mismatch('it is not a profile')
  }
  if (typeof value.minReaderVersion !== 'number' || value.minReaderVersion > formatVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected a profile that version ${formatVersion} of its format can read. Received one for version ${receivedText(value.minReaderVersion)} and later.`,
      details: {
        format,
        formatVersion: typeof value.minReaderVersion === 'number' ? value.minReaderVersion : 0,
        supportedVersion: formatVersion,
      },
    })
  }
  const columns = checkProfileColumns(value.columns)
  if (typeof columns === 'string') throw mismatch(columns)
  return new ProfileRecord(value.rowCount, columns)
}

class ProfileRecord implements Profile {
  readonly rowCount: number
  readonly columns: Readonly<Record<string, ColumnProfile>>

  constructor(rowCount: number, columns: Readonly<Record<string, ColumnProfile>>) {
    this.rowCount = rowCount
    this.columns = Object.freeze({ ...columns })
    Object.freeze(this)
  }

  merge(other: Profile): Profile {
    const names = Object.keys(this.columns)
    const others = Object.keys(other.columns)
    if (names.length !== others.length || names.some((name) => other.columns[name] === undefined)) {
      throw mismatch(`the columns are ${names.join(', ')} here and ${others.join(', ')} there`)
    }
    const merged: Record<string, ColumnProfile> = {}
    for (const [name, column] of Object.entries(this.columns))
      merged[name] = mergeColumn(name, column, other.columns[name] as ColumnProfile)
    return new ProfileRecord(this.rowCount + other.rowCount, merged)
  }

  toJSON(): Json {
    return toJson({ format, formatVersion, minReaderVersion: 1, rowCount: this.rowCount, columns: this.columns })
  }
}

function mergeColumn(name: string, left: ColumnProfile, right: ColumnProfile): ColumnProfile {
  if (left.kind === 'number' && right.kind === 'number') return mergeNumeric(name, left, right)
  if (left.kind === 'category' && right.kind === 'category') return mergeCategories(name, left, right)
  if (left.kind === 'time' && right.kind === 'time') return mergeTimes(left, right)
  throw mismatch(`column "${name}" is ${left.kind} here and ${right.kind} there`)
}

function mergeNumeric(name: string, left: NumericProfile, right: NumericProfile): NumericProfile {
  if (left.edges.length !== right.edges.length || left.edges.some((edge, index) => edge !== right.edges[index])) {
    throw mismatch(`column "${name}" has other edges there`)
  }
  const weight = finiteCount(left)
  const otherWeight = finiteCount(right)
  const total = weight + otherWeight
  const [first, second] = weight === 0 ? [right, left] : [left, right]
  const difference = right.mean - left.mean
  // Chan, Golub and LeVeque (1979).
  const squares =
    left.standardDeviation ** 2 * weight +
    right.standardDeviation ** 2 * otherWeight +
    (total === 0 ? 0 : (difference ** 2 * weight * otherWeight) / total)
  return {
    kind: 'number',
    rowCount: left.rowCount + right.rowCount,
    nullCount: left.nullCount + right.nullCount,
    notFiniteCount: left.notFiniteCount + right.notFiniteCount,
    minimum: weight * otherWeight === 0 ? first.minimum : Math.min(left.minimum, right.minimum),
    maximum: weight * otherWeight === 0 ? first.maximum : Math.max(left.maximum, right.maximum),
    mean:
      total === 0 || weight * otherWeight === 0 ? (total === 0 ? second.mean : first.mean) : left.mean + (difference * otherWeight) / total,
    standardDeviation: total === 0 ? 0 : Math.sqrt(squares / total),
    edges: left.edges,
    counts: addCounts(left.counts, right.counts),
  }
}

function finiteCount(profile: NumericProfile): number {
  return profile.rowCount - profile.nullCount - profile.notFiniteCount
}

/** Frozen categories on both sides, in whatever order; the order here stays. */
function mergeCategories(name: string, left: CategoricalProfile, right: CategoricalProfile): CategoricalProfile {
  const position = new Map(right.categories.map((category, index) => [category, index]))
  if (left.categories.length !== right.categories.length || left.categories.some((category) => !position.has(category))) {
    throw mismatch(`column "${name}" has other categories there`)
  }
  return {
    kind: 'category',
    rowCount: left.rowCount + right.rowCount,
    nullCount: left.nullCount + right.nullCount,
    categories: left.categories,
    counts: left.counts.map((count, index) => count + (right.counts[position.get(left.categories[index] as string) as number] as number)),
    otherCount: left.otherCount + right.otherCount,
    otherCategories: Math.max(left.otherCategories, right.otherCategories),
  }
}

function mergeTimes(left: TimeProfile, right: TimeProfile): TimeProfile {
  const [first, second] =
    left.rowCount === left.nullCount ? [right, right] : right.rowCount === right.nullCount ? [left, left] : [left, right]
  return {
    kind: 'time',
    rowCount: left.rowCount + right.rowCount,
    nullCount: left.nullCount + right.nullCount,
    minimum: Math.min(first.minimum, second.minimum),
    maximum: Math.max(first.maximum, second.maximum),
    hourOfDay: addCounts(left.hourOfDay, right.hourOfDay),
    dayOfWeek: addCounts(left.dayOfWeek, right.dayOfWeek),
  }
}

function addCounts(left: readonly number[], right: readonly number[]): number[] {
  return left.map((count, index) => count + (right[index] as number))
}

function mismatch(reason: string): MillraceError<'MONITOR_STATE_MISMATCH'> {
  return new MillraceError('MONITOR_STATE_MISMATCH', {
    message: `Expected a profile with the same columns, edges and categories. Received another: ${reason}.`,
    details: { reason },
  })
}
