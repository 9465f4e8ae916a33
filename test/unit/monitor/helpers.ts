import type { RecordBatch } from 'apache-arrow'
import type { Clock } from '../../../src/core/clock.ts'
import type { Random } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { Column } from '../../../src/data/column.ts'
import type { CategoricalProfile, NumericProfile, Profile, TimeProfile } from '../../../src/data/profile.ts'
import { ProfileCounter } from '../../../src/data/profile-counter.ts'
import { createProfile } from '../../../src/data/profile-record.ts'
import type { PredictionObservation } from '../../../src/monitor/index.ts'

/** Standard normal numbers, two at a time (Box and Muller 1958). */
export function normals(random: Random, count: number, shift = 0): Float64Array {
  const values = new Float64Array(count)
  for (let index = 0; index < count; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()))
    const angle = 2 * Math.PI * random.next()
    values[index] = radius * Math.cos(angle) + shift
    if (index + 1 < count) values[index + 1] = radius * Math.sin(angle) + shift
  }
  return values
}

export function numberColumn(values: Float64Array, nulls?: Uint8Array): Column {
  return nulls === undefined ? { kind: 'number', length: values.length, values } : { kind: 'number', length: values.length, values, nulls }
}

export function textColumn(texts: readonly (string | null)[]): Column {
  const dictionary = [...new Set(texts.filter((text) => text !== null))]
  const codes = Int32Array.from(texts, (text) => (text === null ? -1 : dictionary.indexOf(text)))
  const nulls = Uint8Array.from(texts, (text) => (text === null ? 1 : 0))
  return texts.includes(null)
    ? { kind: 'text', length: texts.length, codes, dictionary, nulls }
    : { kind: 'text', length: texts.length, codes, dictionary }
}

export function timeColumn(values: Float64Array): Column {
  return { kind: 'time', length: values.length, values }
}

export function batch(columns: Readonly<Record<string, Column>>): RecordBatch {
  return batchOf(columns)
}

/** Edges at quantiles of the values, `bins` of them; every value an edge where there are no more. */
export function numericReference(values: Float64Array, bins = 32): NumericProfile {
  const sorted = Float64Array.from(values).sort()
  const distinct = [...new Set(sorted)]
  const edges =
    distinct.length <= bins
      ? distinct
      : [...new Set(Array.from({ length: bins - 1 }, (_, index) => sorted[Math.ceil(((index + 1) * sorted.length) / bins) - 1] as number))]
  return {
    kind: 'number',
    rowCount: 0,
    nullCount: 0,
    notFiniteCount: 0,
    minimum: 0,
    maximum: 0,
    mean: 0,
    standardDeviation: 0,
    edges,
    counts: [],
  }
}

const emptyTime: TimeProfile = { kind: 'time', rowCount: 0, nullCount: 0, minimum: 0, maximum: 0, hourOfDay: [], dayOfWeek: [] }
const emptyText: CategoricalProfile = {
  kind: 'category',
  rowCount: 0,
  nullCount: 0,
  categories: [],
  counts: [],
  otherCount: 0,
  otherCategories: 0,
}

/** The profile of training data: edges and categories of the columns themselves. */
export function profileOf(columns: Readonly<Record<string, Column>>, bins = 32): Profile {
  const shapes = Object.fromEntries(
    Object.entries(columns).map(([name, column]) => {
      if (column.kind === 'text') return [name, { ...emptyText, categories: [...column.dictionary] }]
      if (column.kind === 'time') return [name, emptyTime]
      return [
        name,
        numericReference(
          Float64Array.from(column.values).filter((value) => Number.isFinite(value)),
          bins,
        ),
      ]
    }),
  )
  const counter = new ProfileCounter(createProfile(0, shapes))
  counter.add(batchOf(columns))
  return counter.profile()
}

/** A clock that a test sets. */
export function manualClock(start = 0): Clock & { time: number } {
  const clock = {
    time: start,
    now: () => clock.time,
    monotonicMs: () => clock.time,
    sleep: async () => {},
  }
  return clock
}

export function prediction(
  batchId: string,
  time: number,
  scores: readonly number[],
  inputs?: RecordBatch,
  durationMs = 1,
): PredictionObservation {
  return {
    batchId,
    time,
    version: 1,
    inputs: inputs ?? batchOf({ x: numberColumn(new Float64Array(scores.length)) }),
    scores: Float32Array.from(scores),
    durationMs,
  }
}
