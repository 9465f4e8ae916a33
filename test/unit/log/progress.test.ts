import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { progressBar } from '../../../src/log/progress-bar.ts'
import { ProgressRate } from '../../../src/log/progress-rate.ts'
import { formatCount, formatDuration, renderProgress } from '../../../src/log/render-progress.ts'
import { memorySink } from '../../../src/log/sinks.ts'

describe('a line of progress', () => {
  const view = {
    task: 'train',
    done: 1500,
    total: 3000,
    unit: 'rows',
    perSecond: 412_000,
    secondsLeft: 72,
    elapsedSeconds: 9,
    fields: { loss: 0.43219, auc: 0.8 },
  }

  test('shows bar, count, rate, figures and time left', () => {
    expect(renderProgress(view, 120)).toBe(
      'train  [############------------]   50%   1.5k/3k rows   412k rows/s  loss 0.4322  auc 0.8000   1:12 left',
    )
  })

  test('keeps a bar of ten as long as the time fits beside it: the unit of the rate goes first, then figures, the rate, the count', () => {
    const training = {
      task: 'train',
      done: 401_000,
      total: 5_580_000,
      unit: 'rows',
      perSecond: 376_000,
      secondsLeft: 14,
      elapsedSeconds: 1,
      fields: { epoch: 1, loss: 0.4477 },
    }
    const line = (columns: number): string => renderProgress(training, columns)
    expect(line(120)).toBe('train  [#-----------------------]    7%   401k/5.58M rows   376k rows/s  epoch 1  loss 0.4477   0:14 left')
    expect(line(90)).toBe('train  [#-------------]    7%   401k/5.58M rows   376k/s  epoch 1  loss 0.4477   0:14 left')
    expect(line(80)).toBe('train  [-------------]    7%   401k/5.58M rows   376k/s  loss 0.4477   0:14 left')
    expect(line(60)).toBe('train  [#--------------]    7%   401k/5.58M rows   0:14 left')
    expect(line(40)).toBe('train  [-------------]    7%   0:14 left')
    expect(line(30)).toBe('train    7%   0:14 left')
    expect(line(12)).toBe('train    7%')
    expect(line(3)).toBe('tra')
  })

  test.each([60, 79, 80, 120])('has a bar of one width from the first drawing to the last in %i columns', (columns) => {
    const widths = new Set<number>()
    const total = 5_580_000
    for (let step = 1; step <= 500; step++) {
      const done = (total * step) / 500
      const isFirst = step === 1
      const line = renderProgress(
        {
          task: 'train',
          done,
          total,
          unit: 'rows',
          elapsedSeconds: step,
          fields: { epoch: 1 + Math.floor(step / 100), loss: 0.45 + 0.1 / step },
          ...(isFirst ? {} : { perSecond: 9_990 + step * 700, secondsLeft: 1500 - step * 3 }),
        },
        columns,
      )
      widths.add(/\[[#-]*\]/.exec(line)?.[0].length ?? 0)
      if (!isFirst && columns < 120) expect(line.length).toBe(columns)
    }
    expect([...widths]).toHaveLength(1)
    expect([...widths][0]).toBeGreaterThanOrEqual(12)
  })

  test('without a total shows the count and the time so far, without a rate nothing of it', () => {
    expect(renderProgress({ task: 'ingest', done: 65_536, unit: 'rows', elapsedSeconds: 3 }, 80)).toBe('ingest  65.5k rows  0:03')
    expect(renderProgress({ task: 'ingest', done: 3, total: 0, elapsedSeconds: 3 }, 80)).toBe('ingest  3/0  0:03')
  })

  test('at the end shows how long it took', () => {
    expect(renderProgress({ task: 't', done: 10, total: 10, elapsedSeconds: 61, finished: true }, 80)).toContain('100%  10/10  in 1:01')
  })

  test('never exceeds its columns nor breaks the line, whatever it is given', () => {
    const number = fc.double()
    fc.assert(
      fc.property(
        fc.record(
          {
            task: fc.string(),
            done: number,
            total: number,
            unit: fc.constantFrom('rows', 'bytes'),
            perSecond: number,
            secondsLeft: number,
            elapsedSeconds: number,
            fields: fc.dictionary(fc.constantFrom('loss', 'auc'), number),
            finished: fc.boolean(),
          },
          { requiredKeys: ['task', 'done', 'elapsedSeconds'] },
        ),
        fc.integer({ min: 0, max: 200 }),
        (any, columns) => {
          const line = renderProgress(any, columns)
          expect(line.length).toBeLessThanOrEqual(columns)
          expect(line).not.toMatch(/\p{Cc}/u)
        },
      ),
    )
  })

  test('writes counts with three figures and durations as clocks do', () => {
    expect([0, 7.25, 999, 999.9, 1000, 1234, 999_950, 3e6, 2.5e9, Number.NaN].map(formatCount)).toEqual([
      '0',
      '7.25',
      '999',
      '1k',
      '1k',
      '1.23k',
      '1M',
      '3M',
      '2.5G',
      'NaN',
    ])
    expect([0, 7.4, 72, 3723, Infinity, -5].map(formatDuration)).toEqual(['0:00', '0:07', '1:12', '1:02:03', '?', '0:00'])
  })
})

describe('the rate', () => {
  test('is that of the last ten seconds, from few samples', () => {
    const rate = new ProgressRate()
    expect(rate.perSecond()).toBeUndefined()
    for (let ms = 0; ms <= 20_000; ms += 10) rate.add(ms, ms < 10_000 ? ms : 10_000 + (ms - 10_000) * 3)
    expect(rate.perSecond()).toBeGreaterThan(2_900)
    expect(rate.perSecond()).toBeLessThan(3_001)
  })

  test('starts anew when the count falls', () => {
    const rate = new ProgressRate()
    rate.add(0, 0)
    rate.add(1000, 5000)
    rate.add(2000, 0)
    expect(rate.perSecond()).toBeUndefined()
    rate.add(3000, 100)
    expect(rate.perSecond()).toBe(100)
  })
})

describe('a progress bar', () => {
  function bar(options: { isTerminal: boolean; columns?: number; write?: (text: string) => void }) {
    let nowMs = 0
    const written: string[] = []
    const clock = { now: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} }
    const made = progressBar({ write: (text) => void written.push(text), clock, ...options })
    return {
      bar: made,
      written,
      advance(ms: number): void {
        nowMs += ms
      },
    }
  }

  test('in a terminal redraws one line, not too often, and leaves the last one standing', () => {
    const { bar: progress, written, advance } = bar({ isTerminal: true, columns: 70 })
    for (let done = 0; done <= 1000; done += 10) {
      progress.update('train', { done, total: 1000, unit: 'rows', fields: { loss: 0.5 } })
      advance(10)
    }
    expect(written).toHaveLength(11)
    expect(written.every((text) => text.startsWith('\r\u001b[2K') && !text.includes('\n') && text.length - 5 <= 69)).toBe(true)
    expect(written.at(-1)).toContain('left')
    progress.finish('train')
    expect(written.at(-1)).toMatch(/train .*100%.* in 0:01\n$/)
    expect(written.at(-1)).toContain('\r\u001b[2K')
    progress.finish('train')
    expect(written).toHaveLength(12)
  })

  test('elsewhere writes a plain line every few seconds and one at the end', () => {
    const { bar: progress, written, advance } = bar({ isTerminal: false })
    for (let done = 0; done <= 120; done++) {
      progress.update('ingest', { done, total: 120, unit: 'files' })
      advance(100)
    }
    progress.finish('ingest')
    expect(written).toHaveLength(3)
    expect(written.every((text) => text.endsWith('\n') && !text.includes('\r') && !text.includes('\u001b'))).toBe(true)
    expect(written[0]).toContain(' 50/120 files     10 files/s')
    expect(written[2]).toContain('100%  120/120 files')
  })

  test('elsewhere writes one line for a task that is over at once, and none for one that never moved', () => {
    const { bar: progress, written } = bar({ isTerminal: false })
    progress.update('a', { done: 1 })
    progress.finish('a')
    progress.finish('b')
    expect(written).toHaveLength(1)
  })

  test('keeps tasks apart and ends them all when closed', () => {
    const { bar: progress, written } = bar({ isTerminal: true })
    progress.update('a', { done: 1, total: 2 })
    progress.update('b', { done: 2, total: 4 })
    progress.close()
    expect(written.filter((text) => text.endsWith('\n')).map((text) => text.slice(5, 6))).toEqual(['a', 'b'])
  })

  test('lets log records be printed above it, also by a sink that throws', () => {
    const { bar: progress, written } = bar({ isTerminal: true })
    const records = memorySink()
    const sink = progress.above({
      write: (record) => {
        written.push(`${record.message}\n`)
        records.write(record)
        if (record.message === 'bad') throw new Error('bad sink')
      },
    })
    const record = (message: string) => ({ time: 0, level: 'info', message, fields: {} }) as const
    sink.write(record('before'))
    progress.update('train', { done: 1, total: 2 })
    const line = written.at(-1)?.slice(5) ?? ''
    sink.write(record('during'))
    expect(() => sink.write(record('bad'))).toThrow('bad sink')
    expect(written).toEqual(['before\n', `\r\u001b[2K${line}`, '\r\u001b[2K', 'during\n', line, '\r\u001b[2K', 'bad\n', line])
  })

  test('stops writing after a write that threw, and breaks nothing', () => {
    let calls = 0
    const { bar: progress, advance } = bar({
      isTerminal: true,
      write: () => {
        calls++
        throw new Error('EPIPE')
      },
    })
    progress.update('train', { done: 1, total: 2 })
    advance(1000)
    progress.update('train', { done: 2, total: 2 })
    progress.close()
    expect(calls).toBe(1)
  })

  test('asks for the width each time, and takes 80 where there is none', () => {
    let width: number | undefined
    let text = ''
    const write = (part: string): void => {
      text = part
    }
    const clock = { now: () => 0, monotonicMs: () => 0, sleep: async () => {} }
    const progress = progressBar({ write, isTerminal: true, columns: () => width, clock, redrawMs: 0 })
    const name = 'x'.repeat(200)
    progress.update(name, { done: 1 })
    expect(text.length - 5).toBe(79)
    width = 40
    progress.update(name, { done: 1 })
    expect(text.length - 5).toBe(39)
  })
})
