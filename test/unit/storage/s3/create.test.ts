import { MillraceError } from 'millrace'
import { createRandom } from 'millrace/core'
import { FakeClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import type { Asked, Intercept } from './fake-s3.ts'
import { broken, credentials, FakeS3, failed, HastyClock, openOn } from './fake-s3.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error) => (MillraceError.is(error) ? error.code : error),
  )
const isPut = ({ method }: Asked): boolean => method === 'PUT'

/** The first so many of the requests that fit are answered so. */
function first(count: number, fits: (asked: Asked) => boolean, answer: Intercept): Intercept {
  let left = count
  return (asked, apply) => {
    if (left === 0 || !fits(asked)) return undefined
    left--
    return answer(asked, apply)
  }
}

describe('a create', () => {
  test('is one request, and a second one of the same key a conflict', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    await storage.putIfAbsent('a/b', bytes('one'))
    expect(await codeOf(storage.putIfAbsent('a/b', bytes('one')))).toBe('STORAGE_CONFLICT')
    expect(s3.requests).toEqual(['PUT a/b', 'PUT a/b'])
    expect(s3.asked.map(({ headers }) => headers.get('if-none-match'))).toEqual(['*', '*'])
  })

  describe('whose reply is lost', () => {
    const losses: Record<string, Intercept> = {
      'by a broken connection': (_, apply) => {
        apply()
        return broken()
      },
      'to a 500 of a server that had done it': (_, apply) => {
        apply()
        return failed(500, 'InternalError')
      },
      'to a 504 of a proxy': (_, apply) => {
        apply()
        return new Response('<html>Gateway Timeout</html>', { status: 504 })
      },
    }
    test.each(Object.entries(losses))('row 17: S3 reply lost after apply: one version, no phantom (%s)', async (_, loss) => {
      const s3 = new FakeS3()
      const storage = await openOn(s3)
      s3.intercept = first(1, isPut, loss)
      await storage.putIfAbsent('key', bytes('one'))
      expect(s3.requests).toEqual(['PUT key', 'GET key'])
      expect(await codeOf(storage.putIfAbsent('key', bytes('two')))).toBe('STORAGE_CONFLICT')
      expect((await storage.get('key'))?.bytes).toEqual(bytes('one'))
    })

    test('is a conflict where another writer had the key, also one that wrote the same bytes', async () => {
      for (const other of ['two', 'one']) {
        const s3 = new FakeS3()
        const storage = await openOn(s3)
        s3.intercept = first(1, isPut, () => {
          s3.objects.set('key', { bytes: bytes(other), headers: { 'x-amz-meta-millrace-write': 'theirs' }, modifiedAt: 0 })
          return broken()
        })
        expect(await codeOf(storage.putIfAbsent('key', bytes('one')))).toBe('STORAGE_CONFLICT')
      }
    })

    test('is told by the bytes where the mark of the writer cannot be seen', async () => {
      for (const [held, expected] of [
        ['one', 'success'],
        ['two', 'STORAGE_CONFLICT'],
      ] as const) {
        const s3 = new FakeS3()
        const storage = await openOn(s3)
        s3.intercept = first(1, isPut, () => {
          s3.objects.set('key', { bytes: bytes(held), headers: {}, modifiedAt: 0 })
          return broken()
        })
        expect(await codeOf(storage.putIfAbsent('key', bytes('one')))).toBe(expected)
      }
    })

    test('is made again where it was not applied', async () => {
      const s3 = new FakeS3()
      const storage = await openOn(s3)
      s3.intercept = first(2, isPut, () => broken())
      await storage.putIfAbsent('key', bytes('one'))
      expect(s3.requests).toEqual(['PUT key', 'GET key', 'PUT key', 'GET key', 'PUT key'])
      expect(new Set(s3.asked.filter(isPut).map(({ headers }) => headers.get('x-amz-meta-millrace-write'))).size).toBe(1)
    })

    test('succeeds where the first try arrives after all, behind the second look', async () => {
      const s3 = new FakeS3()
      const storage = await openOn(s3)
      let late: (() => void) | undefined
      s3.intercept = first(2, isPut, (_, apply) => {
        if (late === undefined) {
          late = apply
          return broken()
        }
        late()
        return undefined as never
      })
      await storage.putIfAbsent('key', bytes('one'))
      expect(s3.requests).toEqual(['PUT key', 'GET key', 'PUT key', 'GET key'])
    })

    test('is of unknown outcome where the store cannot be read either, or keeps losing replies, or the object is gone', async () => {
      const dead = new FakeS3()
      const onDead = await openOn(dead)
      dead.intercept = () => broken()
      expect(await codeOf(onDead.putIfAbsent('key', bytes('one')))).toBe('STORAGE_OUTCOME_UNKNOWN')

      const losing = new FakeS3()
      const onLosing = await openOn(losing, { attempts: 3 })
      losing.intercept = first(99, isPut, () => failed(500, 'InternalError'))
      expect(await codeOf(onLosing.putIfAbsent('key', bytes('one')))).toBe('STORAGE_OUTCOME_UNKNOWN')
      expect(losing.asked.filter(isPut)).toHaveLength(3)

      const denying = new FakeS3()
      const onDenying = await openOn(denying)
      denying.intercept = ({ method }) => (method === 'PUT' ? broken() : failed(403, 'AccessDenied'))
      expect(await codeOf(onDenying.putIfAbsent('key', bytes('one')))).toBe('STORAGE_OUTCOME_UNKNOWN')

      const gone = new FakeS3()
      const onGone = await openOn(gone)
      let puts = 0
      gone.intercept = (asked) => (isPut(asked) ? (puts++ === 0 ? broken() : failed(412, 'PreconditionFailed')) : undefined)
      expect(await codeOf(onGone.putIfAbsent('key', bytes('one')))).toBe('STORAGE_OUTCOME_UNKNOWN')
    })

    test('is of unknown outcome where the next answer is another fault', async () => {
      const s3 = new FakeS3()
      const storage = await openOn(s3)
      let puts = 0
      s3.intercept = (asked) => (isPut(asked) ? (puts++ === 0 ? broken() : failed(403, 'AccessDenied')) : undefined)
      expect(await codeOf(storage.putIfAbsent('key', bytes('one')))).toBe('STORAGE_OUTCOME_UNKNOWN')
    })

    test('to a time-out is looked into', async () => {
      const s3 = new FakeS3()
      const clock = new FakeClock()
      const storage = await openOn(s3, { clock, timeoutMs: 5_000 })
      let stopped: unknown
      s3.intercept = first(1, isPut, ({ signal }, apply) => {
        apply()
        return new Promise((_, reject) =>
          signal?.addEventListener('abort', () => {
            stopped = signal.reason
            reject(signal.reason)
          }),
        )
      })
      const created = storage.putIfAbsent('key', bytes('one'))
      await new Promise((resolve) => setTimeout(resolve, 20))
      await clock.advance(5_000)
      await created
      expect(String(stopped)).toContain('no answer within 5000 ms')
      expect(s3.requests).toEqual(['PUT key', 'GET key'])
      // Nothing is left waiting.
      expect(clock.sleepers).toBe(0)
    })
  })

  test('row 18: S3 409 burst: retried, invisible', async () => {
    const s3 = new FakeS3()
    const clock = new HastyClock()
    const storage = await openOn(s3, { clock, random: createRandom(3) })
    s3.intercept = first(5, isPut, () => failed(409, 'ConditionalRequestConflict'))
    await storage.putIfAbsent('key', bytes('one'))
    expect(s3.requests).toEqual(Array.from({ length: 6 }, () => 'PUT key'))
    // With jitter, so that those who collided once do not collide again.
    expect(clock.delaysMs).toHaveLength(5)
    expect(new Set(clock.delaysMs).size).toBe(5)
    for (const [index, delay] of clock.delaysMs.entries()) expect(delay).toBeLessThan(100 * 2 ** index)
  })

  test('row 18: a burst that does not end is a store that cannot be reached, not a conflict', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = first(99, isPut, () => failed(409, 'ConditionalRequestConflict'))
    expect(await codeOf(storage.putIfAbsent('key', bytes('one')))).toBe('STORAGE_UNAVAILABLE')
    expect(s3.objects.size).toBe(0)
  })

  test('that collides with a folder on a server of files is refused as such', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = first(1, isPut, () => failed(409, 'ObjectParentIsFile'))
    expect(await codeOf(storage.putIfAbsent('key/child', bytes('one')))).toBe('STORAGE_INVALID_KEY')
  })

  test.each([
    [429, 'TooManyRequests'],
    [503, 'SlowDown'],
    [400, 'RequestTimeout'],
    [400, 'XAmzContentSHA256Mismatch'],
  ])('that is answered with %i %s was not done, and is made again without a look', async (status, code) => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = first(2, isPut, () => failed(status, code))
    await storage.putIfAbsent('key', bytes('one'))
    expect(s3.requests).toEqual(['PUT key', 'PUT key', 'PUT key'])
  })

  test('waits as long as the server asks, in seconds or until a date, but not for ever', async () => {
    const s3 = new FakeS3()
    const clock = new HastyClock()
    const storage = await openOn(s3, { clock })
    const asks = ['7', new Date(clock.now() + 9_000).toUTCString(), 'nonsense', '3600']
    s3.intercept = first(4, isPut, () => failed(503, 'SlowDown', '', { 'retry-after': asks.shift() as string }))
    expect(await codeOf(storage.putIfAbsent('key', bytes('one')))).toBe('STORAGE_UNAVAILABLE')
    expect(clock.delaysMs.slice(0, 2)).toEqual([7_000, 9_000])
    expect(clock.delaysMs).toHaveLength(3)
  })

  test.each([
    [403, 'SignatureDoesNotMatch', 'STORAGE_DENIED'],
    [403, 'InvalidAccessKeyId', 'STORAGE_DENIED'],
    [403, 'AccessDenied', 'STORAGE_DENIED'],
    [403, 'RequestTimeTooSkewed', 'STORAGE_DENIED'],
    [400, 'ExpiredToken', 'STORAGE_DENIED'],
    [401, 'Unauthorized', 'STORAGE_DENIED'],
    [404, 'NoSuchBucket', 'STORAGE_UNAVAILABLE'],
    [301, 'PermanentRedirect', 'STORAGE_UNAVAILABLE'],
    [400, 'InvalidRequest', 'STORAGE_UNAVAILABLE'],
    [413, 'EntityTooLarge', 'STORAGE_UNAVAILABLE'],
    [507, 'InsufficientStorage', 'STORAGE_NO_SPACE'],
    [507, 'Whatever', 'STORAGE_NO_SPACE'],
    [400, 'QuotaExceeded', 'STORAGE_NO_SPACE'],
    [500, 'XMinioStorageFull', 'STORAGE_NO_SPACE'],
  ])('that is answered with %i %s is %s, at once', async (status, code, expected) => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = first(1, isPut, () => failed(status, code))
    const error = await storage.putIfAbsent('key', bytes('one')).catch((caught: unknown) => caught)
    expect(MillraceError.is(error) && error.code).toBe(expected)
    expect(String(error)).toContain(code)
    expect(s3.requests).toEqual(['PUT key'])
  })

  test('says in which region the bucket is', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = first(1, isPut, () => failed(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'eu-west-1' }))
    await expect(storage.putIfAbsent('key', bytes('one'))).rejects.toThrow('the bucket is in eu-west-1')
  })

  test('that never reached the server is not of unknown outcome', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = () => {
      throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) })
    }
    await expect(storage.putIfAbsent('key', bytes('one'))).rejects.toThrow('ECONNREFUSED')
    expect(await codeOf(storage.putIfAbsent('key', bytes('one')))).toBe('STORAGE_UNAVAILABLE')
  })

  test('rejects with the reason when it is aborted under way, while it waits and while it is asked for credentials', async () => {
    const reason = new Error('stopped')
    const s3 = new FakeS3()
    const storage = await openOn(s3, { clock: new FakeClock() })
    for (const answer of [() => new Promise<Response>(() => {}), () => failed(503, 'SlowDown')]) {
      const stop = new AbortController()
      s3.intercept = answer
      const created = storage.putIfAbsent('key', bytes('one'), { signal: stop.signal })
      await new Promise((resolve) => setTimeout(resolve, 10))
      stop.abort(reason)
      await expect(created).rejects.toBe(reason)
    }
    const stop = new AbortController()
    let isOpen = false
    const slow = await openOn(s3Without(s3), { credentials: () => (isOpen ? new Promise(() => {}) : credentials) })
    isOpen = true
    const created = slow.putIfAbsent('key', bytes('one'), { signal: stop.signal })
    stop.abort(reason)
    await expect(created).rejects.toBe(reason)
  })
})

