// What a user writes, and below it what must compile and what must not: checked by `tsc --noEmit`, never run. The messages that a user reads for what
// must not compile are asserted in test/unit/types/messages.test.ts.
import { MillraceError, Pipeline, Registry, Stage } from 'millrace'
import type { Flow, Profile, RowOf, Source } from 'millrace/data'
import { Deployment } from 'millrace/deploy'
import { atLeast, evaluate, gate, notWorseThanChampion } from 'millrace/evaluate'
import type { Transform } from 'millrace/features'
import { cyclic, impute, oneHot, standardize, targetEncode } from 'millrace/features'
import { ingest } from 'millrace/ingest'
import type { ModelRegistry } from 'millrace/model'
import { DriftMonitor } from 'millrace/monitor'
import { derive, prepare, split } from 'millrace/prepare'
import { register } from 'millrace/registry'
import type { StorageAdapter } from 'millrace/storage'
import { mlp } from 'millrace/tfjs'
import { train } from 'millrace/train'
import { z } from 'zod'

declare const flights: Source
declare const storage: StorageAdapter
declare const profile: Profile
const registry = new Registry({ storage })
const flight = z.object({
  date: z.date(),
  delay: z.number(),
  distance: z.number().positive().nullable(),
  origin: z.string(),
  cancelled: z.boolean(),
  gate: z.string().optional(),
})

const pipeline = new Pipeline('flight-delay')
  .pipe(ingest({ source: flights, schema: flight }))
  .pipe(derive('late', ['delay'], (delay) => delay > 15))
  .pipe(split({ test: 0.2, by: 'date' }))
  .pipe(
    prepare({
      target: 'late',
      features: {
        date: [cyclic('hour'), cyclic('day-of-week'), cyclic('month')],
        distance: impute('median').pipe(standardize()),
        origin: oneHot({ maxCategories: 50 }),
        cancelled: oneHot(),
        gate: oneHot(),
      },
      crosses: { 'origin-hour': { of: ['origin', { time: 'date', part: 'hour' }], as: targetEncode({ smoothing: 20 }) } },
    }),
  )
  .pipe(train({ learner: mlp({ units: [64, 32], epochs: 5, batchSize: 1024 }), seed: 7 }))
  .pipe(evaluate({ metrics: ['auc', 'log-loss'], slices: ['origin'] }))
  .pipe(gate([atLeast('auc', 0.65), notWorseThanChampion('auc', registry.championOf('flight-delay'))]))
  .pipe(register({ registry, name: 'flight-delay', alias: 'champion' }))

const handle = pipeline.start({ storage, id: 'nightly-2001-07-01', seed: 7 })
const run = await handle.result
const version: number = run.output.version.version

const deployment = await Deployment.open({ registry, model: 'flight-delay', alias: 'champion', schema: flight.omit({ delay: true }) })
const answer = await deployment.predict([{ date: new Date(), origin: 'SEA', distance: 954, cancelled: false }])
await deployment.recordAction(answer.ids[0] ?? '', 'rebooked')

// a plugin that adds to what flows: later stages keep it
const geo = <F extends Flow>(): Stage<F, F & { readonly geo: string }> =>
  new Stage({ name: 'geo', version: '1', run: (input: F) => ({ ...input, geo: 'x' }) })
const kept: string = (
  await new Pipeline('p')
    .pipe(ingest({ source: flights, schema: flight }))
    .pipe(geo())
    .pipe(split({ test: 0.2, stratify: 'origin' }))
    .run({ storage })
).output.geo
// a pipeline that takes its data, a pipeline as a stage, branches, map, when
const nightly = new Pipeline<{ file: string }>('nightly').pipe(ingest({ source: (_input: { file: string }) => flights, schema: flight }))
await nightly.run({ storage, input: { file: 'today.csv' } })
const count = new Stage({ name: 'count', version: '1', run: (input: { dataset: { rowCount: number } }) => input.dataset.rowCount })
const both: { rows: number; version: number } = (
  await pipeline
    .branch({
      rows: count,
      version: new Stage({ name: 'v', version: '1', run: (r: { version: { version: number } }) => r.version.version }),
    })
    .run({ storage })
).output
const nested = new Pipeline('outer').pipe(pipeline.pipe(count))
const doubled: readonly number[] = (
  await new Pipeline('m')
    .pipe(new Stage({ name: 'list', version: '1', run: (): readonly number[] => [1, 2] }))
    .map(new Stage({ name: 'double', version: '1', run: (n: number) => n * 2 }))
    .run({})
).output
const clipped = new Pipeline('c')
  .pipe(new Stage({ name: 'one', version: '1', run: () => 1 }))
  .when((n) => n > 0, new Stage({ name: 'less', version: '1', run: (n: number) => n - 1 }))
