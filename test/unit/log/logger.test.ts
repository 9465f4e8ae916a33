import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../src/core/clock.ts'
import { MillraceError } from '../../../src/core/error.ts'
import { consoleSink, formatLine } from '../../../src/log/console-sink.ts'
import type { LogSink } from '../../../src/log/log-target.ts'
import { Logger } from '../../../src/log/logger.ts'
import { Secret } from '../../../src/log/secret.ts'
import { serializeError } from '../../../src/log/serialize-error.ts'
import { jsonLinesSink, memorySink } from '../../../src/log/sinks.ts'

function clockAt(start: number): Clock & { advance(ms: number): void } {
  let ms = 0
  return {
    now: () => start + ms,
    monotonicMs: () => ms,
    sleep: async () => {},
    advance(by) {
      ms += by
    },
  }
}

function recorder(options: { level?: 'debug' | 'info' | 'warn' | 'error'; redact?: readonly string[] } = {}) {
  const sink = memorySink()
  const clock = clockAt(Date.UTC(2001, 5, 1, 10, 15))
  return { sink, clock, logger: new Logger({ ...options, sinks: [sink], clock }), last: () => sink.records.at(-1)?.fields }
}

describe('a logger', () => {
  test('drops what is below its level', () => {
    const { logger, sink } = recorder({ level: 'warn' })
    logger.debug('a')
    logger.info('b')
    logger.warn('c')
    logger.error('d')
    expect(sink.records.map(({ level, message }) => `${level} ${message}`)).toEqual(['warn c', 'error d'])
  })

  test('lets a child add fields, which the record overrides', () => {
    const { logger, sink } = recorder()
    const child = logger.child({ model: 'churn', version: 1 }).child({ version: 2 })
    child.info('loaded', { rows: 3 })
    child.info('loaded', { version: 3 })
    logger.info('other')
    expect(sink.records.map(({ fields }) => ({ ...fields }))).toEqual([
      { model: 'churn', version: 2, rows: 3 },
      { model: 'churn', version: 3 },
      {},
    ])
    expect(sink.records[0]?.time).toBe(Date.UTC(2001, 5, 1, 10, 15))
  })

  test('times a span and adds what was set', async () => {
    const { logger, sink, clock } = recorder({ level: 'debug' })
    const result = await logger.span('load', async (span) => {
      clock.advance(1500)
      span.logger.info('half')
      span.set({ rows: 7 })
      return 'done'
    })
    expect(result).toBe('done')
    expect(sink.records.map(({ level, message, fields }) => [level, message, { ...fields }])).toEqual([
      ['debug', 'load started', {}],
      ['info', 'half', { span: 'load' }],
      ['info', 'load', { rows: 7, durationMs: 1500 }],
    ])
  })

  test('logs a failed span with its error and throws it on', async () => {
    const { logger, sink } = recorder()
    const error = new Error('broken')
    await expect(
      logger.span('load', () => {
        throw error
      }),
    ).rejects.toBe(error)
    expect(sink.records).toMatchObject([{ level: 'error', message: 'load failed', fields: { error: { message: 'broken' } } }])
  })

  test('is not broken by a sink that throws, rejects or cannot flush, and tells of it', async () => {
    const good = memorySink()
    const failures: unknown[] = []
    const throwing: LogSink = {
      write: () => {
        throw new Error('full')
      },
      flush: () => Promise.reject(new Error('flush')),
    }
    const rejecting: LogSink = { write: (async () => Promise.reject(new Error('later'))) as () => void }
    const logger = new Logger({
      sinks: [throwing, rejecting, good],
      onSinkError: (error) => {
        failures.push((error as Error).message)
        throw new Error('and the reporter')
      },
    })
    logger.info('kept')
    await logger.flush()
    await Promise.resolve()
    expect(good.records).toHaveLength(1)
    expect(failures.sort()).toEqual(['flush', 'full', 'later'])
  })
})

