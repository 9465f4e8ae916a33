const dayMs = 86_400_000
/** Longer is no moment: more digits of a second than anybody has. */
const longestBytes = 48
const minuteMs = 60_000
const [zero, dash, colon, point, space] = [48, 45, 58, 46, 32]

/** Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms": the year begins in March). */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = (((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) | 0) + day - 1
  return era * 146_097 + yearOfEra * 365 + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0) + dayOfYear - 719_468
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/**
 * ISO 8601 dates and moments: `2001-06-30`, with a `T` or a space `08:20`, seconds and their fraction perhaps, and `Z` or `+02:00`; without one it is UTC. What is
 * finer than a millisecond is cut off.
 */
export class IsoTimeParser {
  /** Milliseconds since 1970 UTC. */
  value = 0
  /** After the last byte of it. */
  end = 0
  #lastDate = -1
  readonly #alone = new Uint8Array(longestBytes + 32)
  #lastDateMs = 0

  /** Whether a moment begins there. It may be read past the end of the field, up to a byte that belongs to no moment. */
  parse(bytes: Uint8Array, from: number): boolean {
    const year = pair(bytes, from) * 100 + pair(bytes, from + 2)
    const month = pair(bytes, from + 5)
    const day = pair(bytes, from + 8)
    // A pair that is none is 1,000 or more.
    if (year > 9_999 || bytes[from + 4] !== dash || bytes[from + 7] !== dash) return false
    const date = (year * 16 + month) * 32 + day
    if (date !== this.#lastDate || month > 12 || day > 31) {
      if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false
      this.#lastDate = date
      this.#lastDateMs = daysFromCivil(year, month, day) * dayMs
    }
    const separator = bytes[from + 10] as number
    // T, t or a space.
    if ((separator | 32) !== 116 && separator !== space) {
      this.value = this.#lastDateMs
      this.end = from + 10
      return true
    }
    return this.#time(bytes, from + 11)
  }

  /** Whether the bytes [from, to) are a moment. */
  parseAll(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from > longestBytes) return false
    this.#alone.fill(0)
    this.#alone.set(bytes.subarray(from, to))
    return this.parse(this.#alone, 0) && this.end === to - from
  }

  #time(bytes: Uint8Array, from: number): boolean {
    const hour = pair(bytes, from)
    const minute = pair(bytes, from + 3)
    if (hour > 23 || minute > 59 || bytes[from + 2] !== colon) return false
    let ms = (hour * 60 + minute) * minuteMs
    let position = from + 5
    if (bytes[position] === colon) {
      const second = pair(bytes, position + 1)
      if (second > 59) return false
      ms += second * 1_000
      position += 3
      if (bytes[position] === point) {
        const start = ++position
        let unit = 100
        for (; isDigit(bytes[position] as number); position++) {
          ms += ((bytes[position] as number) - zero) * unit
          unit = (unit / 10) | 0
        }
        if (position === start) return false
      }
    }
    const zone = bytes[position] as number
    if ((zone | 32) === 122) position++
    else if (zone === 43 || zone === dash) {
      const hours = pair(bytes, position + 1)
      let minutes = 0
      const colons = bytes[position + 3] === colon ? 1 : 0
      const hasMinutes = colons === 1 || isDigit(bytes[position + 3] as number)
      if (hasMinutes) minutes = pair(bytes, position + 3 + colons)
      if (hours > 23 || minutes > 59) return false
      ms -= (zone === dash ? -1 : 1) * (hours * 60 + minutes) * minuteMs
      position += hasMinutes ? 5 + colons : 3
    }
    this.value = this.#lastDateMs + ms
    this.end = position
    return true
  }
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 57
}

/** Two digits as a number; 1,000 or more when they are none. */
function pair(bytes: Uint8Array, position: number): number {
  const tens = (bytes[position] as number) - zero
  const ones = (bytes[position + 1] as number) - zero
  return tens >>> 0 > 9 || ones >>> 0 > 9 ? 1_000_000 : tens * 10 + ones
}
