import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { auc } from '../../../src/metrics/index.ts'
import type { Monitor, PerformanceEvent } from '../../../src/monitor/index.ts'
import { ActionMonitor, OperationsMonitor, PerformanceMonitor } from '../../../src/monitor/index.ts'
import { batch, manualClock, numberColumn, prediction, timeColumn } from './helpers.ts'

function outcomes(batchId: string, time: number, labels: readonly number[], rows?: readonly number[]) {
  const base = { batchId, time, labels: Float32Array.from(labels) }
  return rows === undefined ? base : { ...base, rows: Uint32Array.from(rows) }
}

describe('PerformanceMonitor', () => {
  it('joins labels that come late, in any order, to the window of their prediction', () => {
    const monitor = new PerformanceMonitor({ metrics: ['auc', 'brier'], window: { rows: 4 }, clock: manualClock() })
    monitor.observePredictions(prediction('a', 1, [0.1, 0.4, 0.35]))
    monitor.observePredictions(prediction('b', 2, [0.8, 0.9]))
    expect(monitor.check().map((window) => window.rows)).toEqual([4, 1])
    monitor.observeOutcomes(outcomes('b', 3, [1, 0]))
    monitor.observeOutcomes(outcomes('a', 4, [1, 0], [2, 1]))
    expect(monitor.closedWindows).toEqual([])
    monitor.observeOutcomes(outcomes('a', 5, [0], [0]))
    expect(monitor.closedWindows).toMatchObject([{ start: 1, end: 2, rows: 4, labelledRows: 4, metrics: { auc: 0.75 } }])
    expect(monitor.closedWindows[0]?.metrics.brier).toBeCloseTo(0.158125, 6)
    expect(monitor.closeWindows()).toMatchObject([{ rows: 1, labelledRows: 1 }])
  })

  it('leaves out a metric that the labels do not define', () => {
    const monitor = new PerformanceMonitor({ metrics: ['auc', 'accuracy'], window: { rows: 2 } })
    monitor.observePredictions(prediction('a', 1, [0.1, 0.4]))
    monitor.observeOutcomes(outcomes('a', 2, [0, 0]))
    expect(monitor.closedWindows[0]?.metrics).toEqual({ accuracy: 1 })
  })

  it('counts a label once, and those that nothing is known of apart', () => {
    const monitor = new PerformanceMonitor({ metrics: ['accuracy'], window: { rows: 10 } })
    monitor.observePredictions(prediction('a', 1, [0.9, 0.9]))
    monitor.observeOutcomes(outcomes('a', 2, [1], [0]))
    monitor.observeOutcomes(outcomes('a', 3, [0], [0]))
    monitor.observeOutcomes(outcomes('a', 3, [1], [7]))
    monitor.observeOutcomes(outcomes('x', 3, [1, 1]))
    expect(monitor.check()).toMatchObject([{ labelledRows: 1, metrics: { accuracy: 1 } }])
    expect(monitor.unmatchedLabels).toBe(3)
  })

  it('closes a window that has waited long enough', () => {
    const monitor = new PerformanceMonitor({ metrics: ['accuracy'], window: { durationMs: 100 }, maxDelayMs: 1000 })
    monitor.observePredictions(prediction('a', 10, [0.9, 0.9]))
    monitor.observePredictions(prediction('b', 110, [0.9]))
    monitor.observeOutcomes(outcomes('a', 500, [1], [0]))
    expect(monitor.closedWindows).toEqual([])
    monitor.observePredictions(prediction('c', 1010, [0.9]))
    expect(monitor.closedWindows).toMatchObject([{ start: 0, end: 100, rows: 2, labelledRows: 1 }])
  })

  it('says when a metric is worse than its reference, surely and by more than the tolerance', () => {
    const random = createRandom(1)
    const events: PerformanceEvent[] = []
    const monitor = new PerformanceMonitor({
      metrics: ['auc', 'log-loss'],
      reference: { auc: 5 / 6, 'log-loss': 0.5 },
      window: { rows: 2000 },
    })
    monitor.on((event) => events.push(event))
    const feed = (id: string, informed: boolean): void => {
      const scores = Array.from({ length: 2000 }, () => random.next())
      monitor.observePredictions(prediction(id, 1, scores))
      monitor.observeOutcomes(
        outcomes(
          id,
          2,
          scores.map((score) => (random.next() < (informed ? score : 0.5) ? 1 : 0)),
        ),
      )
    }
    feed('good', true)
    expect(events.map((event) => event.type)).toEqual(['performance-window-closed'])
    const [lower, upper] = events[0]?.window.intervals.auc ?? [0, 0]
    expect(lower).toBeLessThan(events[0]?.window.metrics.auc as number)
    expect(upper).toBeGreaterThan(events[0]?.window.metrics.auc as number)
    feed('bad', false)
    expect(events.map((event) => event.type)).toEqual(['performance-window-closed', 'performance-window-closed', 'performance-degraded'])
    expect(events[2]).toMatchObject({ metrics: ['auc', 'log-loss'] })
  })

  it('does not cry on a few labels', () => {
    const monitor = new PerformanceMonitor({ metrics: ['accuracy'], reference: { accuracy: 0.9 }, window: { rows: 50 } })
    monitor.observePredictions(prediction('a', 1, new Array<number>(50).fill(0.9)))
    monitor.observeOutcomes(outcomes('a', 2, new Array<number>(50).fill(0)))
    expect(monitor.closedWindows[0]).toMatchObject({ metrics: { accuracy: 0 }, degraded: [] })
  })

  it('keeps only so many rows: the oldest window is closed with what it has', () => {
    const monitor = new PerformanceMonitor({ metrics: ['accuracy'], window: { rows: 100 }, maxRows: 300 })
    for (let index = 0; index < 20; index++) monitor.observePredictions(prediction(`b${index}`, index, new Array<number>(50).fill(1)))
    expect(monitor.check().reduce((rows, window) => rows + window.rows, 0)).toBeLessThanOrEqual(300)
    expect(monitor.closedWindows.length).toBeGreaterThanOrEqual(7)
    const single = new PerformanceMonitor({ window: { durationMs: 1e9 }, maxRows: 300 })
    for (let index = 0; index < 20; index++) single.observePredictions(prediction(`b${index}`, index, new Array<number>(50).fill(1)))
    expect(single.check().reduce((rows, window) => rows + window.rows, 0)).toBeLessThanOrEqual(300)
  })

  it('has as many windows waiting as there are, without looking at each at every observation', () => {
    const observed = (windows: number): { readonly monitor: PerformanceMonitor; readonly durationMs: number } => {
      const monitor = new PerformanceMonitor({ metrics: ['accuracy'], window: { durationMs: 1000 }, maxDelayMs: 1e9 })
      const startMs = performance.now()
      for (let index = 0; index < windows; index++) monitor.observePredictions(prediction(`b${index}`, index * 1000, [0.9]))
      return { monitor, durationMs: performance.now() - startMs }
    }
    const windows = 20_000
    observed(2_000)
    const fewer = observed(windows / 8)
    const { monitor, durationMs } = observed(windows)
    // Eight times the windows take about eight times as long; with a look at each at every observation, sixty-four times.
    expect(durationMs).toBeLessThan(32 * Math.max(1, fewer.durationMs))
    expect(monitor.check()).toHaveLength(windows)
    // The last is open still; the labels of all others come in any order.
    for (let index = windows - 1; index >= 0; index--) monitor.observeOutcomes(outcomes(`b${index}`, windows * 1000, [1]))
    expect(monitor.check()).toMatchObject([{ rows: 1, labelledRows: 1 }])
    expect(monitor.closedWindows.at(-1)).toMatchObject({ start: 0, labelledRows: 1 })
  })

  it('closes windows in time though their labels never come, after a stored state too', () => {
    let monitor = new PerformanceMonitor({ metrics: ['accuracy'], window: { rows: 2 }, maxDelayMs: 100 })
    for (let index = 0; index < 60; index++) {
      monitor.observePredictions(prediction(`b${index}`, index * 10, [0.9]))
      monitor = PerformanceMonitor.fromJSON(monitor.toJSON())
    }
    // The last prediction at 590: windows whose last was at 490 or before have gone.
    expect(monitor.closedWindows.map((window) => window.end)).toEqual(Array.from({ length: 25 }, (_, index) => 10 + index * 20))
  })

  it('goes on when a metric of the host’s own throws: the window is closed, and the next is judged', () => {
    let failures = 1
    const compute = (labels: Float32Array): number => {
      if (failures-- > 0) throw new Error('no such metric')
      return labels.length
    }
    const monitor = new PerformanceMonitor({ metrics: [{ name: 'own', higherIsBetter: true, compute }], window: { rows: 2 } })
    for (const id of ['a', 'b']) monitor.observePredictions(prediction(id, 1, [0.5, 0.5]))
    expect(() => monitor.observeOutcomes(outcomes('a', 2, [1, 0]))).toThrow('no such metric')
    monitor.observeOutcomes(outcomes('b', 3, [1, 0]))
    expect(monitor.closedWindows).toMatchObject([{ metrics: { own: 2 } }])
    expect(monitor.check()).toEqual([])
  })

  it('takes metrics of the host’s own, which a stored state must be given again', () => {
    const share = {
      name: 'share',
      higherIsBetter: true,
      compute: (labels: Float32Array) => labels.reduce((sum, label) => sum + label, 0) / labels.length,
    }
    const monitor = new PerformanceMonitor({ metrics: [share], window: { rows: 2 } })
    monitor.observePredictions(prediction('a', 1, [0, 0]))
    expect(() => PerformanceMonitor.fromJSON(monitor.toJSON())).toThrow('its metric "share" is not built in')
    const again = PerformanceMonitor.fromJSON(monitor.toJSON(), { metrics: [share] })
    again.observeOutcomes(outcomes('a', 2, [1, 0]))
    expect(again.closedWindows[0]?.metrics).toEqual({ share: 0.5 })
  })

  it('computes what the metric computes on the rows of the window, whatever the order of labels', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }), fc.integer(), (sizes, seed) => {
        const random = createRandom(seed)
        const monitor = new PerformanceMonitor({ metrics: ['auc'], window: { rows: 1000 } })
        const all: { readonly id: string; readonly row: number; readonly label: number; readonly score: number }[] = []
        sizes.forEach((size, index) => {
          const scores = Array.from({ length: size }, () => Math.fround(random.next()))
          monitor.observePredictions(prediction(`b${index}`, index, scores))
          all.push(...scores.map((score, row) => ({ id: `b${index}`, row, score, label: random.int(2) })))
        })
        const shuffled = all.map((entry) => ({ entry, key: random.next() })).sort((a, b) => a.key - b.key)
        for (const { entry } of shuffled) monitor.observeOutcomes(outcomes(entry.id, 100, [entry.label], [entry.row]))
        const [window] = monitor.closeWindows()
        const isDefined = all.some((entry) => entry.label === 1) && all.some((entry) => entry.label === 0)
        const expected = isDefined
          ? auc(
              Float32Array.from(all, (entry) => entry.label),
              Float32Array.from(all, (entry) => entry.score),
            )
          : undefined
        if (expected === undefined) expect(window?.metrics.auc).toBeUndefined()
        else expect(window?.metrics.auc).toBeCloseTo(expected, 12)
      }),
      { numRuns: 40 },
    )
  })
})

