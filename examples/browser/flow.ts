// The same flow as in Node, on 20,000 flights, for training in a page.
import { Pipeline } from 'millrace'
import { atLeast, betterThanBaselines, evaluate, gate, notWorseThanChampion } from 'millrace/evaluate'
import { cyclic, logarithm, standardize, targetEncode } from 'millrace/features'
import { ingest, rows } from 'millrace/ingest'
import { meanBy, prior } from 'millrace/learners'
import { derive, prepare, split } from 'millrace/prepare'
import type { Registry } from 'millrace/registry'
import { register } from 'millrace/registry'
import type { WasmPaths } from 'millrace/tfjs'
import { mlp } from 'millrace/tfjs'
import { train } from 'millrace/train'
import { z } from 'zod'

export const modelName = 'flight-delay'

export const flight = z.object({
  date: z.date(),
  delay: z.int(),
  distance: z.int().positive(),
  origin: z.string().length(3),
  destination: z.string().length(3),
})
export type Flight = z.infer<typeof flight>

const route = ['origin', 'destination'] as const
const encoded = targetEncode({ smoothing: 50 })

export function flightDelay(options: { flights: readonly Flight[]; registry: Registry; wasmPaths: WasmPaths }) {
  return new Pipeline(modelName)
    .pipe(ingest({ source: rows(options.flights, { label: 'flights-20k.json' }), schema: flight }))
    .pipe(derive('late', ['delay'], (delay) => delay > 15))
    .pipe(split({ by: 'date', test: 0.2, validation: 0.1 }))
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
          'route-minute': { of: [...route, { time: 'date', part: 'minute-of-day' }], as: targetEncode({ smoothing: 20 }) },
        },
      }),
    )
    .pipe(
      train({
        learner: mlp({
          units: [32, 16],
          epochs: 30,
          batchSize: 256,
          dropout: 0.2,
          patience: 5,
          backend: 'wasm',
          wasmPaths: options.wasmPaths,
        }),
        seed: 7,
      }),
    )
    .pipe(
      evaluate({
        metrics: ['auc', 'log-loss', 'expected-calibration-error'],
        slices: ['origin'],
        baselines: [prior(), meanBy({ time: 'date', part: 'hour' })],
      }),
    )
    .pipe(gate([atLeast('auc', 0.64), betterThanBaselines('auc'), notWorseThanChampion('auc', options.registry.championOf(modelName))]))
    .pipe(register({ registry: options.registry, name: modelName, alias: 'champion' }))
}
