import { MillraceError } from '../core/error.ts'
import type { SplitPart } from '../data/flow.ts'
import { type Metric, type MetricName, resolveMetric } from '../metrics/metric.ts'
import type { EvaluatedPart, GateResult, TrainedPart } from '../model/flow.ts'

/** What a gate may look at. */
export type GateInput = EvaluatedPart & TrainedPart & SplitPart

/** A condition on an evaluated model. It decides, it does not act; what cannot be decided does not pass. */
export interface Gate {
  /** Names it in the verdict. */
  readonly name: string
  decide(input: GateInput, options: { readonly signal?: AbortSignal }): GateResult | Promise<GateResult>
}

/**
 * Passes when the metric reaches the value.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a metric of which less is better: {@link atMost} is meant.
 * @example
 * gate([atLeast('auc', 0.65)])
 */
export function atLeast(metric: MetricName | Metric, value: number): Gate {
  return threshold(resolveMetric(metric), value, true)
}

/**
 * Passes when the metric is not above the value.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a metric of which more is better: {@link atLeast} is meant.
 * @example
 * gate([atMost('log-loss', 0.45)])
 */
export function atMost(metric: MetricName | Metric, value: number): Gate {
  return threshold(resolveMetric(metric), value, false)
}

/**
 * Passes when the metric is better than that of every baseline of the evaluation, in the metric's own direction. Undecidable when
 * `evaluate` was given no baselines, or one of them has no such metric.
 *
 * @example
 * gate([betterThanBaselines('auc')])
 */
export function betterThanBaselines(metric: MetricName | Metric): Gate {
  const resolved = resolveMetric(metric)
  const name = `${resolved.name} better than baselines`
  return {
    name,
    decide({ evaluation }): GateResult {
      const own = evaluation.metrics[resolved.name]?.value
      if (own === undefined) return lacksMetric(name, resolved.name)
      const baselines = Object.entries(evaluation.baselines)
      if (baselines.length === 0) return { name, outcome: 'undecidable', reason: 'the evaluation has no baselines' }
      const unknown = baselines.find(([, metrics]) => metrics[resolved.name] === undefined)
      if (unknown !== undefined) return { name, outcome: 'undecidable', reason: `the baseline ${unknown[0]} has no ${resolved.name}` }
      const values = baselines.map(([baseline, metrics]) => ({ baseline, value: metrics[resolved.name]?.value as number }))
      const best = values.reduce((left, right) => (gainOf(resolved, right.value, left.value) > 0 ? right : left))
      return {
        name,
        outcome: gainOf(resolved, own, best.value) > 0 ? 'passed' : 'failed',
        reason: `${resolved.name} ${figure(own)} against ${figure(best.value)} of the best baseline, ${best.baseline}`,
      }
    },
  }
}

function threshold(metric: Metric, value: number, higher: boolean): Gate {
  if (metric.higherIsBetter !== higher) {
    throw invalid(
      'metric',
      `one of which ${higher ? 'more' : 'less'} is better`,
      `${metric.name}: ${higher ? 'atMost' : 'atLeast'} is meant`,
    )
  }
  if (!Number.isFinite(value)) throw invalid('value', 'a finite number', String(value))
  const name = `${metric.name} ${higher ? 'at least' : 'at most'} ${figure(value)}`
  return {
    name,
    decide({ evaluation }): GateResult {
      const own = evaluation.metrics[metric.name]?.value
      if (own === undefined) return lacksMetric(name, metric.name)
      return { name, outcome: gainOf(metric, own, value) >= 0 ? 'passed' : 'failed', reason: `${metric.name} is ${figure(own)}` }
    },
  }
}

/** How much better the first is than the second, in the metric's own direction; NaN when either is. */
export function gainOf(metric: Metric, value: number, than: number): number {
  return metric.higherIsBetter ? value - than : than - value
}

export function lacksMetric(name: string, metric: string): GateResult {
  return { name, outcome: 'undecidable', reason: `the evaluation has no ${metric}: add it to the metrics of evaluate` }
}

/** Enough digits to tell two models apart. */
export function figure(value: number): string {
  return String(Number(value.toPrecision(6)))
}

export function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
