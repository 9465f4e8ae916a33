import type { RecordBatch } from 'apache-arrow/recordbatch'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'
import type { Column } from './column.ts'
import { columnNotFound } from './column-not-found.ts'
import type { ColumnProfile, Profile } from './profile.ts'
import { type ColumnCounter, columnCounter } from './profile-counts.ts'
import { createProfile, profileFromJson } from './profile-record.ts'
import { columnOf } from './read-column.ts'

/**
 * Counts batches at the edges and categories of a reference profile, so that the two can be compared or merged. Millions of values a second, in
 * memory that depends on the reference only; categories that the reference does not know are counted together.
 *
 * @example
 * const counter = new ProfileCounter(trainingProfile, ['distance', 'origin'])
 * counter.add(batch)
 * const compared = compareProfiles(trainingProfile, counter.profile())
 * compared.map(({ column }) => column) // ['distance', 'origin']
 */
export class ProfileCounter {
  readonly columns: readonly string[]
  readonly #reference: Profile
  #rowCount = 0
  #counters: Map<string, ColumnCounter>

  /** @throws {@link MillraceError} `COLUMN_NOT_FOUND` for a column that the reference has not. */
  constructor(reference: Profile, columns?: readonly string[]) {
    this.#reference = reference
    this.columns = columns ?? Object.keys(reference.columns)
    this.#counters = this.#newCounters(undefined)
  }

  /** @throws {@link MillraceError} `COLUMN_NOT_FOUND` when the batch lacks a column. */
  add(batch: RecordBatch): void {
    const columns = this.columns.map((name) => columnOf(batch, name))
    this.#rowCount += batch.numRows
    columns.forEach((column, index) => {
      this.#counters.get(this.columns[index] as string)?.add(column)
    })
  }

  /** As {@link add}, from columns that are typed arrays already. All have `rowCount` rows. */
  addColumns(rowCount: number, columns: Readonly<Record<string, Column>>): void {
    this.#rowCount += rowCount
    for (const [name, counter] of this.#counters) {
      const column = columns[name]
      if (column !== undefined) counter.add(column)
    }
  }

  /** What was counted so far. */
  profile(): Profile {
    const columns: Record<string, ColumnProfile> = {}
    for (const [name, counter] of this.#counters) columns[name] = counter.profile()
    return createProfile(this.#rowCount, columns)
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#rowCount = 0
    this.#counters = this.#newCounters(undefined)
  }

  toJSON(): Json {
    const rest = Object.fromEntries([...this.#counters].map(([name, counter]) => [name, counter.rest()]))
    return { columns: this.columns, reference: this.#reference.toJSON(), counted: this.profile().toJSON(), rest }
  }

  /** The counter that {@link toJSON} wrote; it goes on as if nothing had happened. @throws {@link MillraceError} `MONITOR_STATE_MISMATCH`. */
  static fromJSON(stored: Json): ProfileCounter {
    const value: unknown = stored
    if (!isPlainObject(value) || !Array.isArray(value.columns)) {
      throw new MillraceError('MONITOR_STATE_MISMATCH', {
        message: 'Expected the state of a profile counter. Received something else.',
        details: { reason: 'not a profile counter' },
      })
    }
    const counter = new ProfileCounter(profileFromJson(value.reference as Json), value.columns as string[])
    const counted = profileFromJson(value.counted as Json)
    counter.#rowCount = counted.rowCount
    counter.#counters = counter.#newCounters(counted, isPlainObject(value.rest) ? (value.rest as Readonly<Record<string, Json>>) : {})
    return counter
  }

  #newCounters(from: Profile | undefined, rest: Readonly<Record<string, Json>> = {}): Map<string, ColumnCounter> {
    return new Map(
      this.columns.map((name) => {
        const reference = this.#reference.columns[name]
        if (reference !== undefined) return [name, columnCounter(reference, from?.columns[name], rest[name])] as const
        throw columnNotFound(name, Object.keys(this.#reference.columns))
      }),
    )
  }
}