function s3Without(s3: FakeS3): FakeS3 {
  s3.intercept = undefined
  return s3
}

describe('a deletion', () => {
  const isDelete = ({ method }: Asked): boolean => method === 'DELETE'
  const lost: Record<string, (apply: () => Response) => Response> = {
    'by a broken connection': (apply) => {
      apply()
      return broken()
    },
    'to a 500': (apply) => {
      apply()
      return failed(500, 'InternalError')
    },
  }

  test.each(Object.entries(lost))('whose reply is lost %s has succeeded where the object is gone, with one delete', async (_, lose) => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    await storage.put('key', bytes('one'))
    s3.asked.length = 0
    s3.intercept = first(1, isDelete, (_, apply) => lose(apply))
    await storage.delete('key')
    expect(s3.objects.size).toBe(0)
    expect(s3.requests).toEqual(['DELETE key', 'GET key'])
  })

  test.each(Object.entries(lost))('whose reply is lost %s never deletes what another created meanwhile', async (_, lose) => {
    for (const created of ['one', 'two', '']) {
      const s3 = new FakeS3()
      const storage = await openOn(s3)
      await storage.put('key', bytes('one'))
      s3.intercept = first(1, isDelete, (_, apply) =>
        lose(() => {
          const reply = apply()
          s3.objects.set('key', { bytes: bytes(created), headers: {}, modifiedAt: 0 })
          return reply
        }),
      )
      expect(await codeOf(storage.delete('key'))).toBe('STORAGE_OUTCOME_UNKNOWN')
      expect((await storage.get('key'))?.bytes).toEqual(bytes(created))
    }
  })

  test('that was certainly not applied is made again, without a look', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    await storage.put('key', bytes('one'))
    s3.asked.length = 0
    s3.intercept = first(2, isDelete, () => failed(503, 'SlowDown'))
    await storage.delete('key')
    expect(s3.requests).toEqual(['DELETE key', 'DELETE key', 'DELETE key'])
    expect(s3.objects.size).toBe(0)
  })

  test('of unknown outcome says so in one sentence, and what was the matter', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = () => broken()
    const error = await storage.delete('key').catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')).toBe(true)
    expect((error as Error).message.match(/Expected|Received/g)).toEqual(['Expected', 'Received'])
    expect((error as Error).message).toContain('ECONNRESET')
  })
})