describe('ActionMonitor', () => {
  it('counts the flagged predictions that were acted on, by window of prediction', () => {
    const monitor = new ActionMonitor({ threshold: 0.5, window: { rows: 4 }, maxDelayMs: 1000 })
    monitor.observePredictions(prediction('a', 1, [0.5, 0.4, 0.9, 0.1]))
    monitor.observePredictions(prediction('b', 2, [0.7]))
    monitor.observeActions({ batchId: 'a', time: 3, rows: Uint32Array.of(0, 3), action: 'rebooked' })
    monitor.observeActions({ batchId: 'a', time: 4, rows: Uint32Array.of(0), action: 'called' })
    monitor.observeActions({ batchId: 'unknown', time: 4, rows: Uint32Array.of(0), action: 'called' })
    monitor.observeActions({ batchId: 'b', time: 900, rows: Uint32Array.of(0), action: 'called' })
    expect(monitor.closedWindows).toEqual([])
    monitor.observePredictions(prediction('c', 1001, [0.2]))
    expect(monitor.closedWindows).toEqual([
      { start: 1, end: 1, rows: 4, flagged: 2, actedOn: 1, actedOnUnflagged: 1, actions: { rebooked: 2 } },
    ])
    expect(monitor.closeWindows()).toMatchObject([{ rows: 2, flagged: 1, actedOn: 1, actions: { called: 1 } }])
  })

  it('tells so many kinds of action apart, and no more', () => {
    const monitor = new ActionMonitor({ threshold: 0.5 })
    monitor.observePredictions(prediction('a', 1, new Array<number>(300).fill(1)))
    for (let row = 0; row < 300; row++)
      monitor.observeActions({ batchId: 'a', time: 2, rows: Uint32Array.of(row), action: `action ${row}` })
    const [window] = monitor.check()
    expect(Object.keys(window?.actions ?? {})).toHaveLength(101)
    expect(window?.actions.other).toBe(200)
  })
})

