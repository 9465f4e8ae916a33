// Reads the file once, by the reader that it is told; prints how long that took, and the most memory that the process had.
import { flightsCsv } from './flights-csv.ts'
import { readers } from './readers.ts'

async function work(): Promise<void> {
  const prepare = readers[process.argv[2] as string]
  if (prepare === undefined) throw new Error(`Expected one of ${Object.keys(readers).join(', ')}. Received ${process.argv[2]}.`)
  const read = await prepare(process.argv[3] ?? flightsCsv.path)
  const began = performance.now()
  const { rows, distance } = await read()
  const elapsedMs = performance.now() - began
  console.log(JSON.stringify({ rows, distance, elapsedMs, peakMemoryMb: process.resourceUsage().maxRSS / 1024 }))
}

void work()
