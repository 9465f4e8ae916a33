import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import type { Column } from '../../../src/data/column.ts'
import { CategoryFinder } from '../../../src/data/profile-categories.ts'
import { ProfileCounter } from '../../../src/data/profile-counter.ts'
import { createProfile } from '../../../src/data/profile-record.ts'
import type { ColumnVerdict, DriftEvent } from '../../../src/monitor/index.ts'
import { compareProfiles, DriftMonitor } from '../../../src/monitor/index.ts'
import { batch, manualClock, normals, numberColumn, prediction, profileOf, textColumn, timeColumn } from './helpers.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

function verdictOf(verdicts: readonly ColumnVerdict[], column: string): ColumnVerdict {
  const verdict = verdicts.find((candidate) => candidate.column === column)
  if (verdict === undefined) throw new Error(`no verdict of ${column} among ${verdicts.map((other) => other.column).join(', ')}`)
  return verdict
}

describe('verdicts', () => {
  it('find a shift of a tenth of a standard deviation at 20,000 against 20,000 rows', () => {
    let found = 0
    for (let trial = 0; trial < 20; trial++) {
      const random = createRandom(`power ${trial}`)
      const monitor = new DriftMonitor({ reference: profileOf({ x: numberColumn(normals(random, 20_000)) }), window: { rows: 20_000 } })
      monitor.observe(batch({ x: numberColumn(normals(random, 20_000, 0.1)) }))
      if (verdictOf(monitor.check(), 'x').drifted) found++
    }
    expect(found).toBe(20)
  })

  it('raise no more false alarms than alpha says, at 300 as at 20,000 rows', () => {
    const alpha = 0.05
    for (const [rows, trials, windowsPerReference] of [
      [300, 300, 20],
      [2000, 120, 6],
      [20_000, 30, 1],
    ] as const) {
      const random = createRandom(`null ${rows}`)
      const draw = (count: number): Record<string, Column> => ({
        x: numberColumn(normals(random, count)),
        y: numberColumn(normals(random, count).map((value) => Math.exp(value))),
        z: numberColumn(normals(random, count).map((value) => Math.round(value * 3))),
        c: textColumn(Array.from({ length: count }, () => `c${Math.floor(30 * random.next() ** 3)}`)),
      })
      let alarms = 0
      for (let trial = 0; trial < trials; trial += windowsPerReference) {
        // Without the effect's bound, which would hide the p-value's share.
        const monitor = new DriftMonitor({ reference: profileOf(draw(20_000)), window: { rows }, alpha, minEffect: 0 })
        monitor.on((event) => {
          if (event.type === 'window-closed' && event.verdicts.some((verdict) => verdict.drifted)) alarms++
        })
        for (let window = 0; window < windowsPerReference; window++) monitor.observe(batch(draw(rows)))
      }
      expect(alarms, `${rows} rows`).toBeLessThanOrEqual(trials * alpha + 3.5 * Math.sqrt(trials * alpha * (1 - alpha)))
    }
  })

  it('do not alarm over trifles, however sure: the effect must matter too', () => {
    const random = createRandom(8)
    const reference = profileOf({ x: numberColumn(normals(random, 400_000)) })
    const monitor = new DriftMonitor({ reference, window: { rows: 400_000 } })
    monitor.observe(batch({ x: numberColumn(normals(random, 400_000, 0.02)) }))
    const verdict = verdictOf(monitor.check(), 'x')
    expect(verdict.pValue).toBeLessThan(1e-4)
    expect(verdict.drifted).toBe(false)
    const strict = new DriftMonitor({ reference, window: { rows: 400_000 }, minEffect: { 'kolmogorov-smirnov': 0.001 } })
    strict.observe(batch({ x: numberColumn(normals(random, 400_000, 0.02)) }))
    expect(verdictOf(strict.check(), 'x').drifted).toBe(true)
  })

  it('test what is missing by itself', () => {
    const random = createRandom(9)
    const reference = profileOf({ x: numberColumn(normals(random, 5000), new Uint8Array(5000)) })
    const monitor = new DriftMonitor({ reference, window: { rows: 2000 } })
    const nulls = Uint8Array.from({ length: 2000 }, (_, row) => (row % 20 === 0 ? 1 : 0))
    monitor.observe(batch({ x: numberColumn(normals(random, 2000), nulls) }))
    expect(verdictOf(monitor.check(), 'x').drifted).toBe(false)
    expect(verdictOf(monitor.check(), 'x:missing')).toMatchObject({
      test: 'proportions',
      drifted: true,
      effect: { name: 'share-difference', value: 0.05 },
    })
  })

  it('count NaN and infinities as missing', () => {
    const random = createRandom(10)
    const monitor = new DriftMonitor({ reference: profileOf({ x: numberColumn(normals(random, 5000)) }), window: { rows: 1000 } })
    monitor.observe(
      batch({
        x: numberColumn(
          normals(random, 1000).map((value, row) => (row % 10 === 0 ? Number.NaN : row % 10 === 1 ? Number.POSITIVE_INFINITY : value)),
        ),
      }),
    )
    expect(verdictOf(monitor.check(), 'x:missing').effect.value).toBeCloseTo(0.2, 12)
  })

  it('judge times by hour of the day and day of the week', () => {
    const random = createRandom(12)
    const month = Float64Array.from({ length: 20_000 }, () => Math.floor(random.next() * 28 * dayMs))
    const nights = Float64Array.from(
      { length: 3000 },
      () => Math.floor(random.next() * 14) * dayMs + Math.floor(random.next() * 8 * hourMs),
    )
    const monitor = new DriftMonitor({ reference: profileOf({ date: timeColumn(month) }), window: { rows: 3000 } })
    monitor.observe(batch({ date: timeColumn(nights) }))
    expect(monitor.check().map((verdict) => verdict.column)).toEqual(['date:hour-of-day', 'date:day-of-week'])
    expect(verdictOf(monitor.check(), 'date:hour-of-day').drifted).toBe(true)
    expect(verdictOf(monitor.check(), 'date:day-of-week').drifted).toBe(false)
  })

  it('expect categories that a small reference has not seen, as far as its own seen once say, and find more than that', () => {
    const random = createRandom(33)
    // A long tail: two thousand rows see about three in four of three hundred categories.
    const texts = (rows: number, added = 0) =>
      textColumn(Array.from({ length: rows }, () => (random.next() < added ? 'added' : `c${Math.floor(300 ** random.next())}`)))
    let alarms = 0
    let found = 0
    const trials = 150
    for (let trial = 0; trial < trials; trial++) {
      const reference = profileOf({ c: texts(2000) })
      const judge = (column: Column) => {
        const monitor = new DriftMonitor({ reference, alpha: 0.05, minEffect: 0 })
        monitor.observe(batch({ c: column }))
        return verdictOf(monitor.check(), 'c').drifted
      }
      if (judge(texts(2000))) alarms++
      if (judge(texts(2000, 0.06))) found++
    }
    // Three standard deviations above alpha; without the expectation it is every trial.
    expect(alarms / trials).toBeLessThan(0.05 + 3 * Math.sqrt((0.05 * 0.95) / trials))
    expect(found / trials).toBeGreaterThan(0.9)
  })

  it('do not take it for drift that a list of categories ends somewhere, and find a change in them', () => {
    const random = createRandom(34)
    const categories = Array.from({ length: 300 }, (_, index) => `c${index}`)
    const draw = (rows: number, favoured = 0): Column => ({
      kind: 'text',
      length: rows,
      codes: Int32Array.from({ length: rows }, () => (random.next() < favoured ? 7 : random.int(300))),
      dictionary: categories,
    })
    let alarms = 0
    const trials = 40
    for (let trial = 0; trial < trials; trial++) {
      // Equally frequent all, so the two hundred that are listed were only lucky.
      const finder = new CategoryFinder(200)
      finder.add(draw(4000))
      const reference = createProfile(4000, { c: finder.profile() })
      const judge = (column: Column) => {
        const counter = new ProfileCounter(reference)
        counter.addColumns(column.length, { c: column })
        return compareProfiles(reference, counter.profile(), { minEffect: 0 })[0]?.drifted
      }
      if (judge(draw(2000)) === true) alarms++
      expect(judge(draw(2000, 0.2))).toBe(true)
    }
    // Without it, all of them.
    expect(alarms).toBeLessThanOrEqual(4)
  })

  it('do not take the moments at which a window begins and ends for a change of hours or days', () => {
    const random = createRandom(21)
    /** Busy in the afternoon and in the week, nothing at night. */
    const moments = (from: number, days: number, rows: number): Float64Array => {
      const times: number[] = []
      while (times.length < rows) {
        const time = Math.floor((from + random.next() * days) * dayMs)
        const hour = Math.floor(time / hourMs) % 24
        const weight = (hour < 5 ? 0 : hour < 12 ? 0.5 : 1) * ((Math.floor(time / dayMs) + 4) % 7 < 2 ? 0.5 : 1)
        if (random.next() < weight) times.push(time)
      }
      return Float64Array.from(times)
    }
    const reference = profileOf({ date: timeColumn(moments(0, 280, 60_000)) })
    const judge = (dates: Float64Array) => compareProfiles(reference, profileOf({ date: timeColumn(dates) }))
    const drifted: string[] = []
    const judged = new Set<string>()
    for (const days of [0.3, 0.97, 1, 1.5, 2.5, 5.5, 6.5, 7, 10.5, 17.5, 30]) {
      for (let trial = 0; trial < 6; trial++) {
        const verdicts = judge(moments(random.next() * 250, days, 8000))
        drifted.push(...verdicts.filter((verdict) => verdict.drifted).map((verdict) => `${verdict.column} over ${days} days`))
        for (const { column } of verdicts) judged.add(`${column} over ${days} days`)
      }
    }
    expect(drifted).toEqual([])
    expect(judged).toContain('date:hour-of-day over 5.5 days')
    expect(judged).toContain('date:day-of-week over 30 days')
    expect(judged).not.toContain('date:hour-of-day over 1.5 days')
    // A calendar day or week is judged, and an hour that moved is found.
    const moved = moments(70, 1, 3000).map((time) => (Math.floor(time / hourMs) % 24 === 12 ? time + 2 * hourMs : time))
    expect(judge(moved)).toMatchObject([{ column: 'date:hour-of-day', drifted: true }])
    expect(judge(moments(70, 7, 3000)).map(({ column, drifted: found }) => [column, found])).toEqual([
      ['date:hour-of-day', false],
      ['date:day-of-week', false],
    ])
  })

  it('say nothing about the hour in a window of three hours', () => {
    const random = createRandom(13)
    const month = Float64Array.from({ length: 20_000 }, () => Math.floor(random.next() * 28 * dayMs))
    const monitor = new DriftMonitor({ reference: profileOf({ date: timeColumn(month) }), window: { rows: 1000 } })
    monitor.observe(batch({ date: timeColumn(Float64Array.from({ length: 1000 }, () => Math.floor(random.next() * 3 * hourMs))) }))
    expect(monitor.check()).toEqual([])
  })

  it('are defined for constant, empty and one-category columns', () => {
    const rows = 1000
    const constant = new Float64Array(rows).fill(5)
    const empty = numberColumn(new Float64Array(rows), new Uint8Array(rows).fill(1))
    const reference = profileOf({ constant: numberColumn(constant), empty, one: textColumn(new Array<string>(rows).fill('a')) })
    const same = new DriftMonitor({ reference, window: { rows } })
    same.observe(batch({ constant: numberColumn(constant), empty, one: textColumn(new Array<string>(rows).fill('a')) }))
    for (const verdict of same.check()) expect(verdict).toMatchObject({ pValue: 1, adjustedPValue: 1, drifted: false })
    expect(verdictOf(same.check(), 'empty').test).toBe('none')

    const other = new DriftMonitor({ reference, window: { rows } })
    other.observe(
      batch({
        constant: numberColumn(Float64Array.from({ length: rows }, (_, row) => (row < 100 ? 4 : 5))),
        empty: numberColumn(new Float64Array(rows)),
        one: textColumn(Array.from({ length: rows }, (_, row) => (row < 100 ? 'b' : 'a'))),
      }),
    )
    expect(verdictOf(other.check(), 'constant')).toMatchObject({ test: 'proportions', drifted: true, effect: { value: 0.1 } })
    expect(verdictOf(other.check(), 'empty')).toMatchObject({ test: 'none', drifted: false })
    expect(verdictOf(other.check(), 'empty:missing')).toMatchObject({ drifted: true, effect: { value: 1 } })
    expect(verdictOf(other.check(), 'one')).toMatchObject({ test: 'chi-square', drifted: true })
  })

  it('are not given on fewer than twenty values', () => {
    const random = createRandom(14)
    const monitor = new DriftMonitor({ reference: profileOf({ x: numberColumn(normals(random, 5000)) }), window: { rows: 19 } })
    monitor.observe(batch({ x: numberColumn(normals(random, 19, 50)) }))
    expect(verdictOf(monitor.check(), 'x')).toMatchObject({ test: 'none', pValue: 1, drifted: false })
  })

  it('use the stability index for numbers when asked', () => {
    const random = createRandom(15)
    const monitor = new DriftMonitor({
      reference: profileOf({ x: numberColumn(normals(random, 5000)) }),
      numberTest: 'population-stability-index',
    })
    monitor.observe(batch({ x: numberColumn(normals(random, 3000, 0.3)) }))
    expect(verdictOf(monitor.check(), 'x')).toMatchObject({ test: 'population-stability-index', drifted: true })
  })
})

