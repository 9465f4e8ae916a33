import { FakeClock } from 'millrace/testing'
import { expect, test } from 'vitest'

test('wakes sleepers in the order of their times, each at its own', async () => {
  const clock = new FakeClock({ now: 1000 })
  const woken: string[] = []
  for (const ms of [30, 10, 20]) clock.sleep(ms).then(() => woken.push(`${ms} at ${clock.monotonicMs()} / ${clock.now()}`))
  await clock.advance(25)
  expect(woken).toEqual(['10 at 10 / 1010', '20 at 20 / 1020'])
  expect(clock.sleepers).toBe(1)
  await clock.advance(5)
  expect(woken.at(-1)).toBe('30 at 30 / 1030')
})

test('wakes a loop that sleeps again as often as the time allows', async () => {
  const clock = new FakeClock()
  let turns = 0
  const loop = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(10)
      turns++
    }
  }
  void loop()
  await clock.advance(55)
  expect(turns).toBe(5)
})

test('rejects a sleep with the reason of its signal, before and during', async () => {
  const clock = new FakeClock()
  const reason = new Error('stopped')
  await expect(clock.sleep(10, AbortSignal.abort(reason))).rejects.toBe(reason)
  const stop = new AbortController()
  const slept = clock.sleep(10, stop.signal)
  stop.abort(reason)
  await expect(slept).rejects.toBe(reason)
  expect(clock.sleepers).toBe(0)
})

test('changes the time of day without touching durations', async () => {
  const clock = new FakeClock({ now: 5_000_000 })
  clock.setNow(1_400_000)
  expect(clock.now()).toBe(1_400_000)
  expect(clock.monotonicMs()).toBe(0)
  await clock.advance(7)
  expect(clock.now()).toBe(1_400_007)
})
