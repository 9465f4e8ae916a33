import { MillraceError } from './error.ts'

/** A source of random numbers that can be replayed: the same seed and the same names give the same draws on every platform. */
export interface Random {
  /** A number in [0, 1) with 32 random bits. */
  next(): number
  /** An integer in [0, below), without modulo bias. @throws {@link MillraceError} `ARGUMENT_INVALID` unless `below` is a whole number from 1 to 2^32. */
  int(below: number): number
  /** A stream of its own for `name`: it depends on the seed and the name only, not on how much was drawn. */
  split(name: string): Random
}

/**
 * xoshiro128** seeded through splitmix32.
 *
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2018).
 *
 * @example
 * const random = createRandom(7)
 * random.split('train').next() === createRandom(7).split('train').next() // true
 */
export function createRandom(seed: number | string): Random {
  return new Xoshiro128(hashText(`seed:${seed}`))
}

/** Not replayable: the platform's cryptographic generator, for identifiers. */
export const systemRandom: Random = {
  next: () => word() / 0x1_0000_0000,
  int: (below: number) => boundedInt(word, below),
  split: () => systemRandom,
}

/** Drawn many at a time: a call into the platform for each word made an identifier cost 43 microseconds. */
const words = new Uint32Array(256)
let wordsLeft = 0

function word(): number {
  if (wordsLeft === 0) {
    crypto.getRandomValues(words)
    wordsLeft = words.length
  }
  return words[--wordsLeft] as number
}

class Xoshiro128 implements Random {
  readonly #seed: readonly [number, number]
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: readonly [number, number]) {
    this.#seed = seed
    const first = splitmix32(seed[0])
    const second = splitmix32(seed[1] ^ 0x5bd1e995)
    this.#a = first()
    this.#b = second()
    this.#c = first()
    this.#d = second() | 1
  }

  #word = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotateLeft(this.#d, 11)
    return result >>> 0
  }

  next(): number {
    return this.#word() / 0x1_0000_0000
  }

  int(below: number): number {
    return boundedInt(this.#word, below)
  }

  split(name: string): Random {
    const [high, low] = hashText(name)
    return new Xoshiro128([mix(this.#seed[0] ^ high), mix(this.#seed[1] ^ rotateLeft(low, 16))])
  }
}

/** Rejects the few words that would favour small results. */
function boundedInt(draw: () => number, below: number): number {
  if (!(Number.isInteger(below) && below >= 1 && below <= 0x1_0000_0000)) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected a whole number from 1 to 2^32 to draw below. Received ${below}.`,
      details: { argument: 'below', expected: '1 to 2^32', received: String(below) },
    })
  }
  const limit = 0x1_0000_0000 - (0x1_0000_0000 % below)
  let value = draw()
  while (value >= limit) value = draw()
  return value % below
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x21f0aaad)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}

function splitmix32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state)
  }
}

/** Two independent 32-bit FNV-1a hashes over the UTF-16 units. */
function hashText(text: string): readonly [number, number] {
  let high = 0x811c9dc5
  let low = 0xcbf29ce4
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    high = Math.imul(high ^ unit, 0x01000193)
    low = Math.imul(low ^ unit ^ 0x5f, 0x01000193) + index
  }
  return [mix(high), mix(low)]
}

/** Shuffles in place (Fisher and Yates), with the given stream. */
export function shuffleInPlace<Items extends Uint32Array | unknown[]>(items: Items, random: Random): Items {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random.int(last + 1)
    const held = items[last] as never
    items[last] = items[other] as never
    items[other] = held
  }
  return items
}