describe('columns', () => {
  it('are those of the reference that the first batch has, so that a label in the reference does no harm', () => {
    const random = createRandom(16)
    const reference = profileOf({ label: numberColumn(normals(random, 100)), x: numberColumn(normals(random, 100)) })
    const monitor = new DriftMonitor({ reference })
    monitor.observePredictions(
      prediction(
        'a',
        5,
        new Array<number>(50).fill(0),
        batch({ x: numberColumn(normals(random, 50)), extra: numberColumn(normals(random, 50)) }),
      ),
    )
    expect(monitor.check().map((verdict) => verdict.column)).toEqual(['x'])
  })
  it('that are named must be in the reference and in each batch', () => {
    const random = createRandom(17)
    const reference = profileOf({ x: numberColumn(normals(random, 100)) })
    expect(() => new DriftMonitor({ reference, columns: ['xx'] })).toThrow('Did you mean "x"')
    expect(() => new DriftMonitor({ reference, columns: ['x'] }).observe(batch({ y: numberColumn(normals(random, 10)) }))).toThrow(
      'Expected a column "x"',
    )
    expect(() => new DriftMonitor({ reference }).observe(batch({ y: numberColumn(normals(random, 10)) }))).toThrow(
      "Expected one of the reference's columns",
    )
  })
  it('that lack leave the window as it was', () => {
    const random = createRandom(18)
    const monitor = new DriftMonitor({
      reference: profileOf({ x: numberColumn(normals(random, 100)) }),
      window: { rows: 20 },
      columns: ['x'],
    })
    monitor.observe(batch({ x: numberColumn(normals(random, 15)) }))
    expect(() => monitor.observe(batch({ y: numberColumn(normals(random, 10)) }))).toThrow()
    monitor.observe(batch({ x: numberColumn(normals(random, 5)) }))
    expect(monitor.closedWindows.map((window) => window.rows)).toEqual([20])
  })
})

