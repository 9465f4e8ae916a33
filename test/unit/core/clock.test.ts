import { systemClock } from 'millrace/core'
import { describe, expect, it } from 'vitest'

describe('systemClock', () => {
  it('tells the time of the platform', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000)
    const before = systemClock.monotonicMs()
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before)
  })

  it('sleeps at least about as long as told', async () => {
    const before = systemClock.monotonicMs()
    await systemClock.sleep(20)
    expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(15)
  })

  it('wakes with the reason as soon as the signal aborts', async () => {
    const controller = new AbortController()
    const before = systemClock.monotonicMs()
    const sleeping = systemClock.sleep(60_000, controller.signal)
    controller.abort('wake')
    await expect(sleeping).rejects.toBe('wake')
    expect(systemClock.monotonicMs() - before).toBeLessThan(5000)
  })

  it('does not fall asleep under a signal that has aborted', async () => {
    await expect((async () => systemClock.sleep(60_000, AbortSignal.abort('no')))()).rejects.toBe('no')
  })

  it('sleeps longer than a timer of the platform can, and still hears an abort', async () => {
    const controller = new AbortController()
    const sleeping = systemClock.sleep(30 * 24 * 3_600_000, controller.signal).then(() => 'woke')
    const soon = systemClock.sleep(30).then(() => 'asleep')
    expect(await Promise.race([sleeping, soon])).toBe('asleep')
    controller.abort('wake')
    await expect(sleeping).rejects.toBe('wake')
  })

  it('does not hear an abort after it woke', async () => {
    const controller = new AbortController()
    await systemClock.sleep(0, controller.signal)
    controller.abort('late')
  })
})
