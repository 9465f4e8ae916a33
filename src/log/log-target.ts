export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** What the library asks of a host's logger; our `Logger` is one, and so is a pino instance behind a three-line adapter. */
export interface LogTarget {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** One record, as sinks get it. `time` is milliseconds since 1970 UTC. */
export interface LogRecord {
  readonly time: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields
}

/** Where records go. A sink that throws is dropped for that record and breaks nothing. */
export interface LogSink {
  write(record: LogRecord): void
  flush?(): Promise<void>
}
