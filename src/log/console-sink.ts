import { controlCharacters } from './control-characters.ts'
import type { LogFields, LogLevel, LogRecord, LogSink } from './log-target.ts'

/** What is needed of a console. */
export type ConsoleLike = Readonly<Record<LogLevel, (text: string) => void>>

/**
 * Writes readable lines, one a record, to a console, each by the method of its level.
 *
 * @example
 * new Logger({ sinks: [consoleSink()] }).info('model registered', { model: 'flight-delay', version: 3 })
 * // 10:15:00.123 info  model registered  model=flight-delay version=3
 */
export function consoleSink(options: { readonly console?: ConsoleLike } = {}): LogSink {
  const target = options.console ?? console
  return {
    write(record) {
      target[record.level](formatLine(record))
    },
  }
}

/** One record as one line; times are UTC. Control characters are escaped, so that no value can forge a line or move the cursor. */
export function formatLine(record: LogRecord): string {
  const time = Number.isFinite(record.time) ? new Date(record.time).toISOString().slice(11, 23) : '--:--:--.---'
  const pairs = formatFields(record.fields)
  return `${time} ${record.level.padEnd(5)} ${escapeControls(record.message)}${pairs === '' ? '' : `  ${pairs}`}`
}

function formatFields(fields: LogFields): string {
  return Object.entries(fields)
    .map(([key, value]) => `${escapeControls(key)}=${formatValue(value)}`)
    .join(' ')
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? escapeControls(value) : escapeControls(JSON.stringify(value))
  if (isErrorLike(value)) return formatError(value)
  if (typeof value !== 'object' || value === null) return String(value)
  return escapeControls(JSON.stringify(value) ?? String(value))
}

interface ErrorLike {
  readonly name: string
  readonly message: string
  readonly code?: unknown
  readonly cause?: unknown
}

function isErrorLike(value: unknown): value is ErrorLike {
  const { name, message } = (value ?? {}) as Partial<ErrorLike>
  return typeof name === 'string' && typeof message === 'string'
}

/** `CODE "what happened" <- "why"`; the stack is for sinks that keep all. */
function formatError(error: ErrorLike): string {
  const title = typeof error.code === 'string' ? error.code : error.name
  const text = `${escapeControls(title)} ${escapeControls(JSON.stringify(error.message))}`
  return isErrorLike(error.cause) ? `${text} <- ${formatError(error.cause)}` : text
}

function escapeControls(text: string): string {
  return text.replaceAll(controlCharacters, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