describe('windows', () => {
  const random = createRandom(20)
  const reference = profileOf({ x: numberColumn(normals(random, 1000)) })

  it('by rows cut a batch that spans their end', () => {
    const clock = manualClock(100)
    const monitor = new DriftMonitor({ reference, window: { rows: 100 }, clock })
    monitor.observe(batch({ x: numberColumn(normals(random, 70)) }))
    clock.time = 200
    monitor.observe(batch({ x: numberColumn(normals(random, 250)) }))
    expect(monitor.closedWindows.map(({ start, end, rows }) => ({ start, end, rows }))).toEqual([
      { start: 100, end: 200, rows: 100 },
      { start: 200, end: 200, rows: 100 },
      { start: 200, end: 200, rows: 100 },
    ])
    expect(monitor.closeWindow()).toMatchObject({ rows: 20 })
    expect(monitor.closeWindow()).toBeUndefined()
  })

  it('by time end when something later is observed', () => {
    const clock = manualClock(1500)
    const monitor = new DriftMonitor({ reference, window: { durationMs: 1000 }, clock })
    monitor.observe(batch({ x: numberColumn(normals(random, 30)) }))
    clock.time = 1999
    monitor.observe(batch({ x: numberColumn(normals(random, 30)) }))
    expect(monitor.closedWindows).toEqual([])
    clock.time = 5000
    monitor.observe(batch({ x: numberColumn(normals(random, 30)) }))
    expect(monitor.closedWindows).toMatchObject([{ start: 1000, end: 2000, rows: 60 }])
    expect(monitor.closeWindow()).toMatchObject({ start: 5000, end: 6000, rows: 30 })
  })

  it('by a time column follow the data, from an origin of the user’s', () => {
    const origin = Date.UTC(2001, 5, 1)
    const week = 7 * dayMs
    const times = Float64Array.from({ length: 900 }, (_, row) => origin + Math.floor((row / 900) * 3 * week))
    const monitor = new DriftMonitor({ reference, window: { durationMs: week, timeColumn: 'date', originTime: origin }, columns: ['x'] })
    monitor.observe(batch({ x: numberColumn(normals(random, 900)), date: timeColumn(times) }))
    monitor.closeWindow()
    expect(monitor.closedWindows.map(({ start, end, rows }) => ({ start, end, rows }))).toEqual([
      { start: origin, end: origin + week, rows: 300 },
      { start: origin + week, end: origin + 2 * week, rows: 300 },
      { start: origin + 2 * week, end: origin + 3 * week, rows: 300 },
    ])
  })

  it('count a late row in the open window', () => {
    const monitor = new DriftMonitor({ reference, window: { durationMs: 100, timeColumn: 'date' }, columns: ['x'] })
    monitor.observe(batch({ x: numberColumn(normals(random, 5)), date: timeColumn(Float64Array.of(10, 20, 150, 90, 160)) }))
    expect(monitor.closedWindows).toMatchObject([{ start: 0, end: 100, rows: 2 }])
    expect(monitor.closeWindow()).toMatchObject({ start: 100, end: 200, rows: 3 })
  })

  it('do not depend on how rows are grouped into batches', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }), fc.boolean(), (sizes, byTime) => {
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const values = normals(createRandom(total), total)
        const times = Float64Array.from({ length: total }, (_, row) => row * 7)
        const make = (): DriftMonitor =>
          new DriftMonitor({
            reference,
            window: byTime ? { durationMs: 300, timeColumn: 'date' } : { rows: 40 },
            columns: ['x'],
            clock: manualClock(1),
          })
        const whole = make()
        whole.observe(batch({ x: numberColumn(values), date: timeColumn(times) }))
        const parts = make()
        let from = 0
        for (const size of sizes) {
          parts.observe(batch({ x: numberColumn(values.slice(from, from + size)), date: timeColumn(times.slice(from, from + size)) }))
          from += size
        }
        expect(parts.closedWindows).toEqual(whole.closedWindows)
        expect(parts.check()).toEqual(whole.check())
      }),
      { numRuns: 30 },
    )
  })

  it('are kept only so many', () => {
    const monitor = new DriftMonitor({ reference, window: { rows: 30 }, keepWindows: 3 })
    monitor.observe(batch({ x: numberColumn(normals(random, 300)) }))
    expect(monitor.closedWindows).toHaveLength(3)
  })

  it('are refused when they have no size', () => {
    expect(() => new DriftMonitor({ reference, window: { rows: 0 } })).toThrow('Expected window.rows')
    expect(() => new DriftMonitor({ reference, window: { durationMs: Number.NaN } })).toThrow('Expected window.durationMs')
    expect(() => new DriftMonitor({ reference, alpha: 0 })).toThrow('Expected alpha')
    expect(() => new DriftMonitor({ reference, hysteresis: { detect: 4, of: 3 } })).toThrow('Expected hysteresis')
  })
})