describe('redaction', () => {
  test('hides values by the name of their key, at any depth, however it is written', () => {
    const { logger, last } = recorder({ redact: ['iban'] })
    const fields = {
      password: 'p',
      dbPassword: 'p',
      'x-api-key': 'p',
      Authorization: 'Bearer p',
      IBAN: 'p',
      nested: { list: [{ access_token: 'p', port: 5432 }], credentials: { user: 'p' } },
      map: new Map([['secret', 'p']]),
      tokens: 12,
      monkey: 'kept',
      passwordless: true,
    }
    logger.info('m', fields)
    expect(JSON.stringify(last())).not.toContain('"p"')
    expect(last()).toMatchObject({
      password: '[redacted]',
      nested: { list: [{ port: 5432 }] },
      tokens: 12,
      monkey: 'kept',
      passwordless: true,
    })
    expect(fields.password).toBe('p')
  })

  test('hides lists of secrets, and keys and values that come as pairs', () => {
    const { logger, last } = recorder()
    logger.info('m', {
      tokens: ['p'],
      apiKeys: { one: 'p' },
      headers: [
        ['Authorization', 'p'],
        ['Accept', 'kept'],
      ],
      nested: new Map<unknown, unknown>([['inner', new Map([['set-cookie', 'p']])]]),
      columns: ['token', 'count'],
    })
    expect(JSON.stringify(last())).not.toContain('"p"')
    expect(last()).toMatchObject({
      headers: [
        ['Authorization', '[redacted]'],
        ['Accept', 'kept'],
      ],
      columns: ['token', 'count'],
    })
  })

  test('hides the password of an address and a bearer token in texts, those of errors and their causes too', () => {
    const { logger, sink } = recorder()
    const cause = new Error('401 for "Authorization: Bearer eyJhbGciOi.hunter2"')
    logger.error('cannot reach postgres://app:hunter2@db/flights', {
      url: new URL('https://app:hunter2@host/path'),
      error: new Error('postgres://app:hunter2@db:5432 refused', { cause }),
      kept: 'http://host:8080/a?b=c, the bearer of it',
    })
    expect(JSON.stringify(sink.records)).not.toContain('hunter2')
    expect(sink.records[0]).toMatchObject({
      message: 'cannot reach postgres://app:[redacted]@db/flights',
      fields: { url: 'https://app:[redacted]@host/path', kept: 'http://host:8080/a?b=c, the bearer of it' },
    })
  })

  test('takes a long text in no time, whatever it looks like', () => {
    const { logger } = recorder()
    const before = performance.now()
    for (const text of ['a.'.repeat(200_000), '://'.repeat(200_000), '://a:'.repeat(200_000), 'Bearer '.repeat(100_000)])
      logger.info('m', { text })
    expect(performance.now() - before).toBeLessThan(3000)
  })

  test('hides what is wrapped, wherever it stands and however it is printed', () => {
    const { logger, last } = recorder()
    const secret = new Secret('hunter2')
    class Connection {
      host = 'db'
      key = secret
    }
    logger.info('m', { list: [secret], url: secret, connection: new Connection(), error: new Error('x', { cause: secret }) })
    expect(JSON.stringify(last())).not.toContain('hunter2')
    expect(`${secret} ${JSON.stringify({ secret })} ${inspect(secret)} ${inspect({ secret }, { depth: 9 })}`).not.toContain('hunter2')
    expect(secret.reveal()).toBe('hunter2')
  })

  test('hides what an error carries in its details and causes', () => {
    const { logger, last } = recorder()
    const cause = Object.assign(new Error('refused'), { details: { password: 'hunter2', host: 'db' } })
    logger.error('m', { error: new Error('no connection', { cause }) })
    expect(JSON.stringify(last())).not.toContain('hunter2')
    expect(last()).toMatchObject({ error: { cause: { details: { host: 'db' } } } })
  })

  test('never throws: cycles, depth, getters that throw, long arrays and odd values are cut', () => {
    const { logger, last } = recorder()
    const cyclic: Record<string, unknown> = { name: 'c' }
    cyclic.self = cyclic
    let deep: unknown = 'bottom'
    for (let level = 0; level < 50; level++) deep = { deep }
    const shared = { a: 1 }
    logger.info('m', {
      cyclic,
      deep,
      shared: [shared, shared],
      get broken(): string {
        throw new Error('no')
      },
      revoked: (() => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return proxy
      })(),
      bytes: new Uint8Array(5),
      long: Array.from({ length: 150 }, (_, index) => index),
      big: 12n,
      symbol: Symbol('s'),
      run: () => {},
      date: new Date(0),
      bad: new Date(Number.NaN),
      set: new Set([1]),
      json: { toJSON: undefined, value: 1 },
      nothing: undefined,
      missing: null,
      ['__proto__']: 'plain',
    })
    expect(last()).toMatchObject({
      cyclic: { name: 'c', self: '[cycle]' },
      shared: [{ a: 1 }, { a: 1 }],
      broken: '[unreadable]',
      revoked: '[unreadable]',
      bytes: '[Uint8Array, 5 bytes]',
      big: '12',
      run: '[function run]',
      date: '1970-01-01T00:00:00.000Z',
      bad: '[invalid date]',
      set: [1],
      missing: null,
    })
    expect(last()?.long).toSatisfy((items: readonly unknown[]) => items.length === 101 && items.at(-1) === '[50 more]')
    expect(JSON.stringify(last())).toContain('[deeper]')
    expect(Object.keys(last() ?? {})).not.toContain('nothing')
  })
})

