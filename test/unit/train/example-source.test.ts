import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/index.ts'
import type { Dataset } from '../../../src/data/dataset.ts'
import { selectRows, sliceDataset } from '../../../src/data/dataset-views.ts'
import type { ExampleSource } from '../../../src/model/learner.ts'
import { exampleSource } from '../../../src/train/index.ts'
import { columnsPlan, datasetOf } from './learning-fixtures.ts'

interface Seen {
  readonly sizes: readonly number[]
  /** Column x of each row as it came. */
  readonly order: readonly number[]
  readonly places: readonly number[]
  readonly labels: readonly number[]
}

async function readAll(source: ExampleSource, options: { batchRows: number; seed?: number }): Promise<Seen> {
  const seen = { sizes: [] as number[], order: [] as number[], places: [] as number[], labels: [] as number[] }
  const { batchRows, seed } = options
  for await (const batch of source.batches({ batchRows, ...(seed !== undefined && { shuffle: createRandom(seed) }) })) {
    const { data, shape } = batch.inputs.features as { data: Float32Array; shape: readonly number[] }
    expect(shape[0]).toBe(batch.rows)
    expect(data).toHaveLength(batch.rows * 2)
    seen.sizes.push(batch.rows)
    for (let row = 0; row < batch.rows; row++) {
      seen.order.push(data[row * 2] as number)
      seen.places.push(data[row * 2 + 1] as number)
    }
    seen.labels.push(...batch.labels)
  }
  return seen
}

const numbers = (rows: number): number[] => Array.from({ length: rows }, (_, row) => row)
const plan = columnsPlan(['x'], { place: true })
const sourceOver = (dataset: Dataset, fittedOn = true): ExampleSource =>
  exampleSource({ dataset, plan, target: 'late', task: 'binary', fittedOn })
const flights = (rows: number): Promise<Dataset> => datasetOf({ x: numbers(rows), late: numbers(rows).map((row) => row % 3 === 0) })

