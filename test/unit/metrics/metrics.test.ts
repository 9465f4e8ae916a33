import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import {
  accuracy,
  auc,
  aucInterval,
  brierScore,
  builtInMetrics,
  calibrationBins,
  expectedCalibrationError,
  f1,
  logLoss,
  meanAbsoluteError,
  precision,
  recall,
  resolveMetric,
  rocCurve,
  rootMeanSquaredError,
} from '../../../src/metrics/index.ts'
import { ascendingOrder } from '../../../src/metrics/order.ts'

const labels = Float32Array.of(0, 0, 1, 1)
const scores = Float32Array.of(0.1, 0.4, 0.35, 0.8)

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
  return undefined
}

/** The definition: every pair of a positive and a negative, ties one half. */
function aucByPairs(labels: Float32Array, scores: Float32Array, weights?: Float32Array): number {
  let wins = 0
  let pairs = 0
  for (let i = 0; i < labels.length; i++) {
    for (let j = 0; j < labels.length; j++) {
      if (labels[i] !== 1 || labels[j] !== 0) continue
      const weight = (weights?.[i] ?? 1) * (weights?.[j] ?? 1)
      pairs += weight
      if ((scores[i] as number) > (scores[j] as number)) wins += weight
      else if (scores[i] === scores[j]) wins += weight / 2
    }
  }
  return wins / pairs
}

const rows = fc.array(
  fc.record({
    label: fc.constantFrom(0, 1),
    score: fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 0.5, 1)),
    weight: fc.float({ min: 0.5, max: 4, noNaN: true }),
  }),
  { minLength: 2, maxLength: 40 },
)

describe('ascendingOrder', () => {
  it('sorts as a comparing sort does, ties in the order of the rows', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1))), (numbers) => {
        const values = Float32Array.from(numbers)
        const expected = [...values.keys()].sort((a, b) =>
          (values[a] as number) < (values[b] as number) ? -1 : (values[a] as number) > (values[b] as number) ? 1 : a - b,
        )
        expect([...ascendingOrder(values)]).toEqual(expected)
      }),
    )
  })
})

describe('auc', () => {
  it('is scikit-learn’s on its own example', () => {
    expect(auc(labels, scores)).toBe(0.75)
  })
  it('equals the share of pairs that are ordered rightly, ties one half, weights multiplied', () => {
    fc.assert(
      fc.property(rows, (rows) => {
        const l = Float32Array.from([0, 1, ...rows.map((row) => row.label)])
        const s = Float32Array.from([0.5, 0.5, ...rows.map((row) => row.score)])
        const w = Float32Array.from([1, 2, ...rows.map((row) => row.weight)])
        expect(auc(l, s)).toBeCloseTo(aucByPairs(l, s), 12)
        expect(auc(l, s, w)).toBeCloseTo(aucByPairs(l, s, w), 10)
      }),
    )
  })
  it('is undefined without rows, with one class, and on NaN', () => {
    expect(codeOf(() => auc(new Float32Array(0), new Float32Array(0)))).toBe('METRIC_UNDEFINED')
    expect(codeOf(() => auc(Float32Array.of(1, 1), Float32Array.of(0, 1)))).toBe('METRIC_UNDEFINED')
    expect(codeOf(() => auc(Float32Array.of(0, 0), Float32Array.of(0, 1)))).toBe('METRIC_UNDEFINED')
    expect(codeOf(() => auc(labels, Float32Array.of(0, Number.NaN, 1, 1)))).toBe('METRIC_UNDEFINED')
    expect(codeOf(() => auc(labels, Float32Array.of(0)))).toBe('ARGUMENT_INVALID')
  })
  it('is what the scores were drawn with, on half a million rows', () => {
    const random = createRandom(1)
    const s = Float32Array.from({ length: 500_000 }, () => random.next())
    const l = s.map((score) => (random.next() < score ? 1 : 0))
    expect(auc(l, s)).toBeCloseTo(5 / 6, 2)
  })
  it('has the interval of DeLong, by its definition over pairs', () => {
    const random = createRandom(2)
    const s = Float32Array.from({ length: 200 }, () => Math.round(random.next() * 20) / 20)
    const l = s.map((score) => (random.next() < score ? 1 : 0))
    const share = (of: number, other: number): number[] =>
      [...s.keys()]
        .filter((row) => l[row] === of)
        .map((row) => {
          const others = [...s.keys()].filter((o) => l[o] === other)
          const won = others.reduce(
            (sum, o) => sum + (s[row] === s[o] ? 0.5 : (s[row] as number) > (s[o] as number) === (of === 1) ? 1 : 0),
            0,
          )
          return won / others.length
        })
    const variance = (values: number[]): number => {
      const mean = values.reduce((a, b) => a + b) / values.length
      return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length
    }
    const halfWidth = 1.959963984540054 * Math.sqrt(variance(share(1, 0)) + variance(share(0, 1)))
    const [lower, upper] = aucInterval(l, s)
    expect(upper - lower).toBeCloseTo(2 * halfWidth, 12)
    expect((upper + lower) / 2).toBeCloseTo(auc(l, s), 12)
  })
  it('has an interval that covers the truth about 95 times in 100', () => {
    let covered = 0
    for (let trial = 0; trial < 400; trial++) {
      const random = createRandom(trial)
      const s = Float32Array.from({ length: 300 }, () => random.next())
      const l = s.map((score) => (random.next() < score ? 1 : 0))
      const [lower, upper] = aucInterval(l, s)
      if (lower <= 5 / 6 && 5 / 6 <= upper) covered++
    }
    expect(covered).toBeGreaterThan(400 * 0.9)
    expect(covered).toBeLessThan(400 * 0.99)
  })
})