// a replaced column has the new type
const replaced = new Pipeline('r')
  .pipe(ingest({ source: flights, schema: flight }))
  .pipe(derive('delay', ['delay'], (delay) => String(delay)))
  .pipe(split({ test: 0.2 }))
  .pipe(prepare({ target: 'cancelled', features: { delay: oneHot() } }))
// errors narrow by code
function keyOf(error: unknown): string {
  return MillraceError.is(error) && error.code === 'STORAGE_CONFLICT' ? error.details.key : ''
}
// the row type of a flow can be named
const row: RowOf<Flow<{ readonly late: boolean }>> = { late: true }
// any registry will do
declare const mlflow: ModelRegistry
register({ registry: mlflow, name: 'flight-delay' })
new DriftMonitor({ reference: profile }).on((event) => {
  if (event.type === 'drift-detected') event.verdicts[0]?.pValue
})

// each of these must not compile
const ingested = new Pipeline('w').pipe(ingest({ source: flights, schema: flight }))
const done = ingested.pipe(split({ test: 0.2 }))
declare function lower(): Transform<string, string>
// @ts-expect-error out of order
ingested.pipe(train({ learner: mlp({ units: [4], epochs: 1 }) }))
// @ts-expect-error out of order
ingested.pipe(prepare({ target: 'delay', features: {} }))
// @ts-expect-error misspelled column
ingested.pipe(split({ test: 0.2, stratify: 'orgin' }))
// @ts-expect-error misspelled column
ingested.pipe(derive('late', ['dely'], (delay) => delay > 15))
// @ts-expect-error misspelled feature
done.pipe(prepare({ target: 'delay', features: { distanc: standardize() } }))
// @ts-expect-error the label among the features
done.pipe(prepare({ target: 'delay', features: { delay: standardize() } }))
// @ts-expect-error the label in a cross
done.pipe(prepare({ target: 'cancelled', features: {}, crosses: { leak: { of: ['cancelled'], as: targetEncode() } } }))
// @ts-expect-error wrong type
done.pipe(prepare({ target: 'delay', features: { origin: standardize() } }))
// @ts-expect-error not a number
done.pipe(prepare({ target: 'delay', features: { origin: lower() } }))
// @ts-expect-error nulls unhandled
done.pipe(prepare({ target: 'delay', features: { distance: standardize() } }))
// @ts-expect-error misspelled column in a cross
done.pipe(prepare({ target: 'delay', features: {}, crosses: { route: { of: ['orgin'], as: targetEncode() } } }))
// @ts-expect-error not a time
done.pipe(prepare({ target: 'delay', features: {}, crosses: { route: { of: [{ time: 'origin', part: 'hour' }], as: targetEncode() } } }))
// @ts-expect-error derived after the split
done.pipe(derive('late', ['delay'], (delay) => delay > 15))
// @ts-expect-error misspelled metric
evaluate({ metrics: ['acu'] })
// @ts-expect-error not gated
pipeline.pipe(new Stage({ name: 'x', version: '1', run: (input: { verdict: { passed: string } }) => input }))
// @ts-expect-error wrong request
deployment.predict([{ origin: 'SEA' }])
// @ts-expect-error the derived column has another type
ingested.pipe(derive('late', ['delay'], (delay: string) => delay))
// @ts-expect-error input needed
new Pipeline('x').pipe(new Stage({ name: 'n', version: '1', run: (n: number) => n }))
// @ts-expect-error input needed
nightly.run({ storage })
// @ts-expect-error a branch of another input
ingested.branch({ size: new Stage({ name: 'size', version: '1', run: (input: { bytes: number }) => input.bytes }) })
// @ts-expect-error not a list
ingested.map(count)
// @ts-expect-error the stage would change what flows
clipped.when((value) => value > 0, new Stage({ name: 'text', version: '1', run: (value: number) => String(value) }))
// @ts-expect-error an input where none is taken
pipeline.run({ storage, input: 1 })
// @ts-expect-error registered before it was gated
ingested.pipe(register({ registry, name: 'flight-delay' }))

void [version, kept, both, nested, doubled, clipped, replaced, keyOf, row]
