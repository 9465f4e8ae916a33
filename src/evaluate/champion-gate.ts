import { type Metric, type MetricName, resolveMetric } from '../metrics/metric.ts'
import type { GateResult } from '../model/flow.ts'
import type { ChampionSource } from '../model/model-registry.ts'
import { figure, type Gate, gainOf, invalid, lacksMetric } from './gates.ts'

export interface ChampionGateOptions {
  /** By how much the new model may be worse, in the metric's unit; default 0. */
  readonly tolerance?: number
  /**
   * What to do when the champion's figures are from other test data, so that the two numbers are not of the same thing: `undecidable`
   * (default) does not pass; `compare` compares them all the same, and the reason says so. A flow whose test part moves with time needs
   * `compare`, with a tolerance for the difference that the data make.
   */
  readonly onOtherTestData?: 'undecidable' | 'compare'
}

/**
 * Passes when the model is at least as good as the one in use. Without a champion it passes, being the first; a model with the champion's digest
 * passes, being the same. Undecidable when the champion has no such metric.
 *
 * @throws {@link MillraceError} what the source throws: a registry that cannot be asked is a fault, not a verdict.
 * @example
 * gate([notWorseThanChampion('auc', registry.championOf('flight-delay'), { tolerance: 0.002 })])
 */
export function notWorseThanChampion(metric: MetricName | Metric, source: ChampionSource, options: ChampionGateOptions = {}): Gate {
  const resolved = resolveMetric(metric)
  const { tolerance = 0, onOtherTestData = 'undecidable' } = options
  if (!(tolerance >= 0 && tolerance < Infinity)) throw invalid('tolerance', 'a number of at least 0', String(tolerance))
  const name = `${resolved.name} not worse than ${source.label}`
  return {
    name,
    async decide({ evaluation, model, test }, { signal }): Promise<GateResult> {
      const champion = await source.champion(signal === undefined ? {} : { signal })
      if (champion === undefined) return { name, outcome: 'passed', reason: 'there is no champion yet' }
      const whose = `version ${champion.version}`
      if (champion.modelDigest === model.digest) return { name, outcome: 'passed', reason: `it is the same model as ${whose}` }
      const own = evaluation.metrics[resolved.name]?.value
      if (own === undefined) return lacksMetric(name, resolved.name)
      const theirs = champion.metrics[resolved.name]
      if (theirs === undefined) return { name, outcome: 'undecidable', reason: `${whose} was registered without ${resolved.name}` }
      const sameData = champion.testDigest === test.digest
      if (!sameData && onOtherTestData === 'undecidable') {
        return { name, outcome: 'undecidable', reason: `${whose} was evaluated on other test data` }
      }
      const allowance = tolerance === 0 ? '' : `, tolerance ${figure(tolerance)}`
      const data = sameData ? '' : ', on other test data'
      return {
        name,
        outcome: gainOf(resolved, own, theirs) >= -tolerance ? 'passed' : 'failed',
        reason: `${resolved.name} ${figure(own)} against ${figure(theirs)} of ${whose}${allowance}${data}`,
      }
    },
  }
}
