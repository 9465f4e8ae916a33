import type { Random } from '../core/random.ts'

/** Seeds of the hash that deals training rows to folds; stored with the plan. */
export type FoldSeed = readonly [number, number]

/** Draws a seed. */
export function foldSeedFrom(random: Random): FoldSeed {
  return [random.int(0x1_0000_0000), random.int(0x1_0000_0000)]
}

/**
 * Deals rows to folds by a hash of the row's index, so the fold of a row is known wherever the row's index is. The block that was dealt last is kept: all
 * encodings of a plan ask for the same one.
 */
export class FoldDealer {
  readonly seed: FoldSeed
  readonly #dealt = new Map<number, { firstRow: number; rows: number; folds: Uint8Array }>()

  constructor(seed: FoldSeed) {
    this.seed = seed
  }

  /** Folds, each below `count`, of `rows` rows from `firstRow` on. Valid until the next call. */
  deal(firstRow: number, rows: number, count: number): Uint8Array {
    let block = this.#dealt.get(count)
    if (block === undefined || block.folds.length < rows) {
      block = { firstRow: -1, rows: 0, folds: new Uint8Array(rows) }
      this.#dealt.set(count, block)
    }
    if (block.firstRow === firstRow && block.rows >= rows) return block.folds
    const { folds } = block
    const [first, second] = this.seed
    for (let row = 0; row < rows; row++) {
      const index = firstRow + row
      const hash = mix(mix((index | 0) ^ first) ^ (Math.floor(index / 0x1_0000_0000) | 0) ^ second)
      folds[row] = ((hash >>> 0) * count) / 0x1_0000_0000
    }
    block.firstRow = firstRow
    block.rows = rows
    return folds
  }
}

/** A bijection of 32-bit integers with good avalanche (Ettinger's `triple32`, one round fewer). */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x21f0aaad)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}