describe('alarms', () => {
  const random = createRandom(30)
  const reference = profileOf({ x: numberColumn(normals(random, 5000)), y: numberColumn(normals(random, 5000)) })
  /** Runs windows that drift in x or do not, and says what happened in each. */
  function run(drifts: readonly boolean[], options: ConstructorParameters<typeof DriftMonitor>[0]['hysteresis'] = {}): readonly string[] {
    const monitor = new DriftMonitor({ reference, window: { rows: 500 }, hysteresis: options })
    const happened: string[] = []
    monitor.on((event) => {
      if (event.type === 'window-closed') happened.push('')
      else if (event.type === 'drift-detected') {
        expect(event.verdicts.map((verdict) => verdict.column)).toEqual(['x'])
        happened[happened.length - 1] += 'detected'
      } else {
        expect(event.columns).toEqual(['x'])
        happened[happened.length - 1] += 'cleared'
      }
    })
    for (const drift of drifts)
      monitor.observe(batch({ x: numberColumn(normals(random, 500, drift ? 1 : 0)), y: numberColumn(normals(random, 500)) }))
    return happened
  }

  it('need two of the last three windows, and two good ones to be cleared', () => {
    expect(run([false, true, false, true, true, false, true, false, false])).toEqual(['', '', '', 'detected', '', '', '', '', 'cleared'])
  })
  it('are not raised again while they cool down', () => {
    expect(run([true, false, true, true], { detect: 1, of: 1, clear: 1, coolDown: 1 })).toEqual(['detected', 'cleared', '', 'detected'])
  })
  it('are cleared when nothing is missing any more, though there is no verdict on that', () => {
    const monitor = new DriftMonitor({ reference, columns: ['x'], window: { rows: 500 } })
    const happened: string[] = []
    monitor.on((event) => happened.push(event.type === 'window-closed' ? String(event.window.start) : event.type))
    const someNull = Uint8Array.from({ length: 500 }, (_, row) => (row % 5 === 0 ? 1 : 0))
    for (const [index, missing] of [true, false, false, false, true, false, true, false, false].entries())
      monitor.observe(batch({ x: missing ? numberColumn(normals(random, 500), someNull) : numberColumn(normals(random, 500)) }), index)
    expect(happened).toEqual(['0', '1', '2', '3', '4', '5', '6', 'drift-detected', '7', '8', 'drift-cleared'])
    expect(monitor.alarms).toEqual([])
  })
  it('can be had at once', () => {
    expect(run([true, false, true], { detect: 1, of: 1, clear: 1, coolDown: 0 })).toEqual(['detected', 'cleared', 'detected'])
  })
  it('survive a listener that throws', () => {
    const errors: unknown[] = []
    const monitor = new DriftMonitor({ reference, window: { rows: 500 }, onListenerError: (error) => errors.push(error) })
    const seen: string[] = []
    monitor.on(() => {
      throw new Error('mine')
    })
    monitor.on((event) => seen.push(event.type))
    monitor.observe(batch({ x: numberColumn(normals(random, 500)), y: numberColumn(normals(random, 500)) }))
    expect(seen).toEqual(['window-closed'])
    expect(errors).toHaveLength(1)
  })
})