describe('OperationsMonitor', () => {
  it('measures latency within one per cent, throughput and availability', () => {
    const clock = manualClock(1000)
    const monitor = new OperationsMonitor({ window: { rows: 1_000_000 }, clock })
    for (let call = 1; call <= 1000; call++) monitor.observePredictions(prediction(`b${call}`, 1000 + call, [0, 0], undefined, call / 10))
    for (let call = 0; call < 10; call++) monitor.observeFailure({ time: 2000, rows: 3, durationMs: 1, error: new Error('down') })
    clock.time = 61_000
    const { uptimeMs, availability, total, window } = monitor.snapshot()
    expect(uptimeMs).toBe(60_000)
    expect(availability).toBeCloseTo(1000 / 1010, 12)
    expect(total).toMatchObject({ rows: 2000, requests: 1000, failures: 10, failedRows: 30, maxMs: 100 })
    expect(Math.abs(total.p50Ms / 50 - 1)).toBeLessThan(0.011)
    expect(Math.abs(total.p99Ms / 99 - 1)).toBeLessThan(0.011)
    expect(total.rowsPerSecond).toBeCloseTo(2000 / 50.05, 6)
    expect(window).toMatchObject({ start: 1001, end: 2000, rows: 2000, requests: 1000 })
  })

  it('begins each window anew, and counts a call once where its rows fall in two', () => {
    const monitor = new OperationsMonitor({ window: { durationMs: 100, timeColumn: 'date' } })
    const inputs = batch({ date: timeColumn(Float64Array.of(10, 20, 110)) })
    monitor.observePredictions(prediction('a', 5, [0, 0, 0], inputs, 30))
    monitor.closeWindow()
    expect(monitor.closedWindows).toMatchObject([
      { start: 0, end: 100, rows: 2, requests: 1 },
      { start: 100, end: 200, rows: 1, requests: 0 },
    ])
    expect(monitor.closedWindows.map((window) => window.rowsPerSecond)).toEqual([100, 100])
    expect(Math.abs((monitor.closedWindows[0]?.p50Ms ?? 0) / 30 - 1)).toBeLessThan(0.011)
  })

  it('has figures before anything was observed, and of durations too short or too long to tell', () => {
    const monitor = new OperationsMonitor({ clock: manualClock() })
    expect(monitor.snapshot()).toMatchObject({
      availability: 1,
      total: { requests: 0, p50Ms: 0, p99Ms: 0, rowsPerSecond: 0 },
      window: undefined,
    })
    monitor.observePredictions(prediction('a', 1, [0], undefined, 0))
    expect(monitor.snapshot().total).toMatchObject({ p50Ms: 0, maxMs: 0 })
    monitor.observePredictions(prediction('b', 1, [0], undefined, 1e12))
    expect(monitor.snapshot().total.p99Ms).toBeGreaterThan(3.5e6)
  })
})

