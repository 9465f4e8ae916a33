import { MillraceError, messageOf } from 'millrace/core'
import { describe, expect, it } from 'vitest'

const conflict = new MillraceError('STORAGE_CONFLICT', { message: 'Expected nothing at "a". Received an object.', details: { key: 'a' } })

describe('MillraceError', () => {
  it('is an Error with code, details and the cause that it was given', () => {
    const cause = new Error('socket closed')
    const error = new MillraceError('STORAGE_UNAVAILABLE', { message: 'm', details: { storage: 's', reason: 'r' }, cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'MillraceError',
      message: 'm',
      code: 'STORAGE_UNAVAILABLE',
      details: { storage: 's', reason: 'r' },
      cause,
    })
  })

  it('has no cause where none was given', () => {
    expect(Object.hasOwn(conflict, 'cause')).toBe(false)
  })

  it('narrows by code', () => {
    const error: unknown = conflict
    expect(MillraceError.is(error) && error.code === 'STORAGE_CONFLICT' ? error.details.key : '').toBe('a')
    expect(MillraceError.is(error, 'STORAGE_CONFLICT') ? error.details.key : '').toBe('a')
    expect(MillraceError.is(error, 'STORAGE_NOT_FOUND')).toBe(false)
  })

  it('knows an error of another installed copy of the library', () => {
    const foreign = Object.assign(new Error('m'), { isMillraceError: true, code: 'STORAGE_CONFLICT', details: { key: 'b' } })
    expect(foreign).not.toBeInstanceOf(MillraceError)
    expect(MillraceError.is(foreign, 'STORAGE_CONFLICT')).toBe(true)
  })

  it.each([undefined, null, 'text', 7, {}, new Error('m'), { code: 'STORAGE_CONFLICT' }])('takes %j for none of ours', (value) => {
    expect(MillraceError.is(value)).toBe(false)
    expect(MillraceError.is(value, 'STORAGE_CONFLICT')).toBe(false)
  })
})

describe('messageOf', () => {
  it('is the message of an error and the text of anything else', () => {
    expect(messageOf(conflict)).toContain('Received an object')
    expect(messageOf('plain')).toBe('plain')
    expect(messageOf(undefined)).toBe('undefined')
  })
})
