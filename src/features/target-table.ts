/** Probabilities are kept this far from 0 and 1, where log-odds are infinite. */
const leastProbability = 1e-6

/** What the target is: 0 or 1, encoded as log-odds, or a number, encoded as its mean. */
export type TargetKind = 'binary' | 'regression'

/** Rows and sum of the target by category and fold: entry e of fold k stands at `e * folds + k`. */
export interface FoldTable {
  readonly kind: TargetKind
  readonly folds: number
  readonly smoothing: number
  readonly counts: ArrayLike<number>
  readonly sums: ArrayLike<number>
}

/** Mean and deviation that the encodings are standardised by. */
export interface Scaling {
  readonly mean: number
  readonly scale: number
}

interface Totals {
  readonly count: number
  readonly sum: number
  readonly foldCounts: Float64Array
  readonly foldSums: Float64Array
}

/** The m-estimate of a category's mean, for a binary target as log-odds. */
function encodingOf(kind: TargetKind, count: number, sum: number, prior: number, smoothing: number): number {
  const rows = count + smoothing
  const mean = rows === 0 ? prior : (sum + smoothing * prior) / rows
  if (kind === 'regression') return mean
  const probability = Math.min(1 - leastProbability, Math.max(leastProbability, mean))
  return Math.log(probability / (1 - probability))
}

/** Mean and deviation of the cross-fitted encodings over the training rows: what the model is given to learn from. */
export function scalingOf(table: FoldTable): Scaling {
  const encode = crossFitted(table)
  const { counts, folds } = table
  let rows = 0
  let sum = 0
  let squares = 0
  // Shifted by an encoding among the data, so that squares do not swamp the deviation.
  const shift = counts.length === 0 ? 0 : encode(0, 0)
  for (let cell = 0; cell < counts.length; cell++) {
    const count = counts[cell] as number
    if (count === 0) continue
    const difference = encode(Math.floor(cell / folds), cell % folds) - shift
    rows += count
    sum += count * difference
    squares += count * difference * difference
  }
  if (rows === 0) return { mean: 0, scale: 1 }
  const variance = Math.max(0, squares / rows - (sum / rows) ** 2)
  const deviation = Math.sqrt(variance)
  return { mean: shift + sum / rows, scale: deviation > 1e-12 ? 1 / deviation : 1 }
}

/** The encoding of each entry from all rows, and that of a category never seen. */
export function servingValues(table: FoldTable, scaling: Scaling): { readonly values: Float32Array; readonly unseen: number } {
  const { kind, folds, smoothing, counts, sums } = table
  const totals = totalsOf(table)
  const prior = totals.count === 0 ? 0 : totals.sum / totals.count
  const values = new Float32Array(counts.length / folds)
  for (let entry = 0; entry < values.length; entry++) {
    let count = 0
    let sum = 0
    for (let cell = entry * folds; cell < (entry + 1) * folds; cell++) {
      count += counts[cell] as number
      sum += sums[cell] as number
    }
    values[entry] = (encodingOf(kind, count, sum, prior, smoothing) - scaling.mean) * scaling.scale
  }
  return { values, unseen: Math.fround((encodingOf(kind, 0, 0, prior, smoothing) - scaling.mean) * scaling.scale) }
}

/**
 * The encoding of each entry without the rows of a fold; entry e without fold k stands at `e * folds + k`. A fold that has no row of the entry
 * leaves nothing out: the encoding is that of `serving`.
 */
export function trainingValues(table: FoldTable, scaling: Scaling, serving: Float32Array): Float32Array {
  const encode = crossFitted(table)
  const { counts, folds } = table
  const values = new Float32Array(counts.length)
  for (let cell = 0; cell < values.length; cell++) {
    const entry = Math.floor(cell / folds)
    values[cell] = counts[cell] === 0 ? (serving[entry] as number) : (encode(entry, cell % folds) - scaling.mean) * scaling.scale
  }
  return values
}

function crossFitted(table: FoldTable): (entry: number, fold: number) => number {
  const { kind, folds, smoothing, counts, sums } = table
  const totals = totalsOf(table)
  const overall = totals.count === 0 ? 0 : totals.sum / totals.count
  const priors = Float64Array.from({ length: folds }, (_, fold) => {
    const rest = totals.count - (totals.foldCounts[fold] as number)
    return rest === 0 ? overall : (totals.sum - (totals.foldSums[fold] as number)) / rest
  })
  return (entry, fold) => {
    let count = 0
    let sum = 0
    for (let other = 0; other < folds; other++) {
      if (other === fold) continue
      count += counts[entry * folds + other] as number
      sum += sums[entry * folds + other] as number
    }
    return encodingOf(kind, count, sum, priors[fold] as number, smoothing)
  }
}

function totalsOf({ folds, counts, sums }: FoldTable): Totals {
  const foldCounts = new Float64Array(folds)
  const foldSums = new Float64Array(folds)
  for (let cell = 0; cell < counts.length; cell++) {
    foldCounts[cell % folds] = (foldCounts[cell % folds] as number) + (counts[cell] as number)
    foldSums[cell % folds] = (foldSums[cell % folds] as number) + (sums[cell] as number)
  }
  return { count: foldCounts.reduce((a, b) => a + b, 0), sum: foldSums.reduce((a, b) => a + b, 0), foldCounts, foldSums }
}