describe('errors', () => {
  test('are plain data with code, details and the chain of causes', () => {
    const cause = Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
    const error = new MillraceError('STORAGE_NO_SPACE', { message: 'full', details: { key: 'a/b' }, cause })
    expect(serializeError(error)).toMatchObject({
      name: 'MillraceError',
      message: 'full',
      code: 'STORAGE_NO_SPACE',
      details: { key: 'a/b' },
      cause: { code: 'ENOSPC' },
    })
    expect(serializeError(new AggregateError([new Error('one'), 'two'], 'several'))).toMatchObject({ errors: [{ message: 'one' }, 'two'] })
  })

  test('whose causes never end are cut', () => {
    const error = new Error('a')
    error.cause = error
    expect(JSON.stringify(serializeError(error))).toContain('[further causes]')
    const { logger, last } = recorder()
    logger.error('m', { error })
    expect(last()).toMatchObject({ error: { message: 'a' } })
  })
})

describe('sinks', () => {
  const time = Date.UTC(2001, 5, 1, 10, 15, 0, 123)

  test('of the console write one readable line by level', () => {
    const lines: string[] = []
    const write = (level: string) => (text: string) => void lines.push(`${level}: ${text}`)
    const target = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
    const logger = new Logger({ sinks: [consoleSink({ console: target })], clock: clockAt(time) })
    logger.info('model registered', { model: 'flight-delay', version: 3, note: 'two words', list: [1, 2] })
    const cause = Object.assign(new Error('ENOSPC: "disk" full'), { code: 'ENOSPC' })
    logger.error('failed', { error: new MillraceError('STORAGE_NO_SPACE', { message: 'no room', details: { key: 'k' }, cause }) })
    expect(lines).toEqual([
      'info: 10:15:00.123 info  model registered  model=flight-delay version=3 note="two words" list=[1,2]',
      'error: 10:15:00.123 error failed  error=STORAGE_NO_SPACE "no room" <- ENOSPC "ENOSPC: \\"disk\\" full"',
    ])
  })

  test('of the console cannot be made to forge a line or move the cursor', () => {
    const line = formatLine({
      time,
      level: 'info',
      message: 'a\nb\u001b[2K',
      fields: { 'k\r': 'x\n\u0085y', e: { name: 'E\n', message: 'm\u2028' } },
    })
    expect(line).not.toMatch(/[\p{Cc}\u2028]/u)
    expect(line).toContain('a\\u000ab\\u001b[2K')
  })

  test('of the console take the platform as their default', () => {
    expect(() => consoleSink()).not.toThrow()
    expect(formatLine({ time: Number.NaN, level: 'warn', message: 'm', fields: {} })).toBe('--:--:--.--- warn  m')
  })

  test('of JSON lines write a record a line, with text for the numbers that JSON lacks', () => {
    const lines: string[] = []
    let flushed = 0
    const sink = jsonLinesSink((line) => void lines.push(line), { flush: async () => void flushed++ })
    sink.write({ time, level: 'warn', message: 'a\nb', fields: { loss: Number.NaN, nested: { up: Infinity } } })
    void sink.flush?.()
    expect(lines).toEqual([
      '{"time":"2001-06-01T10:15:00.123Z","level":"warn","message":"a\\nb","fields":{"loss":"NaN","nested":{"up":"Infinity"}}}\n',
    ])
    expect(flushed).toBe(1)
    expect(jsonLinesSink(() => {}).flush).toBeUndefined()
  })

  test('of memory keep the newest', () => {
    const sink = memorySink({ limit: 2 })
    for (const message of ['a', 'b', 'c']) sink.write({ time, level: 'info', message, fields: {} })
    expect(sink.records.map(({ message }) => message)).toEqual(['b', 'c'])
    sink.clear()
    expect(sink.records).toEqual([])
  })
})
