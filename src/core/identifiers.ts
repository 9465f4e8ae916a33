import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { Random } from './random.ts'
import { systemRandom } from './random.ts'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** Makes identifiers: 26 lower-case characters that sort by time (the layout of a ULID), fit a storage key and never repeat. */
export type IdentifierSource = () => string

/**
 * Ten characters of milliseconds and sixteen of randomness.
 *
 * @example
 * const newId = createIdentifierSource()
 * newId().length // 26
 */
export function createIdentifierSource(options: { clock?: Clock; random?: Random } = {}): IdentifierSource {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  return () => {
    let time = Math.max(0, Math.floor(clock.now()))
    let text = ''
    for (let place = 0; place < 10; place++) {
      text = `${alphabet[time % 32]}${text}`
      time = Math.floor(time / 32)
    }
    for (let place = 0; place < 16; place++) text += alphabet[random.int(32)]
    return text
  }
}
