// The flow of the quickstart: three million flights, from the file to a registered model. This is what a user writes.
import { Pipeline } from 'millrace'
import { atLeast, betterThanBaselines, evaluate, gate, notWorseThanChampion } from 'millrace/evaluate'
import { cyclic, logarithm, standardize, targetEncode } from 'millrace/features'
import { ingest } from 'millrace/ingest'
import { parquet } from 'millrace/ingest/parquet'
import { meanBy, prior } from 'millrace/learners'
import { derive, prepare, split } from 'millrace/prepare'
import type { Registry } from 'millrace/registry'
import { register } from 'millrace/registry'
import { mlp } from 'millrace/tfjs'
import { train } from 'millrace/train'
import { z } from 'zod'

export const modelName = 'flight-delay'

/** A flight as the file has it. Three hours early or a day late is a slip of the clerk, not a flight. */
export const flight = z.object({
  date: z.date(),
  delay: z.int().min(-180).max(1440),
  distance: z.int().positive(),
  origin: z.string().length(3),
  destination: z.string().length(3),
})

const day = (text: string): Date => new Date(`${text}T00:00:00Z`)
const route = ['origin', 'destination'] as const
const encoded = targetEncode({ smoothing: 20 })
/** What the model must be better than. */
export const baselines = [prior(), meanBy({ time: 'date', part: 'hour' })]

export function flightDelay(options: { file: string; registry: Registry; epochs: number }) {
  return new Pipeline(modelName)
    .pipe(ingest({ source: parquet(options.file, { label: 'flights-3m.parquet' }), schema: flight }))
    .pipe(derive('late', ['delay'], (delay) => delay > 15))
    .pipe(split({ by: 'date', validation: { from: day('2001-04-24') }, test: { from: day('2001-05-01'), until: day('2001-06-01') } }))
    .pipe(
      prepare({
        target: 'late',
        features: {
          date: [cyclic('hour'), cyclic('day-of-week')],
          distance: logarithm().pipe(standardize()),
          origin: encoded,
          destination: encoded,
        },
        crosses: {
          route: { of: route, as: encoded },
          'origin-hour': { of: ['origin', { time: 'date', part: 'hour' }], as: encoded },
          'destination-hour': { of: ['destination', { time: 'date', part: 'hour' }], as: encoded },
          'route-hour': { of: [...route, { time: 'date', part: 'hour' }], as: encoded },
          'route-minute': { of: [...route, { time: 'date', part: 'minute-of-day' }], as: encoded },
        },
      }),
    )
    .pipe(train({ learner: mlp({ units: [64, 32], epochs: options.epochs, batchSize: 4096, learningRate: 0.002, patience: 2 }), seed: 7 }))
    .pipe(
      evaluate({
        metrics: ['auc', 'log-loss', 'accuracy', 'brier', 'expected-calibration-error'],
        slices: ['origin'],
        baselines,
      }),
    )
    .pipe(gate([atLeast('auc', 0.7), betterThanBaselines('auc'), notWorseThanChampion('auc', options.registry.championOf(modelName))]))
    .pipe(register({ registry: options.registry, name: modelName, alias: 'champion' }))
}
