// The package in a real page: no Node under it, and the .wasm files where a bundler put them.
import { memory } from '@tensorflow/tfjs'
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url'
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url'
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url'
import { Logger, MillraceError, Pipeline, Registry, Stage } from 'millrace'
import { listRuns } from 'millrace/pipeline'
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import type { WasmPaths } from 'millrace/tfjs'
import { mlp, openBackend } from 'millrace/tfjs'
import { expect, test } from 'vitest'
import { learnerContext, sourceOf, trainingSetOf } from '../unit/train/learning-fixtures.ts'

const wasmPaths: WasmPaths = {
  'tfjs-backend-wasm.wasm': plain,
  'tfjs-backend-wasm-simd.wasm': simd,
  'tfjs-backend-wasm-threaded-simd.wasm': threaded,
}
const silent = new Logger({ sinks: [] })
let count = 0
const openStorage = (): Promise<IndexedDbStorage> => {
  count++
  return IndexedDbStorage.open(`millrace-core-${performance.timeOrigin}-${count}`)
}

const list = new Stage({ name: 'list', version: '1', run: (): readonly number[] => [1, 2, 3] })
const double = new Stage({ name: 'double', version: '1', run: (value: number) => value * 2 })
const draw = new Stage({
  name: 'draw',
  version: '1',
  run: (values: readonly number[], { random }) => Float32Array.from(values, (value) => value + random.next()),
})

test('the core runs a pipeline in a page, keeps it in IndexedDB and takes the second run from there', async () => {
  const storage = await openStorage()
  const pipeline = new Pipeline('page').pipe(list).map(double).pipe(draw)
  const first = await pipeline.run({ storage, seed: 3, id: 'first' })
  const second = await pipeline.run({ storage, seed: 3, id: 'second' })
  expect(first.output).toBeInstanceOf(Float32Array)
  expect(Array.from(first.output, Math.floor)).toEqual([2, 4, 6])
  expect(second.output).toEqual(first.output)
  expect(second.record.stages.map((stage) => `${stage.name} ${stage.outcome}`)).toEqual(['list cached', 'double cached', 'draw cached'])
  const runs: string[] = []
  for await (const { id } of listRuns(storage)) runs.push(id)
  expect(runs.sort()).toEqual(['first', 'second'])
})

test('a stage that fails in a page is RUN_FAILED, and a cancelled run rejects with its reason', async () => {
  const fail = new Stage({
    name: 'fail',
    version: '1',
    run: (): number => {
      throw new Error('broken')
    },
  })
  const failed = await new Pipeline('failing')
    .pipe(fail)
    .run({})
    .catch((error: unknown) => error)
  expect(MillraceError.is(failed, 'RUN_FAILED')).toBe(true)
  const reason = new DOMException('enough', 'AbortError')
  const wait = new Stage({ name: 'wait', version: '1', run: (_: undefined, { clock, signal }) => clock.sleep(60_000, signal) })
  const controller = new AbortController()
  const running = new Pipeline<undefined>('waiting').pipe(wait).run({ input: undefined, signal: controller.signal })
  setTimeout(() => controller.abort(reason), 20)
  expect(await running.catch((error: unknown) => error)).toBe(reason)
})

test('an empty registry in a page has no champion', async () => {
  const registry = new Registry({ storage: await openStorage(), logger: silent })
  expect(await registry.alias('flight-delay', 'champion')).toBeUndefined()
})

test('a network trains on wasm with the addresses that the bundler gave, and leaves no tensor behind', async () => {
  const features = Array.from({ length: 2_000 }, (_, row) => [Math.sin(row * 1.7), Math.cos(row * 2.3)])
  const labels = features.map(([x, y]) => ((x as number) * (y as number) < 0 ? 1 : 0))
  const data = trainingSetOf({ train: sourceOf(features, labels), width: 2 })
  const learned = await mlp({ units: [16], epochs: 40, batchSize: 64, learningRate: 0.02, backend: 'wasm', wasmPaths }).learn(
    data,
    learnerContext(),
  )
  expect(learned.details).toMatchObject({ backend: 'wasm', epochsRun: 40 })
  expect(learned.history.at(-1)?.loss).toBeLessThan(0.2)
  const { release } = await openBackend('wasm', { logger: silent, wasmPaths })
  expect(memory().numTensors).toBe(0)
  await release()
})
