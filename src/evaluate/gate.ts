import { throwIfAborted } from '../core/abort.ts'
import type { SplitPart } from '../data/flow.ts'
import type { EvaluatedPart, GatedPart, GateResult, TrainedPart } from '../model/flow.ts'
import { Stage } from '../pipeline/stage.ts'
import { type Gate, invalid } from './gates.ts'

/**
 * Asks every gate, in order, and adds the verdict: passed when all of them passed. What is undecidable does not pass. It stops nothing: `register` stores the
 * model anyway, and moves its alias only on a verdict that passed.
 *
 * Never taken from the cache: the evaluation is, the champion moves.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` without gates, which would pass anything; what a gate throws fails the stage.
 * @example
 * pipeline.pipe(gate([atLeast('auc', 0.65), notWorseThanChampion('auc', registry.championOf('flight-delay'))]))
 */
export function gate<F extends EvaluatedPart & TrainedPart & SplitPart>(gates: readonly Gate[]): Stage<F, F & GatedPart> {
  if (gates.length === 0) throw invalid('gates', 'at least one gate', 'none')
  const asked = [...gates]
  return new Stage<F, F & GatedPart>({
    name: 'gate',
    version: '1',
    parameters: { gates: asked.map(({ name }) => name) },
    effect: true,
    async run(input, { signal, logger }) {
      const results: GateResult[] = []
      for (const one of asked) {
        throwIfAborted(signal)
        const result = await one.decide(input, { signal })
        results.push(result)
        logger[result.outcome === 'passed' ? 'info' : 'warn'](`Gate ${result.outcome}: ${one.name}`, {
          gate: one.name,
          outcome: result.outcome,
          reason: result.reason,
        })
      }
      return { ...input, verdict: { passed: results.every(({ outcome }) => outcome === 'passed'), gates: results } }
    },
  })
}
