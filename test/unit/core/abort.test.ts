import { isAbortOf, raceAbort, throwIfAborted, untilAborted, yieldToEventLoop } from 'millrace/core'
import { describe, expect, it } from 'vitest'

const reason = { why: 'enough' }

describe('throwIfAborted', () => {
  it('throws the very reason, and nothing before an abort or without a signal', () => {
    const controller = new AbortController()
    throwIfAborted(undefined)
    throwIfAborted(controller.signal)
    controller.abort(reason)
    let thrown: unknown
    try {
      throwIfAborted(controller.signal)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBe(reason)
  })
})

describe('isAbortOf', () => {
  it('holds for the reason of this signal only', () => {
    const signal = AbortSignal.abort(reason)
    expect(isAbortOf(signal, reason)).toBe(true)
    expect(isAbortOf(signal, { ...reason })).toBe(false)
    expect(isAbortOf(new AbortController().signal, undefined)).toBe(false)
    expect(isAbortOf(undefined, reason)).toBe(false)
  })
})

describe('raceAbort', () => {
  it('settles as the work does', async () => {
    const { signal } = new AbortController()
    await expect(raceAbort(Promise.resolve(1), signal)).resolves.toBe(1)
    await expect(raceAbort(Promise.reject(new Error('work')), signal)).rejects.toThrow('work')
    await expect(raceAbort(Promise.resolve(1), undefined)).resolves.toBe(1)
  })

  it('rejects with the reason as soon as the signal aborts', async () => {
    const controller = new AbortController()
    const raced = raceAbort(new Promise(() => {}), controller.signal)
    controller.abort(reason)
    await expect(raced).rejects.toBe(reason)
  })

  it('rejects at once for a signal that has aborted, and swallows what the work does then', async () => {
    await expect(raceAbort(Promise.reject(new Error('late')), AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('leaves no listener on the signal', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...call: Parameters<typeof addEventListener>) => {
      listeners++
      addEventListener.apply(signal, call)
    }
    signal.removeEventListener = (...call: Parameters<typeof removeEventListener>) => {
      listeners--
      removeEventListener.apply(signal, call)
    }
    await raceAbort(Promise.resolve(1), signal)
    await yieldToEventLoop()
    expect(listeners).toBe(0)
  })
})

describe('yieldToEventLoop', () => {
  it('lets timers run', async () => {
    let fired = false
    setTimeout(() => {
      fired = true
    }, 0)
    await yieldToEventLoop()
    expect(fired).toBe(true)
  })
})

describe('untilAborted', () => {
  const collect = async (items: AsyncIterable<number>, signal?: AbortSignal): Promise<number[]> => {
    const taken: number[] = []
    for await (const item of untilAborted(items, signal)) taken.push(item)
    return taken
  }

  it('gives every item, and what the items throw', async () => {
    async function* three(): AsyncGenerator<number> {
      yield* [1, 2, 3]
    }
    async function* broken(): AsyncGenerator<number> {
      yield 1
      throw reason
    }
    expect(await collect(three())).toEqual([1, 2, 3])
    expect(await collect(three(), new AbortController().signal)).toEqual([1, 2, 3])
    await expect(collect(broken())).rejects.toBe(reason)
  })

  it('rejects while an item is waited for that never comes', async () => {
    const controller = new AbortController()
    async function* hanging(): AsyncGenerator<number> {
      yield 1
      await new Promise(() => {})
    }
    const pending = collect(hanging(), controller.signal)
    await yieldToEventLoop()
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
  })

  it('ends the items when the taker stops or the signal aborts, and leaves no listener', async () => {
    const controller = new AbortController()
    const { signal } = controller
    let ended = 0
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...call: Parameters<typeof addEventListener>) => {
      listeners++
      addEventListener.apply(signal, call)
    }
    signal.removeEventListener = (...call: Parameters<typeof removeEventListener>) => {
      listeners--
      removeEventListener.apply(signal, call)
    }
    async function* endless(): AsyncGenerator<number> {
      try {
        for (let item = 0; ; item++) yield item
      } finally {
        ended++
      }
    }
    for await (const item of untilAborted(endless(), signal)) if (item === 3) break
    expect([ended, listeners]).toEqual([1, 0])
    const pending = (async () => {
      for await (const item of untilAborted(endless(), signal)) if (item === 3) controller.abort(reason)
    })()
    await expect(pending).rejects.toBe(reason)
    await yieldToEventLoop()
    expect([ended, listeners]).toEqual([2, 0])
  })
})
