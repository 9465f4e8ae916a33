import type { RecordBatch } from 'apache-arrow/recordbatch'
import { throwIfAborted, untilAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { Source } from '../data/source.ts'
import { RowAppender } from './row-appender.ts'

/** Objects that can be read from the start: an array or another iterable, or a function that gives one (as a generator can be read only once). */
export type RowSupply<Row extends object> = Iterable<Row> | AsyncIterable<Row> | (() => Iterable<Row> | AsyncIterable<Row>)

const batchRows = 65_536

/**
 * Objects as a source: numbers, booleans, texts, Dates and null. The kinds are inferred as the rows come, so a column may change its kind; whether a
 * value is right is for the schema to say.
 *
 * @throws {@link MillraceError} while reading: `SCHEMA_UNSUPPORTED` for a nested object; `ARGUMENT_INVALID` when an iterator is read a second time.
 * @example
 * ingest({ source: rows([{ distance: 954, origin: 'SEA' }]), schema: z.object({ distance: z.number(), origin: z.string() }) })
 */
export function rows<Row extends object>(supply: RowSupply<Row>, options: { readonly label?: string } = {}): Source {
  let spent = false
  return {
    kind: 'rows',
    label: options.label ?? 'rows',
    async rowCount() {
      return Array.isArray(supply) ? supply.length : undefined
    },
    async *open({ columns, signal }): AsyncGenerator<RecordBatch, void, undefined> {
      const iterable = typeof supply === 'function' ? supply() : supply
      if (isIterator(iterable)) {
        if (spent && typeof supply !== 'function') {
          throw new MillraceError('ARGUMENT_INVALID', {
            message: 'Expected rows that can be read again. Received an iterator that has been read: give a function that makes a new one.',
            details: { argument: 'rows', expected: 'a function that makes an iterator', received: 'a spent iterator' },
          })
        }
        spent = true
      }
      const appender = new RowAppender(batchRows, columns)
      // Looked at for each row: a slow supply may take minutes to fill a batch.
      for await (const row of Symbol.asyncIterator in iterable ? untilAborted(iterable, signal) : iterable) {
        throwIfAborted(signal)
        if (appender.isFull || !appender.fits(row as Record<string, unknown>)) yield appender.build()
        appender.append(row as Record<string, unknown>)
      }
      throwIfAborted(signal)
      if (appender.length > 0) yield appender.build()
    },
  }
}

function isIterator(value: object): boolean {
  const candidate = value as Partial<Iterable<unknown> & AsyncIterable<unknown>>
  const made: unknown = typeof (value as { readonly next?: unknown }).next === 'function' ? value : undefined
  return made !== undefined && (candidate[Symbol.iterator] !== undefined || candidate[Symbol.asyncIterator] !== undefined)
}
