import type { LogRecord, LogSink } from './log-target.ts'

/**
 * Writes each record as one line of JSON, the line break included: `{"time":"2001-06-01T00:00:00.000Z","level":"info","message":"...","fields":{...}}`.
 * Numbers that JSON lacks are written as text (`"NaN"`).
 *
 * @example
 * new Logger({ sinks: [jsonLinesSink((line) => process.stdout.write(line))] })
 */
export function jsonLinesSink(write: (line: string) => void, options: { readonly flush?: () => Promise<void> } = {}): LogSink {
  const sink: LogSink = {
    write({ time, level, message, fields }) {
      const at = Number.isFinite(time) ? new Date(time).toISOString() : null
      write(`${JSON.stringify({ time: at, level, message, fields }, numbersAsText)}\n`)
    },
  }
  return options.flush === undefined ? sink : { ...sink, flush: options.flush }
}

function numbersAsText(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

/** A sink that keeps the newest records in memory: for tests and for showing them on a page. */
export interface MemorySink extends LogSink {
  /** Oldest first. */
  readonly records: readonly LogRecord[]
  clear(): void
}

/**
 * Keeps the newest `limit` records, 10,000 by default.
 *
 * @example
 * const sink = memorySink()
 * new Logger({ sinks: [sink] }).warn('rows rejected', { rejected: 11 })
 * sink.records[0]?.message // 'rows rejected'
 */
export function memorySink(options: { readonly limit?: number } = {}): MemorySink {
  const limit = options.limit ?? 10_000
  const records: LogRecord[] = []
  return {
    records,
    write(record) {
      records.push(record)
      if (records.length > limit) records.splice(0, records.length - limit)
    },
    clear() {
      records.length = 0
    },
  }
}
