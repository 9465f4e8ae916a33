import fc from 'fast-check'
import { mapConcurrently } from 'millrace/core'
import { describe, expect, it } from 'vitest'

const pause = (turns: number): Promise<void> => (turns === 0 ? Promise.resolve() : Promise.resolve().then(() => pause(turns - 1)))

describe('mapConcurrently', () => {
  it('keeps the order and the limit, whatever each takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9), { maxLength: 20 }), fc.integer({ min: 1, max: 6 }), async (turns, concurrency) => {
        let running = 0
        let most = 0
        const results = await mapConcurrently(turns, concurrency, async (turn, index) => {
          most = Math.max(most, ++running)
          await pause(turn)
          running--
          return [turn, index]
        })
        expect(results).toEqual(turns.map((turn, index) => [turn, index]))
        expect(most).toBe(Math.min(concurrency, turns.length))
      }),
    )
  })

  it('starts nothing after a failure, and rejects with the first once those under way have settled', async () => {
    const started: number[] = []
    let settled = 0
    const work = mapConcurrently([0, 1, 2, 3, 4, 5], 3, async (item) => {
      started.push(item)
      await pause(item === 1 ? 1 : 10)
      settled++
      if (item < 3) throw new Error(`item ${item}`)
    })
    await expect(work).rejects.toThrow('item 1')
    expect(started).toEqual([0, 1, 2])
    expect(settled).toBe(3)
  })

  it('takes a limit below one for one', async () => {
    expect(await mapConcurrently([1, 2], 0, async (item) => item)).toEqual([1, 2])
  })

  it('stops at an abort with its reason', async () => {
    const controller = new AbortController()
    const started: number[] = []
    const work = mapConcurrently(
      [0, 1, 2, 3],
      1,
      async (item) => {
        started.push(item)
        if (item === 1) controller.abort('stop')
      },
      controller.signal,
    )
    await expect(work).rejects.toBe('stop')
    expect(started).toEqual([0, 1])
  })

  it('takes any iterable', async () => {
    expect(await mapConcurrently(new Set(['a', 'b']), 2, async (item, index) => `${item}${index}`)).toEqual(['a0', 'b1'])
  })

  it('passes on a failure that is undefined', async () => {
    await expect(mapConcurrently([1], 1, () => Promise.reject(undefined))).rejects.toBeUndefined()
  })
})
