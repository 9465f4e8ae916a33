const millisecondsPerDay = 86_400_000

/** What of a moment can matter by itself. All in UTC. */
export type TimePart = 'minute-of-day' | 'hour' | 'day-of-week' | 'month'

const counts: Readonly<Record<TimePart, number>> = { 'minute-of-day': 1440, hour: 24, 'day-of-week': 7, month: 12 }

/** All parts. */
export const timeParts: readonly TimePart[] = Object.keys(counts) as TimePart[]

/** How many values a part has: 1440 minutes, 24 hours, 7 days, 12 months. */
export function timePartCount(part: TimePart): number {
  return counts[part]
}

/**
 * The part of a moment in UTC, an integer from 0 to below {@link timePartCount}: days of the week from Sunday, months from January.
 * `milliseconds` are finite milliseconds since 1970; moments before 1970 work as well.
 *
 * @example
 * timePartOf(Date.UTC(2001, 4, 31, 23, 59), 'minute-of-day') // 1439
 */
export function timePartOf(milliseconds: number, part: TimePart): number {
  const days = Math.floor(milliseconds / millisecondsPerDay)
  switch (part) {
    case 'minute-of-day':
      return ((milliseconds - days * millisecondsPerDay) / 60_000) | 0
    case 'hour':
      return ((milliseconds - days * millisecondsPerDay) / 3_600_000) | 0
    case 'day-of-week':
      return (((days + 4) % 7) + 7) % 7
    case 'month':
      return monthOfDay(days)
  }
}

/**
 * The parts of `rows` moments at once, each one higher than {@link timePartOf} gives it; 0 where `milliseconds` is NaN.
 * One loop for each part: the choice is made once, not for every row.
 */
export function fillTimeParts(codes: Int32Array, milliseconds: Float64Array, rows: number, part: TimePart): void {
  if (part === 'minute-of-day') fillWithinDay(codes, milliseconds, rows, 60_000)
  else if (part === 'hour') fillWithinDay(codes, milliseconds, rows, 3_600_000)
  else
    for (let row = 0; row < rows; row++) {
      const moment = milliseconds[row] as number
      codes[row] = Number.isNaN(moment) ? 0 : timePartOf(moment, part) + 1
    }
}

function fillWithinDay(codes: Int32Array, milliseconds: Float64Array, rows: number, unit: number): void {
  for (let row = 0; row < rows; row++) {
    const moment = milliseconds[row] as number
    const withinDay = moment - Math.floor(moment / millisecondsPerDay) * millisecondsPerDay
    codes[row] = Number.isNaN(moment) ? 0 : ((withinDay / unit) | 0) + 1
  }
}

/** Howard Hinnant, "chrono-compatible low-level date algorithms": the year begins in March, so that the leap day comes last. */
function monthOfDay(days: number): number {
  const shifted = days + 719_468
  const dayOfEra = shifted - Math.floor(shifted / 146_097) * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  return (monthFromMarch + 2) % 12
}
