import { createRandom } from 'millrace/core'
import { auc } from 'millrace/metrics'
import type { Benchmark, Case } from './measure.ts'

/** The textbook's: pairs in order of score, then ranks with ties averaged. */
function plainAuc(labels: Float32Array, scores: Float32Array): number {
  const pairs = Array.from(scores, (score, row) => ({ score, label: labels[row] as number })).sort((a, b) => a.score - b.score)
  let rankSum = 0
  let positives = 0
  for (let start = 0; start < pairs.length; ) {
    let end = start
    while (end < pairs.length && pairs[end]?.score === pairs[start]?.score) end++
    const rank = (start + 1 + end) / 2
    for (let place = start; place < end; place++) {
      if (pairs[place]?.label !== 1) continue
      rankSum += rank
      positives++
    }
    start = end
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (pairs.length - positives))
}

function caseOf(name: string, rows: number, distinct: number): Case {
  const random = createRandom(1)
  const scores = Float32Array.from({ length: rows }, () => Math.floor(random.next() * distinct) / distinct)
  const labels = Float32Array.from(scores, (score) => (random.next() < 0.1 + 0.3 * score ? 1 : 0))
  const [ours, theirs] = [auc(labels, scores), plainAuc(labels, scores)]
  if (Math.abs(ours - theirs) > 1e-9) throw new Error(`Expected the same AUC of both. Received ${ours} and ${theirs}.`)
  return { name, rows, ours: () => auc(labels, scores), peer: () => plainAuc(labels, scores) }
}

export const aucBenchmark: Benchmark = {
  name: 'auc',
  what: 'area under the curve on typed arrays against a sort of pairs',
  peer: 'sort of pairs',
  prepare: () => [
    caseOf('1,000 scores', 1_000, 1e9),
    caseOf('100,000 scores', 100_000, 1e9),
    caseOf('500,000 scores', 500_000, 1e9),
    caseOf('500,000 scores, 1,000 distinct', 500_000, 1_000),
  ],
}
