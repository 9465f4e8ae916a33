/** Counts calls under way, so that closing can wait for them. */
export class InFlight {
  #count = 0
  #whenIdle: (() => void) | undefined

  get count(): number {
    return this.#count
  }

  async track<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#count++
    try {
      return await call()
    } finally {
      this.#count--
      if (this.#count === 0) this.#whenIdle?.()
    }
  }

  /** Resolves when no call is under way. Whoever asks has stopped new ones. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenIdle = resolve
    })
  }
}