describe('errors of probabilities and numbers', () => {
  it('are those of scikit-learn', () => {
    // sklearn.metrics on the same four rows (scores rounded to float32).
    expect(logLoss(labels, scores)).toBeCloseTo(0.4723, 4)
    expect(brierScore(labels, scores)).toBeCloseTo(0.158125, 6)
    expect(meanAbsoluteError(labels, scores)).toBeCloseTo(0.3375, 6)
    expect(rootMeanSquaredError(labels, scores)).toBeCloseTo(Math.sqrt(0.158125), 6)
  })
  it('weigh rows as if they were repeated', () => {
    const weights = Float32Array.of(1, 2, 3, 1)
    const repeat = (values: Float32Array): Float32Array => Float32Array.from([0, 1, 1, 2, 2, 2, 3], (row) => values[row] as number)
    for (const metric of Object.values(builtInMetrics)) {
      expect(metric.compute(labels, scores, weights)).toBeCloseTo(metric.compute(repeat(labels), repeat(scores)), 10)
    }
  })
  it('keep the log loss of a certain and wrong prediction finite', () => {
    expect(logLoss(Float32Array.of(1), Float32Array.of(0))).toBeCloseTo(-Math.log(1e-15), 9)
    expect(logLoss(Float32Array.of(0), Float32Array.of(1))).toBeCloseTo(-Math.log1p(-(1 - 1e-15)), 9)
  })
  it('have intervals that hold the truth about 95 times in 100', () => {
    // Labels drawn with the score's own probability, scores uniform: the expected values are integrals over [0, 1].
    const truths = {
      'log-loss': 0.5,
      brier: 1 / 6,
      accuracy: 0.75,
      'mean-absolute-error': 1 / 3,
      'root-mean-squared-error': Math.sqrt(1 / 6),
    } as const
    for (const [name, truth] of Object.entries(truths)) {
      const metric = builtInMetrics[name as keyof typeof truths]
      let covered = 0
      for (let trial = 0; trial < 300; trial++) {
        const random = createRandom(`${name} ${trial}`)
        const s = Float32Array.from({ length: 400 }, () => random.next())
        const l = s.map((score) => (random.next() < score ? 1 : 0))
        const [lower, upper] = metric.interval?.(l, s) ?? [1, 0]
        if (lower <= truth && truth <= upper) covered++
      }
      expect(covered, name).toBeGreaterThan(300 * 0.9)
      expect(covered, name).toBeLessThan(300 * 0.99)
    }
    expect(codeOf(() => builtInMetrics.brier.interval?.(Float32Array.of(1), Float32Array.of(1)))).toBe('METRIC_UNDEFINED')
  })
  it('are undefined where nothing has weight', () => {
    expect(codeOf(() => logLoss(labels, scores, new Float32Array(4)))).toBe('METRIC_UNDEFINED')
    expect(codeOf(() => brierScore(new Float32Array(0), new Float32Array(0)))).toBe('METRIC_UNDEFINED')
  })
})