describe('a replacement', () => {
  test('is made again after a lost reply, without a look', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = first(
      2,
      () => true,
      (_, apply) => {
        apply()
        return broken()
      },
    )
    await storage.put('key', bytes('one'))
    expect(s3.requests).toEqual(['PUT key', 'PUT key', 'PUT key'])
  })

  test('and a deletion are of unknown outcome where no answer ever comes', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = () => broken()
    expect(await codeOf(storage.put('key', bytes('one')))).toBe('STORAGE_OUTCOME_UNKNOWN')
    expect(await codeOf(storage.delete('key'))).toBe('STORAGE_OUTCOME_UNKNOWN')
  })

  test('and a deletion reject typed where the server refuses', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = () => failed(403, 'AccessDenied')
    expect(await codeOf(storage.put('key', bytes('one')))).toBe('STORAGE_DENIED')
    expect(await codeOf(storage.delete('key'))).toBe('STORAGE_DENIED')
    s3.intercept = () => failed(507, 'InsufficientStorage')
    expect(await codeOf(storage.put('key', bytes('one')))).toBe('STORAGE_NO_SPACE')
    s3.intercept = () => failed(404, 'NoSuchKey')
    expect(await codeOf(storage.delete('key'))).toBe('success')
    s3.intercept = () => failed(404, 'NoSuchBucket')
    expect(await codeOf(storage.delete('key'))).toBe('STORAGE_UNAVAILABLE')
    s3.intercept = () => failed(409, 'ExistingObjectIsDirectory')
    expect(await codeOf(storage.put('key', bytes('one')))).toBe('STORAGE_INVALID_KEY')
  })
})
