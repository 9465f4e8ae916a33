import { describe, expect, test } from 'vitest'
import { receivedText } from '../../../src/core/received.ts'

describe('what was received, in the message of a fault', () => {
  test('is text in quotes and cut, a plain value as it is written, and of anything else the kind', () => {
    expect(receivedText('Churn\n')).toBe('"Churn\\n"')
    expect(receivedText('x'.repeat(10_000))).toBe(`"${'x'.repeat(80)}"`)
    expect([1.5, Number.NaN, true, 7n, undefined, null].map(receivedText)).toEqual(['1.5', 'NaN', 'true', '7', 'undefined', 'null'])
    expect([[], {}, Symbol('a'), () => 1, new Date(0)].map(receivedText)).toEqual([
      'an array',
      'an object',
      'a symbol',
      'a function',
      'an object',
    ])
  })

  test('is asked for nothing, so it cannot throw', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('it was asked')
        },
      },
    )
    for (const value of [Object.create(null), hostile, JSON.parse('{"toString":null}')]) expect(receivedText(value)).toBe('an object')
  })
})
