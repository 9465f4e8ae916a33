// The names that an example of a doc comment may use without declaring them: what a reader has at hand when reading about that function. Each example
// gets its own, made when it uses them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { Logger, Pipeline, Registry } from 'millrace'
import { Deployment } from 'millrace/deploy'
import { atLeast, evaluate, gate } from 'millrace/evaluate'
import { cyclic, standardize, targetEncode } from 'millrace/features'
import { ingest, rows } from 'millrace/ingest'
import { logisticRegression, prior } from 'millrace/learners'
import { memorySink, openPredictionLog } from 'millrace/log'
import { packageModel, storeDenseNetwork } from 'millrace/model'
import { DriftMonitor, PerformanceMonitor } from 'millrace/monitor'
import { derive, prepare, split } from 'millrace/prepare'
import { register } from 'millrace/registry'
import { MemoryStorage } from 'millrace/storage'
import { train } from 'millrace/train'
import { z } from 'zod'
import { root } from './support/root.ts'

export const flight = z.object({
  date: z.date(),
  delay: z.int(),
  distance: z.int().positive(),
  origin: z.string().length(3),
  destination: z.string().length(3),
})
export type Flight = z.infer<typeof flight>

/** Every `step`th of 20,000 flights of the first three months of 2001. */
export function sampleFlights(step: number): readonly Flight[] {
  const file = join(root, 'node_modules', 'vega-datasets', 'data', 'flights-20k.json')
  const all = JSON.parse(readFileSync(file, 'utf8')) as readonly (Omit<Flight, 'date'> & { readonly date: string })[]
  return all.filter((_, index) => index % step === 0).map((one) => ({ ...one, date: new Date(`${one.date} UTC`) }))
}

/** The whole flow in one nested pipeline, so that an example may add any stage again after it. */
function flow(flights: readonly Flight[]) {
  const stages = new Pipeline('flow')
    .pipe(ingest({ source: rows(flights), schema: flight }))
    .pipe(derive('late', ['delay'], (delay) => delay > 15))
    .pipe(split({ by: 'date', test: 0.2 }))
    .pipe(
      prepare({
        target: 'late',
        features: { date: cyclic('hour'), distance: standardize(), origin: targetEncode(), destination: targetEncode() },
      }),
    )
    .pipe(train({ learner: logisticRegression() }))
    .pipe(evaluate({ metrics: ['auc', 'log-loss'], slices: ['origin'], baselines: [prior()] }))
    .pipe(gate([atLeast('auc', 0.5)]))
  return new Pipeline('flight-delay').pipe(stages)
}

/** A function that makes its value once. */
function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** By name, what makes a fixture; a promise is awaited before the example runs. */
export function createFixtures() {
  const flights = once(() => sampleFlights(20))
  const storage = once(() => new MemoryStorage())
  const logger = once(() => new Logger({ sinks: [memorySink()] }))
  const pipeline = once(() => flow(flights()))
  const run = once(() => pipeline().run({ storage: storage(), id: 'nightly-2001-07-01' }))
  const dataset = once(async () => (await run()).output.dataset)
  const trainingProfile = once(async () => (await run()).output.trainingProfile)
  const registry = once(async () => {
    const registry = new Registry({ storage: storage() })
    await pipeline()
      .pipe(register({ registry, name: 'flight-delay', alias: 'champion' }))
      .run({ storage: storage() })
    return registry
  })
  const log = once(() => openPredictionLog({ storage: storage(), prefix: 'predictions/flight-delay' }))
  const monitors = once(async () => [new DriftMonitor({ reference: await trainingProfile() }), new PerformanceMonitor()])
  const network = once(() =>
    storeDenseNetwork({
      inputs: [{ name: 'features', features: 2 }],
      layers: [{ units: 1, activation: 'sigmoid', kernel: Float32Array.of(0.5, -0.25), bias: Float32Array.of(0) }],
      output: 'probability',
    }),
  )
  return {
    storage,
    logger,
    /** With the model `flight-delay`, whose version 1 is champion. */
    registry,
    pipeline,
    run,
    dataset,
    trainingProfile,
    log,
    monitors,
    /** A network as it is stored. */
    network,
    flight: () => flight,
    /** Objects, one a flight. */
    flights,
    /** The fitted feature plan. */
    plan: once(async () => (await run()).output.plan),
    evaluation: once(async () => (await run()).output.evaluation),
    /** A hundred flights as a record batch. */
    batch: once(async (): Promise<RecordBatch> => {
      for await (const batch of (await dataset()).batches({ batchRows: 100 })) return batch
      throw new Error('Expected a batch.')
    }),
    deployment: once(async () =>
      Deployment.open({ registry: await registry(), model: 'flight-delay', alias: 'champion', schema: flight.omit({ delay: true }) }),
    ),
    /** The trained model as a registry takes it. */
    modelPackage: once(async () => {
      const { id, output } = await run()
      const lineage = {
        runId: id,
        dataDigest: output.dataset.digest,
        trainDigest: output.train.digest,
        testDigest: output.test.digest,
        codeVersion: null,
        packages: {},
      }
      return packageModel({ ...output, storage: storage(), lineage })
    }),
    signal: () => new AbortController().signal,
    bytes: once(() => new TextEncoder().encode('some bytes')),
  }
}

export type Fixtures = ReturnType<typeof createFixtures>
/** The type of a fixture as an example sees it. @public */
export type Fixture<Name extends keyof Fixtures> = Awaited<ReturnType<Fixtures[Name]>>
