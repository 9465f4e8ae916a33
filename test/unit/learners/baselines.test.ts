import { describe, expect, it } from 'vitest'
import { meanBy, prior } from '../../../src/learners/index.ts'
import { batchFrom, datasetOf } from '../train/learning-fixtures.ts'

describe('prior', () => {
  it('predicts the mean label for every row', async () => {
    const predict = await prior().fit(await datasetOf({ late: [true, false, false, false] }), 'late')
    expect(predict(batchFrom({ x: [1, 2] }))).toEqual(Float32Array.of(0.25, 0.25))
    const regression = await prior().fit(await datasetOf({ delay: [10, -4] }), 'delay')
    expect(regression(batchFrom({ x: [1] }))).toEqual(Float32Array.of(3))
  })

  it('refuses no rows, missing labels and labels of text, and stops when aborted', async () => {
    await expect(prior().fit(await datasetOf({ late: [] }), 'late')).rejects.toMatchObject({ code: 'SPLIT_EMPTY' })
    await expect(prior().fit(await datasetOf({ late: [true, null] }), 'late')).rejects.toMatchObject({
      code: 'LABEL_INVALID',
      details: { row: 1 },
    })
    await expect(prior().fit(await datasetOf({ late: ['a'] }), 'late')).rejects.toMatchObject({ code: 'LABEL_INVALID' })
    await expect(prior().fit(await datasetOf({ late: [true] }), 'lat')).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
      details: { nearest: 'late' },
    })
    const reason = new Error('stop')
    await expect(prior().fit(await datasetOf({ late: [true] }), 'late', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('meanBy', () => {
  const train = (): ReturnType<typeof datasetOf> =>
    datasetOf({
      origin: ['SEA', 'SEA', 'SEA', 'JFK', null, null],
      date: [3, 3, 5, 5, 26, 26].map((hour) => new Date(hour * 3_600_000)),
      gate: [1, 1, 2, 2, 3, 3],
      late: [1, 1, 0, 0, 1, 0],
    })

  it('predicts the mean of the rows with the same value, mixed with the prior', async () => {
    const predict = await meanBy('origin', { smoothing: 2 }).fit(await train(), 'late')
    // The prior is 0.5: SEA (2 + 2 * 0.5) / (3 + 2), JFK (0 + 1) / (1 + 2), missing (1 + 1) / (2 + 2), never seen 0.5.
    expect(predict(batchFrom({ origin: ['JFK', 'SEA', null, 'LAX', 'SEA'] }))).toEqual(Float32Array.of(1 / 3, 0.6, 0.5, 0.5, 0.6))
  })

  it('predicts the plain mean without smoothing, and the prior for what it has not seen', async () => {
    const predict = await meanBy('gate', { smoothing: 0 }).fit(await train(), 'late')
    expect(predict(batchFrom({ gate: [2, 1, 3, 99, null] }))).toEqual(Float32Array.of(0, 1, 0.5, 0.5, 0.5))
  })

  it('groups moments by a part of them', async () => {
    const predict = await meanBy({ time: 'date', part: 'hour' }, { smoothing: 0 }).fit(await train(), 'late')
    const at = (hour: number): Date => new Date(hour * 3_600_000)
    expect(predict(batchFrom({ date: [at(3 + 24), at(5), at(2), at(7)] }))).toEqual(Float32Array.of(1, 0, 0.5, 0.5))
  })

  it('numbers text the same in every batch, whatever the dictionary of the batch', async () => {
    const rows = 120_000
    const values = Array.from({ length: rows }, (_, row) => (row < 60_000 ? ['a', 'b'][row % 2] : ['b', 'c'][row % 2]) as string)
    const late = values.map((value) => value === 'b')
    const predict = await meanBy('code', { smoothing: 0 }).fit(await datasetOf({ code: values, late }), 'late')
    expect(predict(batchFrom({ code: ['c', 'b', 'a'] }))).toEqual(Float32Array.of(0, 1, 0))
  })

  it('is named after what it groups by, and its options are its parameters', () => {
    expect(meanBy('origin').name).toBe('mean by origin')
    expect(meanBy({ time: 'date', part: 'hour' }, { smoothing: 5 })).toMatchObject({
      name: 'mean by hour of date',
      columns: ['date'],
      parameters: { by: { time: 'date', part: 'hour' }, smoothing: 5 },
    })
  })

  it('refuses moments without a part, parts of what is no moment, and options that make no sense', async () => {
    await expect(meanBy('date').fit(await train(), 'late')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(meanBy({ time: 'origin', part: 'hour' }).fit(await train(), 'late')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(meanBy('orgin').fit(await train(), 'late')).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
      details: { nearest: 'origin' },
    })
    expect(() => meanBy('origin', { smoothing: -1 })).toThrow(/smoothing/)
    expect(() => meanBy({ time: 'date', part: 'fortnight' as never })).toThrow(/hour/)
  })
})
