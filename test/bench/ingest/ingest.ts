import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Report, ReportingBenchmark } from '../measure.ts'
import { flightsCsv, makeFlightsCsv } from './flights-csv.ts'
import { readers } from './readers.ts'

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url))
const rounds = 5
const run = promisify(execFile)

interface Turn {
  readonly rows: number
  readonly distance: number
  readonly elapsedMs: number
  readonly peakMemoryMb: number
}

/** All readers take turns, each in a process of its own, so that whatever else the machine does falls on all. */
export const ingestBenchmark: ReportingBenchmark = {
  name: 'ingest',
  what: 'three million flights of ten columns from CSV to columns in memory, all kept',
  async report(): Promise<Report> {
    await makeFlightsCsv()
    const turns = new Map<string, Turn[]>(Object.keys(readers).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) for (const [name, done] of turns) done.push(await turn(name))
    checkAgreement(turns)
    const { size } = await stat(flightsCsv.path)
    const measured = [...turns].map(([reader, done]) => ({
      reader,
      elapsedMs: median(done.map(({ elapsedMs }) => elapsedMs)),
      peakMemoryMb: median(done.map(({ peakMemoryMb }) => peakMemoryMb)),
      turns: done,
    }))
    const ours = measured[0]?.elapsedMs ?? 0
    const rowOf = ({ reader, elapsedMs, peakMemoryMb }: (typeof measured)[number]): readonly string[] => [
      reader,
      `${elapsedMs.toFixed(0)} ms`,
      (flightsCsv.rows / elapsedMs / 1_000).toFixed(2),
      (size / elapsedMs / 1_000).toFixed(0),
      peakMemoryMb.toFixed(0),
      `${(elapsedMs / ours).toFixed(2)}x`,
    ]
    return {
      rows: [
        ['reader', 'time', 'Mrow/s', 'MB/s', 'peak RSS, MB', 'time over ours'],
        ...measured.map(rowOf),
        [`${flightsCsv.rows.toLocaleString('en-US')} rows, ${(size / 1e6).toFixed(0)} MB; medians of ${rounds} processes.`],
      ],
      results: { rows: flightsCsv.rows, sizeBytes: size, measured },
    }
  },
}

async function turn(reader: string): Promise<Turn> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--max-old-space-size=4096', worker, reader])
  return JSON.parse(stdout) as Turn
}

function checkAgreement(turns: ReadonlyMap<string, readonly Turn[]>): void {
  const answers = new Set([...turns.values()].flat().map(({ rows, distance }) => `${rows} rows, ${distance}`))
  if (answers.size !== 1) throw new Error(`Expected the same rows and distance of all. Received ${[...answers].join('; ')}.`)
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] as number
}
