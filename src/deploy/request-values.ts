import type { ColumnType } from '../data/column-type.ts'
import { wellFormed } from '../data/text-dictionary.ts'
import type { StoredValue } from '../model/column-values.ts'

/** A date, alone or with a time, with or without seconds and zone (ISO 8601, the extended format). */
const isoMoment = /^(\d{4}-\d{2}-(\d{2}))(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/
/** The furthest moment that a Date can hold. */
const furthestMs = 8.64e15

/**
 * A value of a request as the feature plan takes it: times as milliseconds since 1970 UTC, from a Date, ISO 8601 text (without a zone it is UTC)
 * or milliseconds. A value left out is null. Nothing else is converted, since a number in quotes is more often a mistake than a number.
 *
 * @returns undefined when the value does not fit the column.
 */
export function storedValueOf(value: unknown, type: ColumnType): StoredValue | undefined {
  if (value === null || value === undefined) return type.nullable ? null : undefined
  switch (type.kind) {
    case 'number':
      return Number.isFinite(value) ? (value as number) : undefined
    case 'integer':
      return Number.isInteger(value) && (value as number) === ((value as number) | 0) ? (value as number) : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'text':
      // As Arrow would keep it, so that one row alone and the same row in a batch are one.
      return typeof value === 'string' ? wellFormed(value) : undefined
    case 'time':
      return momentOf(value)
  }
}

/** What {@link storedValueOf} takes, in words. */
export function expectationOf(type: ColumnType): string {
  const words = {
    number: 'a finite number',
    integer: 'a whole number of 32 bits',
    boolean: 'true or false',
    text: 'text',
    time: 'a moment (a Date, ISO 8601 text or milliseconds since 1970 UTC)',
  }[type.kind]
  return type.nullable ? `${words}, or null` : words
}

/** What came instead, in a few words: at most a short piece of the value. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof Date) return 'an invalid Date'
  return Array.isArray(value) ? 'a list' : typeof value
}

function momentOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) <= furthestMs ? value : undefined
  if (typeof value === 'string') {
    return momentOfText(value)
  }
  // By structure: a Date of another realm is a Date too.
  if (Object.prototype.toString.call(value) !== '[object Date]') return undefined
  const time = (value as Date).getTime()
  return Number.isNaN(time) ? undefined : time
}

/** Without a zone a Date would read a time in the zone of the machine it runs on; and it would take the 31st of February for a day in March. */
function momentOfText(text: string): number | undefined {
  const [, date, day, time, zone] = isoMoment.exec(text) ?? []
  if (date === undefined) return undefined
  const midnight = Date.parse(date)
  if (Number.isNaN(midnight) || new Date(midnight).getUTCDate() !== Number(day)) return undefined
  const moment = time === undefined ? midnight : Date.parse(`${date}T${time}${zone ?? 'Z'}`)
  return Number.isNaN(moment) ? undefined : moment
}
