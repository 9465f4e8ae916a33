/**
 * The steps {@link evaluate}, which measures a model on the test part beside baselines and by slices, and {@link gate}, which asks conditions of the figures before
 * anything is promoted.
 *
 * @module millrace/evaluate
 */

export type { ChampionGateOptions } from './champion-gate.ts'
export { notWorseThanChampion } from './champion-gate.ts'
export type { EvaluateOptions } from './evaluate.ts'
export { evaluate } from './evaluate.ts'
export { gate } from './gate.ts'
export type { Gate, GateInput } from './gates.ts'
export { atLeast, atMost, betterThanBaselines } from './gates.ts'
