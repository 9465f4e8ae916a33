import { createHash } from 'node:crypto'
import { createRandom } from '../../../src/core/random.ts'
import { crashStates, fingerprint } from './crash-states.ts'
import { ModelledFiles } from './modelled-files.ts'

export interface Enumerated {
  /** How many states were made and judged. */
  states: number
  /** How many different trees they were. */
  trees: number
  violations: number
  /** The first few. */
  messages: string[]
}

/** Two days later, so that whatever a dead process left is nobody's. */
const twoDaysMs = 2 * 24 * 3_600_000

/**
 * Cuts the power after each of the recorded steps from `from` on, in each way that it may end, has `observe` look at what is found, and `judge` say
 * what is wrong with it. Equal trees are observed once; they are judged each time, since what was acknowledged differs.
 */
export async function enumerateCrashes<Observed>(options: {
  readonly files: ModelledFiles
  readonly from: number
  readonly limit: number
  readonly observe: (files: ModelledFiles) => Promise<Observed>
  readonly judge: (observed: Observed, steps: number) => readonly string[]
  readonly into?: Enumerated
}): Promise<Enumerated> {
  const { files, limit, observe, judge } = options
  const result = options.into ?? noneYet()
  const random = createRandom(files.steps.length)
  const seen = new Map<string, Observed>()
  for (let steps = options.from; steps <= files.steps.length; steps++) {
    for (const { tree, lost } of crashStates(files.root, files.steps, steps, { limit, random })) {
      result.states++
      const key = createHash('sha1').update(fingerprint(tree), 'latin1').digest('base64')
      let observed = seen.get(key)
      if (observed === undefined) {
        const found = new ModelledFiles(tree)
        found.links = files.links
        found.nowMs += twoDaysMs
        observed = await observe(found)
        seen.set(key, observed)
        result.trees++
      }
      for (const message of judge(observed, steps)) {
        result.violations++
        if (result.messages.length < 5) result.messages.push(`after ${steps} of ${files.steps.length} steps, lost ${lost}: ${message}`)
      }
    }
  }
  return result
}

export function noneYet(): Enumerated {
  return { states: 0, trees: 0, violations: 0, messages: [] }
}
