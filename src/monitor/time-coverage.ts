import type { TimeProfile } from '../data/profile.ts'
import { sumOf, totalVariation } from './sparse-categories.ts'

const hourMs = 3_600_000
const dayHours = 24
const weekHours = 7 * dayHours
/** Hours from the beginning of a week, Sunday, to 1970-01-01 UTC, a Thursday. */
const epochHour = 4 * dayHours

/** What the reference's rows would look like had they been taken between the same two moments. */
export interface CoveredTimes {
  /** 24 counts, whole; their sum is about that of the reference. */
  readonly hourOfDay: readonly number[]
  /** 7 counts, Sunday first. */
  readonly dayOfWeek: readonly number[]
  /** How far the two lie from the reference, in total variation: 0 for whole weeks, much for a day and a half; 1 where nothing can be said. */
  readonly hourSkew: number
  readonly daySkew: number
}

/**
 * The reference as it would be between the first and the last moment of `current`: a window that begins on Monday and ends on Wednesday of the next
 * week has more Mondays than Sundays without anything having changed. Each hour of the week is taken to be as busy as its hour and its day are.
 */
export function coveredTimes(reference: TimeProfile, current: TimeProfile): CoveredTimes {
  const cover = hoursCovered(current.minimum, current.maximum)
  // Hours by how busy days are now, days by how busy hours are now: if one of the two has changed, it is not to be found again in the other.
  const hourRate = ratesOf(current.hourOfDay, (hour) => sumOver(7, (day) => at(cover, day, hour)))
  const dayRate = ratesOf(current.dayOfWeek, (day) =>
    sumOver(dayHours, (hour) => at(cover, day, hour) * (reference.hourOfDay[hour] as number)),
  )
  const hourOfDay = Float64Array.from(
    reference.hourOfDay,
    (count, hour) => count * sumOver(7, (day) => at(cover, day, hour) * (dayRate[day] as number)),
  )
  const dayOfWeek = Float64Array.from(
    reference.dayOfWeek,
    (count, day) => count * sumOver(dayHours, (hour) => at(cover, day, hour) * (hourRate[hour] as number)),
  )
  return {
    hourOfDay: scaled(hourOfDay, sumOf(reference.hourOfDay)),
    dayOfWeek: scaled(dayOfWeek, sumOf(reference.dayOfWeek)),
    hourSkew: skew(reference.hourOfDay, hourOfDay),
    daySkew: skew(reference.dayOfWeek, dayOfWeek),
  }
}

/** Rows for each time that an hour, or a day, was there. */
function ratesOf(counts: readonly number[], times: (index: number) => number): readonly number[] {
  return counts.map((count, index) => (count === 0 ? 0 : count / times(index)))
}

function sumOver(count: number, term: (index: number) => number): number {
  let sum = 0
  for (let index = 0; index < count; index++) sum += term(index)
  return sum
}

function at(cover: Float64Array, day: number, hour: number): number {
  return cover[day * dayHours + hour] as number
}

/** How often each hour of the week, from Sunday 00:00 UTC, lies between two moments. */
function hoursCovered(start: number, end: number): Float64Array {
  const first = Math.floor(start / hourMs)
  const last = Math.floor(end / hourMs)
  const cover = new Float64Array(weekHours).fill(Math.floor((last - first + 1) / weekHours))
  const add = (hour: number, amount: number): void => {
    const place = (((hour + epochHour) % weekHours) + weekHours) % weekHours
    cover[place] = (cover[place] as number) + amount
  }
  for (let hour = first; hour < first + ((last - first + 1) % weekHours); hour++) add(hour, 1)
  add(first, -(start / hourMs - first))
  // Moments without minutes stand for their hour, or, of dates alone, for their day: then the last hour counts whole.
  if (end / hourMs > last) add(last, -(last + 1 - end / hourMs))
  return cover
}

function scaled(expected: Float64Array, rows: number): readonly number[] {
  const sum = sumOf(expected)
  return Array.from(expected, (count) => (sum > 0 ? Math.round((count / sum) * rows) : 0))
}

function skew(reference: readonly number[], expected: Float64Array): number {
  return sumOf(expected) > 0 ? totalVariation({ reference: Float64Array.from(reference), current: expected }) : 1
}
