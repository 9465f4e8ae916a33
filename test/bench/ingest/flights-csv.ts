import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { columnOf, valueAt } from 'millrace/data'
import { csv } from 'millrace/ingest/csv'
import { parquet } from 'millrace/ingest/parquet'

const file = (path: string): string => fileURLToPath(new URL(`../../../node_modules/${path}`, import.meta.url))

/** Of which ten columns are ten: the five of the flights, a carrier, and where both airports are. */
export const flightsCsv = { path: file('.cache/flights-3m.csv'), rows: 3_000_000 }
const nullDelayEvery = 33

/**
 * Three million flights as CSV, with the coordinates of both airports, a carrier by the route, and no delay in 3 % of them. Made once.
 */
export async function makeFlightsCsv(): Promise<void> {
  if (existsSync(flightsCsv.path)) return
  const places = await airports()
  await mkdir(dirname(flightsCsv.path), { recursive: true })
  const temporary = `${flightsCsv.path}.${process.pid}`
  const output = createWriteStream(temporary, { highWaterMark: 1 << 24 })
  const names = ['origin', 'destination'].flatMap((end) => [`${end}_latitude`, `${end}_longitude`])
  output.write(`date,delay,distance,origin,destination,carrier,${names.join(',')}\n`)
  let row = 0
  for await (const batch of parquet(file('vega-datasets/data/flights-3m.parquet')).open({})) {
    const [date, delay, distance, origin, destination] = ['date', 'delay', 'distance', 'origin', 'destination'].map((name) =>
      columnOf(batch, name),
    )
    if (!date || !delay || !distance || !origin || !destination) throw new Error('Expected the columns of the flights.')
    let text = ''
    for (let index = 0; index < batch.numRows; index++, row++) {
      const [from, to] = [String(valueAt(origin, index)), String(valueAt(destination, index))]
      const moment = (valueAt(date, index) as Date).toISOString().slice(0, 16)
      const late = row % nullDelayEvery === 0 ? '' : valueAt(delay, index)
      text += `${moment},${late},${valueAt(distance, index)},${from},${to},${carrierOf(from + to)},${places.get(from) ?? ','},${places.get(to) ?? ','}\n`
    }
    if (!output.write(text)) await once(output, 'drain')
  }
  output.end()
  await finished(output)
  await rename(temporary, flightsCsv.path)
}

/** Latitude and longitude as they stand in the file, by code. */
async function airports(): Promise<ReadonlyMap<string, string>> {
  const places = new Map<string, string>()
  const types = 'text'
  const columns = ['iata', 'latitude', 'longitude']
  for await (const batch of csv(await readFile(file('vega-datasets/data/airports.csv')), { types, columns }).open({})) {
    const [code, latitude, longitude] = columns.map((name) => columnOf(batch, name))
    if (!code || !latitude || !longitude) throw new Error('Expected the columns of the airports.')
    for (let row = 0; row < batch.numRows; row++)
      places.set(String(valueAt(code, row)), `${valueAt(latitude, row)},${valueAt(longitude, row)}`)
  }
  return places
}

/** Two letters, the same for the same route. */
function carrierOf(route: string): string {
  let hash = 0
  for (let index = 0; index < route.length; index++) hash = (hash * 31 + route.charCodeAt(index)) % 9_973
  const carrier = hash % 20
  return String.fromCharCode(65 + carrier, 90 - (carrier % 7))
}