describe('metrics at a threshold', () => {
  it('count a score at the threshold as positive', () => {
    const s = Float32Array.of(0.5, 0.2, 0.5, 0.9)
    expect(accuracy(labels, s)).toBe(0.75)
    expect(precision(labels, s)).toBeCloseTo(2 / 3, 12)
    expect(recall(labels, s)).toBe(1)
    expect(f1(labels, s)).toBeCloseTo(0.8, 12)
    expect(recall(labels, s, 0.75)).toBe(0.5)
  })
  it('are undefined where their denominator is empty', () => {
    expect(codeOf(() => precision(labels, new Float32Array(4)))).toBe('METRIC_UNDEFINED')
    expect(codeOf(() => recall(new Float32Array(4), scores))).toBe('METRIC_UNDEFINED')
    expect(codeOf(() => f1(new Float32Array(4), new Float32Array(4)))).toBe('METRIC_UNDEFINED')
  })
})

describe('calibration', () => {
  it('puts a score on a bin’s upper bound in that bin, and 0 and 1 in the outer ones', () => {
    const bins = calibrationBins(Float32Array.of(0, 1, 0, 1), Float32Array.of(0, 0.5, 0.500001, 1), { bins: 2 })
    expect(bins.map((bin) => bin.count)).toEqual([2, 2])
    expect(bins[0]).toMatchObject({ lower: 0, upper: 0.5, meanPrediction: 0.25, meanLabel: 0.5 })
  })
  it('keeps empty bins, as plain numbers', () => {
    expect(calibrationBins(labels, scores, { bins: 4 })[3]).toEqual({
      lower: 0.75,
      upper: 1,
      count: 1,
      meanPrediction: Math.fround(0.8),
      meanLabel: 1,
    })
    expect(calibrationBins(labels, scores, { bins: 10 })[5]).toEqual({ lower: 0.5, upper: 0.6, count: 0, meanPrediction: 0, meanLabel: 0 })
  })
  it('sums the gaps to the expected calibration error', () => {
    expect(expectedCalibrationError(labels, scores, { bins: 2 })).toBeCloseTo((3 * Math.abs(0.85 / 3 - 1 / 3) + 0.2) / 4, 6)
  })
})

describe('rocCurve', () => {
  it('has an area equal to the auc when nothing is left out', () => {
    fc.assert(
      fc.property(rows, (rows) => {
        const l = Float32Array.from([0, 1, ...rows.map((row) => row.label)])
        const s = Float32Array.from([0.5, 0.5, ...rows.map((row) => row.score)])
        const points = rocCurve(l, s)
        let area = 0
        for (let i = 1; i < points.length; i++) {
          const [a, b] = [points[i - 1], points[i]] as [(typeof points)[0], (typeof points)[0]]
          area += ((b.falsePositiveRate - a.falsePositiveRate) * (a.truePositiveRate + b.truePositiveRate)) / 2
        }
        expect(area).toBeCloseTo(auc(l, s), 10)
      }),
    )
  })
  it('keeps at most the points asked for, both ends among them', () => {
    const random = createRandom(3)
    const s = Float32Array.from({ length: 20_000 }, () => random.next())
    const l = s.map((score) => (random.next() < score ? 1 : 0))
    for (const maxPoints of [2, 3, 10, 201]) {
      const points = rocCurve(l, s, { maxPoints })
      expect(points.length).toBeLessThanOrEqual(maxPoints)
      expect(points.length).toBeGreaterThan(maxPoints * 0.6)
      expect(points[0]).toMatchObject({ falsePositiveRate: 0, truePositiveRate: 0 })
      expect(points.at(-1)).toMatchObject({ falsePositiveRate: 1, truePositiveRate: 1 })
    }
  })
  it('is undefined with one class only', () => {
    expect(codeOf(() => rocCurve(new Float32Array(4), scores))).toBe('METRIC_UNDEFINED')
  })
})

describe('resolveMetric', () => {
  it('finds the built-in ones by name and hands a plugin’s metric through', () => {
    const own = { name: 'lift', higherIsBetter: true, compute: () => 1 }
    expect(resolveMetric('auc').compute(labels, scores)).toBe(0.75)
    expect(resolveMetric(own)).toBe(own)
  })
  it('suggests the nearest name', () => {
    expect(() => resolveMetric('acu' as 'auc')).toThrow('Did you mean "auc"')
    expect(codeOf(() => resolveMetric('toString' as 'auc'))).toBe('ARGUMENT_INVALID')
  })
})
