// npm run bench -- NAME: ratios against a named peer, measured side by side in one run. Prints one table and writes JSON.
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { aucBenchmark } from './auc.ts'
import { densePredictBenchmark } from './dense-predict.ts'
import { ingestBenchmark } from './ingest/ingest.ts'
import type { Benchmark, Measured, Report, ReportingBenchmark } from './measure.ts'
import { measure } from './measure.ts'
import { registryBenchmark } from './registry/registry.ts'
import { schemaBenchmark } from './schema.ts'

const benchmarks: readonly (Benchmark | ReportingBenchmark)[] = [
  schemaBenchmark,
  aucBenchmark,
  densePredictBenchmark,
  registryBenchmark,
  ingestBenchmark,
]
const folder = join('.millrace', 'bench')

const [name] = process.argv.slice(2)
const chosen = benchmarks.find((benchmark) => benchmark.name === name)
if (name === '--list') for (const benchmark of benchmarks) console.log(`${benchmark.name.padEnd(16)}${benchmark.what}`)
else if (chosen === undefined) {
  console.error(
    `Expected the name of a benchmark: ${benchmarks.map((benchmark) => benchmark.name).join(', ')}. Received ${name ?? 'none'}.`,
  )
  process.exitCode = 2
} else {
  const { what } = chosen
  console.log(`${chosen.name}: ${what}\n`)
  const { rows, results } = 'report' in chosen ? await chosen.report() : await compare(chosen)
  printTable(rows)
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${chosen.name}.json`)
  const machine = { node: process.version, processor: cpus()[0]?.model ?? 'unknown', processors: cpus().length }
  await writeFile(path, `${JSON.stringify({ name: chosen.name, what, time: new Date().toISOString(), machine, results }, null, 2)}\n`)
  console.log(`\nWritten to ${path}.`)
}

async function compare({ peer, prepare }: Benchmark): Promise<Report> {
  const measured = (await prepare()).map(measure)
  const note = [`Ratio: the peer's time over ours, medians of ${measured[0]?.rounds} rounds.`]
  return {
    rows: [['case', 'ours', 'rows/s', peer, 'rows/s', 'ratio', 'quartiles'], ...measured.map(rowOf), note],
    results: { peer, measured },
  }
}

function rowOf({ name, rows, oursMs, peerMs, ratio }: Measured): readonly string[] {
  const quartiles = `${ratio.lower.toFixed(2)} – ${ratio.upper.toFixed(2)}`
  return [
    name,
    milliseconds(oursMs),
    rate(rows, oursMs),
    milliseconds(peerMs),
    rate(rows, peerMs),
    `${ratio.median.toFixed(2)}x`,
    quartiles,
  ]
}

function milliseconds(value: number): string {
  return `${value.toPrecision(3)} ms`
}

function rate(rows: number, ms: number): string {
  return Math.round((rows / ms) * 1_000).toLocaleString('en-US')
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row.length < 2 ? 0 : (row[column] ?? '').length))))
  for (const row of rows) {
    console.log(row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '))
  }
}
