import url from '../../node_modules/vega-datasets/data/flights-20k.json?url'
import type { Flight } from './flow.ts'

/** January to March 2001, in the order of departure. */
export async function loadFlights(options: { readonly signal: AbortSignal }): Promise<readonly Flight[]> {
  const response = await fetch(url, options)
  const records = (await response.json()) as readonly (Omit<Flight, 'date'> & { readonly date: string })[]
  return records.map((record) => ({ ...record, date: new Date(`${record.date} UTC`) }))
}
