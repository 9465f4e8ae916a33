import { MillraceError } from 'millrace/core'
import { Pipeline, Stage } from 'millrace/pipeline'
import { describe, expect, it } from 'vitest'

const run = (value: number): number => value

function faultOf(work: () => unknown): MillraceError<'STAGE_INVALID'> {
  try {
    work()
  } catch (error) {
    if (MillraceError.is(error, 'STAGE_INVALID')) return error
    throw error
  }
  throw new Error('Expected STAGE_INVALID. Received nothing.')
}

describe('Stage', () => {
  it.each(['', 'Upper', 'under_score', '-start', 'end-', 'a/b', 'constructor', 'x'.repeat(101)])('refuses the name %j', (name) => {
    expect(faultOf(() => new Stage({ name, version: '1', run })).message).toContain('Expected a name for a stage')
  })

  it.each([
    ['an empty version', { version: '' }],
    ['a number as version', { version: 1 }],
    ['no run', { run: undefined }],
    ['negative retries', { retries: -1 }],
    ['half a retry', { retries: 0.5 }],
    ['a timeout of nothing', { timeoutMs: 0 }],
    ['a timeout that is no number', { timeoutMs: Number.NaN }],
    ['a fingerprint that is no function', { fingerprint: 'x' }],
  ])('refuses %s', (_, change) => {
    expect(faultOf(() => new Stage({ name: 'double', version: '1', run, ...change } as never)).message).toContain(
      'Expected stage "double" to have',
    )
  })

  it('is immutable, and so is its definition', () => {
    const stage = new Stage({ name: 'double', version: '1', run })
    expect(Object.isFrozen(stage)).toBe(true)
    expect(Object.isFrozen(stage.definition)).toBe(true)
    expect(Object.isFrozen(new Pipeline('p'))).toBe(true)
  })

  it('reads parameters once, when it is made', () => {
    const parameters = { factor: 2 }
    const stage = new Stage({ name: 'double', version: '1', parameters, run })
    parameters.factor = 3
    expect(stage.parameters).toEqual({ factor: 2 })
  })

  it('counts a function among the parameters by its source text', () => {
    const make = (above: (value: number) => boolean) => new Stage({ name: 'a', version: '1', parameters: { above }, run }).parameters
    expect(make((value) => value > 15)).toEqual(make((value) => value > 15))
    expect(make((value) => value > 15)).not.toEqual(make((value) => value > 16))
  })

  it('tells apart parameters that JSON would write alike', () => {
    const values = [
      null,
      undefined,
      Number.NaN,
      Infinity,
      -Infinity,
      0,
      -0,
      '0',
      1n,
      '1',
      new Date(0),
      '1970-01-01T00:00:00.000Z',
      /a/,
      '/a/',
      { $number: 'NaN' },
      [null],
      new Uint8Array([1]),
      new Int8Array([1]),
    ]
    const written = values.map((value) => JSON.stringify(new Stage({ name: 'a', version: '1', parameters: [value], run }).parameters))
    expect(new Set(written).size).toBe(values.length)
  })

  it.each([
    ['a Map', { table: new Map() }, 'an instance of Map at parameters.table'],
    ['a class instance', { list: [new (class Model {})()] }, 'an instance of Model at parameters.list[0]'],
    ['a symbol', { tag: Symbol('x') }, 'a symbol at parameters.tag'],
    ['a bound function', { run: run.bind(undefined) }, 'a bound function'],
    ['a bound function of another name', { run: Object.defineProperty(run.bind(undefined), 'name', { value: 'x' }) }, 'a bound function'],
    ['a proxy of a function', { run: new Proxy(run, {}) }, 'a proxy'],
  ])('refuses %s among the parameters and says where', (_, parameters, expected) => {
    expect(faultOf(() => new Stage({ name: 'a', version: '1', parameters, run })).message).toContain(expected)
  })

  it('refuses a cycle among the parameters', () => {
    const parameters: Record<string, unknown> = {}
    parameters.self = parameters
    expect(faultOf(() => new Stage({ name: 'a', version: '1', parameters, run })).message).toContain('a cycle at parameters.self')
  })
})
