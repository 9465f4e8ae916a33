import { Events } from 'millrace/core'
import { describe, expect, it } from 'vitest'

type Signal = { readonly type: 'opened'; readonly by: string } | { readonly type: 'closed' }

describe('Events', () => {
  it('tells all listeners in the order in which they came', () => {
    const events = new Events<Signal>()
    const heard: string[] = []
    events.on((event) => heard.push(`first ${event.type}`))
    events.on((event) => heard.push(`second ${event.type}`))
    events.emit({ type: 'opened', by: 'me' })
    events.emit({ type: 'closed' })
    expect(heard).toEqual(['first opened', 'second opened', 'first closed', 'second closed'])
  })

  it('stops telling a listener that was taken off, also when it was added twice', () => {
    const events = new Events<Signal>()
    let heard = 0
    const listener = (): number => heard++
    const off = events.on(listener)
    events.on(listener)
    off()
    off()
    events.emit({ type: 'closed' })
    expect(heard).toBe(1)
  })

  it('reports a listener that throws and goes on to the next', () => {
    const faults: unknown[] = []
    const events = new Events<Signal>({ onListenerError: (error, event) => faults.push([error, event.type]) })
    let heard = 0
    events.on(() => {
      throw new Error('bad')
    })
    events.on(() => heard++)
    events.emit({ type: 'closed' })
    expect(faults).toEqual([[new Error('bad'), 'closed']])
    expect(heard).toBe(1)
  })

  it('reports a listener whose promise rejects', async () => {
    const faults: unknown[] = []
    const events = new Events<Signal>({ onListenerError: (error) => faults.push(error) })
    events.on(async () => {
      throw new Error('later')
    })
    events.emit({ type: 'closed' })
    await Promise.resolve()
    await Promise.resolve()
    expect(faults).toEqual([new Error('later')])
  })

  it('survives a reporter that throws', () => {
    const events = new Events<Signal>({
      onListenerError: () => {
        throw new Error('reporter')
      },
    })
    events.on(() => {
      throw new Error('listener')
    })
    expect(() => events.emit({ type: 'closed' })).not.toThrow()
  })

  it('says nothing of a fault where nobody asked', () => {
    const events = new Events<Signal>()
    events.on(() => {
      throw new Error('listener')
    })
    expect(() => events.emit({ type: 'closed' })).not.toThrow()
  })
})
