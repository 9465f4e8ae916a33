import { asciiText } from './number-parser.ts'

const plain: Readonly<Record<string, number>> = { true: 1, True: 1, TRUE: 1, false: 0, False: 0, FALSE: 0 }
const lax: Readonly<Record<string, number>> = { true: 1, t: 1, yes: 1, y: 1, '1': 1, false: 0, f: 0, no: 0, n: 0, '0': 0 }

/** The length of `true` (4) or `false` (5) where one of them begins, else 0. */
export function plainBooleanAt(bytes: Uint8Array, position: number): number {
  const isTrue = bytes[position] === 116 && bytes[position + 1] === 114 && bytes[position + 2] === 117 && bytes[position + 3] === 101
  if (isTrue) return 4
  const isFals = bytes[position] === 102 && bytes[position + 1] === 97 && bytes[position + 2] === 108 && bytes[position + 3] === 115
  return isFals && bytes[position + 4] === 101 ? 5 : 0
}

/** 1, 0, or -1 when it is neither. `isLax`: also t, yes, y, 1 and their opposites, in letters of any case. */
export function booleanOf(bytes: Uint8Array, from: number, to: number, isLax: boolean): number {
  if (to - from > 5 || to === from) return -1
  const text = asciiText(bytes, from, to)
  const value = isLax ? lax[text.toLowerCase()] : plain[text]
  return value ?? -1
}
