import { raceAbort } from '../core/abort.ts'

/** Lets one piece of work at a time go ahead, in the order in which they asked. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Rejects with `signal.reason` when it aborts before the turn has come; the others do not notice. */
  async take<Result>(work: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    const before = this.#last
    let end: (() => void) | undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    // Whoever comes next waits for those before too, should this one give up.
    this.#last = before.then(() => ended)
    try {
      await raceAbort(before, signal)
      return await work()
    } finally {
      end?.()
    }
  }
}