describe('state', () => {
  const random = createRandom(40)
  const columns = (rows: number, shift: number): Record<string, Column> => ({
    x: numberColumn(normals(random, rows, shift)),
    origin: textColumn(Array.from({ length: rows }, () => (random.next() < 0.1 ? null : `a${random.int(5 + Math.round(shift * 3))}`))),
    date: timeColumn(Float64Array.from({ length: rows }, () => random.int(1000) * hourMs)),
  })
  const reference = profileOf(columns(2000, 0))

  it('goes on as if nothing had happened, wherever it was stored', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.constantFrom(0, 0, 1)), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 8 }),
        (steps, at) => {
          const batches = steps.map(([rows, shift]) => batch(columns(rows, shift)))
          const make = (): DriftMonitor =>
            new DriftMonitor({ reference, window: { rows: 150 }, clock: manualClock(3), hysteresis: { detect: 1, of: 2, clear: 1 } })
          const straight = make()
          let stored = make()
          const log = (events: DriftEvent[]) => (event: DriftEvent) => events.push(event)
          const straightEvents: DriftEvent[] = []
          const storedEvents: DriftEvent[] = []
          straight.on(log(straightEvents))
          stored.on(log(storedEvents))
          batches.forEach((next, index) => {
            if (index === at) {
              stored = DriftMonitor.fromJSON(JSON.parse(JSON.stringify(stored.toJSON())), { clock: manualClock(3) })
              stored.on(log(storedEvents))
            }
            straight.observe(next)
            stored.observe(next)
          })
          expect(storedEvents).toEqual(straightEvents)
          expect(stored.check()).toEqual(straight.check())
          expect(stored.closeWindow()).toEqual(straight.closeWindow())
          expect(stored.closedWindows).toEqual(straight.closedWindows)
          expect(stored.alarms).toEqual(straight.alarms)
        },
      ),
      { numRuns: 25 },
    )
  })

  it('merges the open windows of two monitors', () => {
    const make = (): DriftMonitor => new DriftMonitor({ reference, window: { rows: 1000 }, clock: manualClock(3) })
    const parts = [batch(columns(300, 0)), batch(columns(400, 1))] as const
    const [one, other, both] = [make(), make(), make()]
    one.observe(parts[0])
    other.observe(parts[1])
    both.observe(parts[0])
    both.observe(parts[1])
    expect(one.merge(other).check()).toEqual(both.check())
    expect(other.merge(one).check()).toEqual(both.check())
    const again = DriftMonitor.fromJSON(one.merge(other).toJSON(), { clock: manualClock(3) })
    const rest = batch(columns(500, 0))
    again.observe(rest)
    both.observe(rest)
    expect(again.closedWindows).toEqual(both.closedWindows)
    expect(again.check()).toEqual(both.check())
    // Neither of the two has changed.
    expect(one.closeWindow()?.rows).toBe(300)
  })

  it('does not merge what was counted otherwise', () => {
    const make = (rows: number): DriftMonitor => new DriftMonitor({ reference, window: { rows } })
    expect(() => make(10).merge(make(20))).toThrow('its reference or its options differ')
    const byTime = (time: number): DriftMonitor => {
      const monitor = new DriftMonitor({ reference, window: { durationMs: 100 } })
      monitor.observe(batch(columns(10, 0)), time)
      return monitor
    }
    expect(() => byTime(50).merge(byTime(150))).toThrow('its open window is another')
    expect(byTime(50).merge(byTime(60)).closeWindow()?.rows).toBe(20)
  })

  it('refuses what is not a state, and that of a newer library', () => {
    expect(() => DriftMonitor.fromJSON({ format: 'else' })).toThrow('it is not the state of a millrace-drift-monitor')
    const state = new DriftMonitor({ reference }).toJSON() as Record<string, never>
    expect(() => DriftMonitor.fromJSON({ ...state, minReaderVersion: 2 })).toThrow('for version 2 and later')
  })

  it('stays small however much is observed', () => {
    const monitor = new DriftMonitor({ reference, window: { rows: 1_000_000 }, columns: ['x'] })
    const some = batch({ x: numberColumn(normals(random, 50_000)) })
    monitor.observe(some)
    const before = JSON.stringify(monitor.toJSON()).length
    for (let round = 0; round < 15; round++) monitor.observe(some)
    expect(JSON.stringify(monitor.toJSON()).length).toBeLessThan(before * 1.2)
  })
})

