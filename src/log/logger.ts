import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { consoleSink } from './console-sink.ts'
import type { LogFields, LogLevel, LogRecord, LogSink, LogTarget } from './log-target.ts'
import type { SecretTest } from './redact.ts'
import { redactFields, redactText, secretKeys, secretKeyTest } from './redact.ts'

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

export interface LoggerOptions {
  /** Records below it are dropped; default `info`. */
  readonly level?: LogLevel
  /** Default: the console. */
  readonly sinks?: readonly LogSink[]
  /** Further keys whose values are redacted, beside `password`, `token`, `authorization` and the like. */
  readonly redact?: readonly string[]
  /** Added to every record. */
  readonly fields?: LogFields
  readonly clock?: Clock
  /** Is told of a sink that threw. */
  readonly onSinkError?: (error: unknown, sink: LogSink) => void
}

/** A piece of work that is being timed. */
export interface LogSpan {
  /** Adds to what is logged when the work ends. */
  set(fields: LogFields): void
  /** Adds `span`, the work's name, to its records. */
  readonly logger: Logger
}

/**
 * The library's logger, and one for the host: levels, fields, sinks. Any other logger will do where a {@link LogTarget} is asked for.
 *
 * Guarantees: logging never throws and never waits; a sink that fails breaks neither the others nor the work. Values of fields with a secret's name, and every
 * `Secret`, are replaced at any depth before a sink sees them; errors arrive as plain objects with code, details and causes. In
 * texts only the password of an address (`postgres://user:password@host`) and a bearer token are found.
 *
 * @example
 * const logger = new Logger({ level: 'info', sinks: [jsonLinesSink((line) => process.stdout.write(line))] })
 * await logger.child({ model: 'flight-delay' }).span('load', async (span) => span.set({ rows: 3_000_000 }))
 */
export class Logger implements LogTarget {
  readonly #options: LoggerOptions
  readonly #sinks: readonly LogSink[]
  readonly #clock: Clock
  readonly #threshold: number
  readonly #isSecret: SecretTest

  constructor(options: LoggerOptions = {}) {
    this.#sinks = options.sinks ?? [consoleSink()]
    this.#options = { ...options, sinks: this.#sinks }
    this.#clock = options.clock ?? systemClock
    this.#threshold = rank[options.level ?? 'info']
    this.#isSecret = secretKeyTest([...secretKeys, ...(options.redact ?? [])])
  }

  debug(message: string, fields?: LogFields): void {
    this.#log('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#log('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#log('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#log('error', message, fields)
  }

  /** A logger that adds these fields to every record; a record's own come before them, as the child's come before the parent's. */
  child(fields: LogFields): Logger {
    return new Logger({ ...this.#options, fields: { ...this.#options.fields, ...fields } })
  }

  /** Runs the work and logs how long it took: at `info`, or at `error` with the error, which is thrown on. Its beginning is logged at `debug`. */
  async span<Result>(name: string, work: (span: LogSpan) => Promise<Result> | Result): Promise<Result> {
    const startMs = this.#clock.monotonicMs()
    let fields: LogFields = {}
    const durationMs = (): number => Math.round((this.#clock.monotonicMs() - startMs) * 1000) / 1000
    this.debug(`${name} started`)
    try {
      const result = await work({
        set(more) {
          fields = { ...fields, ...more }
        },
        logger: this.child({ span: name }),
      })
      this.info(name, { ...fields, durationMs: durationMs() })
      return result
    } catch (error) {
      this.error(`${name} failed`, { ...fields, durationMs: durationMs(), error })
      throw error
    }
  }

  /** Resolves when every sink has passed on what it holds, or has failed to. */
  async flush(): Promise<void> {
    await Promise.all(
      this.#sinks.map(async (sink) => {
        try {
          await sink.flush?.()
        } catch (error) {
          this.#report(error, sink)
        }
      }),
    )
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (rank[level] < this.#threshold || this.#sinks.length === 0) return
    const record: LogRecord = {
      time: this.#clock.now(),
      level,
      message: typeof message === 'string' ? redactText(message) : message,
      fields: redactFields([this.#options.fields, fields], this.#isSecret),
    }
    for (const sink of this.#sinks) {
      try {
        // A sink may be an async function all the same; its rejection must not end the process.
        const result: unknown = sink.write(record)
        if (result instanceof Promise) result.catch((error: unknown) => this.#report(error, sink))
      } catch (error) {
        this.#report(error, sink)
      }
    }
  }

  #report(error: unknown, sink: LogSink): void {
    try {
      this.#options.onSinkError?.(error, sink)
    } catch {
      // A reporter that throws has nowhere left to report to.
    }
  }
}
