/** What becomes of a request. `refused`: it does not arrive; `busy`: it is answered with 503 and not done; `lost`: it is done and the answer does not come. */
export type Fault = 'refused' | 'busy' | 'lost'

export interface FaultyFetch {
  readonly fetch: typeof globalThis.fetch
  /** How many requests came so far. */
  readonly count: () => number
}

/** The platform's fetch, with a fault for those requests (the first is 1) of which `faultAt` says so. */
export function faultyFetch(faultAt: (request: number) => Fault | undefined): FaultyFetch {
  let count = 0
  return {
    count: () => count,
    async fetch(input, init) {
      count += 1
      const fault = faultAt(count)
      if (fault === 'refused') throw new TypeError('fetch failed')
      if (fault === 'busy') return new Response('busy', { status: 503 })
      const response = await fetch(input, init)
      if (fault === undefined) return response
      await response.arrayBuffer()
      throw new TypeError('terminated')
    },
  }
}