describe('on the weather of Seattle, 2012 to 2015', () => {
  const [head = '', ...lines] = readFileSync(
    new URL('../../../node_modules/vega-datasets/data/seattle-weather.csv', import.meta.url),
    'utf8',
  )
    .trim()
    .split('\n')
  const names = head.split(',')
  const days = lines.map((line) => Object.fromEntries(line.split(',').map((cell, index) => [names[index] as string, cell])))
  const judge = (reference: typeof days, observed: typeof days): readonly ColumnVerdict[] => {
    const columns = (part: typeof days): Record<string, Column> => ({
      temperature: numberColumn(Float64Array.from(part, (day) => Number(day.temp_max))),
      wind: numberColumn(Float64Array.from(part, (day) => Number(day.wind))),
      weather: textColumn(part.map((day) => day.weather as string)),
    })
    const monitor = new DriftMonitor({ reference: profileOf(columns(reference)), window: { rows: 100_000 } })
    monitor.observe(batch(columns(observed)))
    return monitor.check()
  }

  it('finds that summer is not winter', () => {
    const month = (day: (typeof days)[number]): number => Number(day.date?.slice(5, 7))
    const verdicts = judge(
      days.filter((day) => month(day) <= 3),
      days.filter((day) => month(day) >= 6 && month(day) <= 8),
    )
    expect(verdictOf(verdicts, 'temperature').drifted).toBe(true)
    expect(verdictOf(verdicts, 'weather').drifted).toBe(true)
  })

  it('finds nothing between every other day and the days between', () => {
    const verdicts = judge(
      days.filter((_, index) => index % 2 === 0),
      days.filter((_, index) => index % 2 === 1),
    )
    expect(verdicts.filter(({ drifted }) => drifted)).toEqual([])
  })
})