describe('exampleSource', () => {
  it('gives the rows in order and in full batches, whatever the chunks', async () => {
    const seen = await readAll(sourceOver(await flights(150_000)), { batchRows: 40_000 })
    expect(seen.sizes).toEqual([40_000, 40_000, 40_000, 30_000])
    expect(seen.order).toEqual(numbers(150_000))
    expect(seen.labels.every((label, row) => label === (row % 3 === 0 ? 1 : 0))).toBe(true)
  })

  it('shuffles across chunks: every row once, with its own label and its own place in the training part', async () => {
    const rows = 400_000
    const seen = await readAll(sourceOver(await flights(rows)), { batchRows: 4_096, seed: 5 })
    expect(seen.sizes.slice(0, -1).every((size) => size === 4_096)).toBe(true)
    expect(new Set(seen.order).size).toBe(rows)
    expect(seen.order.every((row, index) => seen.places[index] === row && seen.labels[index] === (row % 3 === 0 ? 1 : 0))).toBe(true)
    // No batch is one stretch of the data: its rows come from more than one chunk, all over them.
    const first = seen.order.slice(0, 4_096)
    expect(new Set(first.map((row) => Math.floor(row / 65_536))).size).toBeGreaterThan(2)
    // Neighbours in the data are not neighbours in the batch.
    expect(first.filter((row, index) => index > 0 && Math.abs(row - (first[index - 1] as number)) < 10).length).toBeLessThan(20)
  })

  it('draws each batch evenly from all of the data where it fits the window, the last batches too', async () => {
    const rows = 400_000
    const { order } = await readAll(sourceOver(await flights(rows)), { batchRows: 4_096, seed: 5 })
    for (const start of [0, 200_000, rows - 4_096]) {
      const mean = order.slice(start, start + 4_096).reduce((sum, row) => sum + row, 0) / 4_096
      // Six standard errors of the mean of 4,096 uniform draws.
      expect(Math.abs(mean - rows / 2)).toBeLessThan((6 * rows) / Math.sqrt(12 * 4_096))
    }
  })

  it('prepares rows that fit the window once, however many epochs are drawn', async () => {
    let applied = 0
    const counting = {
      ...plan,
      applyTraining: (...given: Parameters<typeof plan.applyTraining>) => {
        applied += 1
        return plan.applyTraining(...given)
      },
    }
    const source = exampleSource({ dataset: await flights(70_000), plan: counting, target: 'late', task: 'binary', fittedOn: true })
    const first = await readAll(source, { batchRows: 1_000, seed: 1 })
    const once = applied
    const second = await readAll(source, { batchRows: 1_000, seed: 2 })
    expect(once).toBeGreaterThan(0)
    expect(applied).toBe(once)
    expect([...second.order].sort((a, b) => a - b)).toEqual([...first.order].sort((a, b) => a - b))
  })

  it('shuffles the same way for the same seed only', async () => {
    const source = sourceOver(await flights(70_000))
    const first = await readAll(source, { batchRows: 1_000, seed: 1 })
    expect(await readAll(source, { batchRows: 1_000, seed: 1 })).toEqual(first)
    expect((await readAll(source, { batchRows: 1_000, seed: 2 })).order).not.toEqual(first.order)
  })

  it('tells the plan the place of each row in the part, also where the part is a view', async () => {
    const whole = await flights(200_000)
    const range = await sliceDataset(whole, 60_000, 190_000)
    const ofRange = await readAll(sourceOver(range), { batchRows: 5_000, seed: 3 })
    expect(ofRange.order.every((row, index) => row - 60_000 === ofRange.places[index])).toBe(true)
    expect(new Set(ofRange.order).size).toBe(130_000)
    const odd = await selectRows(
      whole,
      Uint8Array.from(numbers(200_000), (row) => row % 2),
    )
    const ofOdd = await readAll(sourceOver(odd), { batchRows: 5_000, seed: 3 })
    expect(ofOdd.order.every((row, index) => (row - 1) / 2 === ofOdd.places[index])).toBe(true)
    expect(new Set(ofOdd.order).size).toBe(100_000)
  })

  it('uses the serving side of the plan on rows that it was not fitted on', async () => {
    const seen = await readAll(sourceOver(await flights(10), false), { batchRows: 4, seed: 1 })
    expect(seen.places.every((place) => place < 0)).toBe(true)
  })

  it('has nothing to give for a part without rows', async () => {
    const empty = await sliceDataset(await flights(10), 3, 3)
    expect((await readAll(sourceOver(empty), { batchRows: 4 })).sizes).toEqual([])
    expect((await readAll(sourceOver(empty), { batchRows: 4, seed: 1 })).sizes).toEqual([])
  })

  it('keeps the window small where rows are wide', async () => {
    const width = 5_000
    const names = Array.from({ length: width }, () => 'x')
    const wide = exampleSource({ dataset: await flights(9_000), plan: columnsPlan(names), target: 'late', task: 'binary', fittedOn: true })
    const seen = new Set<number>()
    for await (const { inputs, rows } of wide.batches({ batchRows: 100, shuffle: createRandom(1) })) {
      for (let row = 0; row < rows; row++) seen.add(inputs.features?.data[row * width] as number)
    }
    expect(seen.size).toBe(9_000)
  })

  it('gives every row once for any size of data and batch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 600 }),
        fc.option(fc.integer(), { nil: undefined }),
        async (rows, batchRows, seed) => {
          const seen = await readAll(sourceOver(await flights(rows)), seed === undefined ? { batchRows } : { batchRows, seed })
          expect([...seen.order].sort((left, right) => left - right)).toEqual(numbers(rows))
          expect(seen.sizes.slice(0, -1).every((size) => size === batchRows)).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })

  it.each([
    ['a missing label', [true, null, false], 'null in row 1'],
    ['a label that is neither 0 nor 1', [0, 2, 1], '2 in row 1'],
    ['a label of text', ['yes', 'no', 'yes'], 'a column of text'],
  ])('refuses %s, and says where', async (_, late, received) => {
    const dataset = await datasetOf({ x: [1, 2, 3], late })
    await expect(readAll(sourceOver(dataset), { batchRows: 2 })).rejects.toMatchObject({
      code: 'LABEL_INVALID',
      message: expect.stringContaining(received),
    })
  })

  it('refuses a feature that is not finite, by its name', async () => {
    const dataset = await datasetOf({ x: [1, 2, Number.NaN], late: [true, false, true] })
    await expect(readAll(sourceOver(dataset), { batchRows: 2, seed: 1 })).rejects.toMatchObject({
      code: 'FEATURE_INVALID',
      details: { feature: 'x' },
      message: expect.stringContaining('NaN in row 2'),
    })
  })

  it('refuses a dataset that does not keep to the rows it was asked for', async () => {
    const dataset = await flights(70_000)
    const careless: Dataset = {
      digest: dataset.digest,
      rowCount: 50_000,
      columns: dataset.columns,
      batches: ({ signal: _, rows: __, ...options } = {}) => dataset.batches(options),
      toTable: () => dataset.toTable(),
      head: (rows) => dataset.head(rows),
    }
    await expect(readAll(sourceOver(careless), { batchRows: 100, seed: 1 })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })

  it('stops when aborted, with the reason', async () => {
    const controller = new AbortController()
    const source = sourceOver(await flights(10_000))
    const reason = new Error('stop')
    const reading = async (): Promise<void> => {
      for await (const _ of source.batches({ batchRows: 10, shuffle: createRandom(1), signal: controller.signal })) controller.abort(reason)
    }
    await expect(reading()).rejects.toBe(reason)
  })
})