describe('state of the monitors beside drift', () => {
  const makers: Record<string, { make(): Monitor; restore(stored: never): Monitor; finish(monitor: Monitor): unknown }> = {
    performance: {
      make: () =>
        new PerformanceMonitor({
          metrics: ['accuracy', 'brier'],
          reference: { accuracy: 0.9 },
          window: { rows: 20 },
          maxDelayMs: 30,
          minLabels: 5,
          clock: manualClock(9),
        }),
      restore: (stored) => PerformanceMonitor.fromJSON(stored, { clock: manualClock(9) }),
      finish: (monitor) => [
        (monitor as PerformanceMonitor).closeWindows(),
        (monitor as PerformanceMonitor).closedWindows,
        (monitor as PerformanceMonitor).unmatchedLabels,
      ],
    },
    actions: {
      make: () => new ActionMonitor({ threshold: 0.5, window: { durationMs: 5 }, maxDelayMs: 10, clock: manualClock(9) }),
      restore: (stored) => ActionMonitor.fromJSON(stored, { clock: manualClock(9) }),
      finish: (monitor) => [(monitor as ActionMonitor).closeWindows(), (monitor as ActionMonitor).closedWindows],
    },
    operations: {
      make: () => new OperationsMonitor({ window: { rows: 15 }, clock: manualClock(9) }),
      restore: (stored) => OperationsMonitor.fromJSON(stored, { clock: manualClock(9) }),
      finish: (monitor) => [(monitor as OperationsMonitor).snapshot(), (monitor as OperationsMonitor).closedWindows],
    },
  }

  for (const [name, { make, restore, finish }] of Object.entries(makers)) {
    it(`of ${name} goes on as if nothing had happened, wherever it was stored`, () => {
      const step = fc.record({
        kind: fc.constantFrom('predict', 'label', 'act', 'fail'),
        batch: fc.integer({ min: 0, max: 9 }),
        rows: fc.integer({ min: 1, max: 12 }),
      })
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.integer({ min: 0, max: 40 }), (steps, at) => {
          const straight = make()
          let stored = make()
          steps.forEach(({ kind, batch: id, rows }, time) => {
            if (time === at) stored = restore(JSON.parse(JSON.stringify(stored.toJSON())) as never)
            for (const monitor of [straight, stored]) {
              const indices = Uint32Array.from({ length: rows }, (_, row) => row)
              if (kind === 'predict')
                monitor.observePredictions?.(
                  prediction(
                    `b${id}`,
                    time,
                    Array.from(indices, (row) => ((row * 7 + id) % 10) / 10),
                    undefined,
                    id,
                  ),
                )
              if (kind === 'label')
                monitor.observeOutcomes?.({ batchId: `b${id}`, time, labels: Float32Array.from(indices, (row) => row % 2), rows: indices })
              if (kind === 'act') monitor.observeActions?.({ batchId: `b${id}`, time, rows: indices, action: `do ${id % 3}` })
              if (kind === 'fail') monitor.observeFailure?.({ time, rows, durationMs: 1, error: 'x' })
            }
          })
          expect(stored.toJSON()).toEqual(straight.toJSON())
          expect(finish(stored)).toEqual(finish(straight))
        }),
        { numRuns: 60 },
      )
    })
    it(`of ${name} is refused by another monitor`, () => {
      const other = name === 'operations' ? ActionMonitor : OperationsMonitor
      expect(() => other.fromJSON(make().toJSON())).toThrow('it is not the state of')
    })
  }

  it('windows are the same for all monitors of one definition', () => {
    const window = { durationMs: 100, timeColumn: 'date' } as const
    const monitors = [
      new PerformanceMonitor({ window }),
      new ActionMonitor({ window, threshold: 0.5 }),
      new OperationsMonitor({ window }),
    ] as const
    const random = createRandom(6)
    for (let call = 0; call < 20; call++) {
      const times = Float64Array.from({ length: 7 }, (_, row) => (call * 7 + row) * 9)
      const inputs = batch({ x: numberColumn(times), date: timeColumn(times) })
      for (const monitor of monitors)
        monitor.observePredictions(
          prediction(
            `b${call}`,
            5000 + call,
            Array.from(times, () => random.next()),
            inputs,
          ),
        )
    }
    monitors[0].closeWindows()
    monitors[1].closeWindows()
    monitors[2].closeWindow()
    const bounds = monitors.map((monitor) => monitor.closedWindows.map(({ start, end, rows }) => ({ start, end, rows })))
    expect(bounds[0]).toHaveLength(13)
    expect(bounds[1]).toEqual(bounds[0])
    expect(bounds[2]).toEqual(bounds[0])
  })
})
