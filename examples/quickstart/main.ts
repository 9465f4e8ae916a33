// npm run quickstart: from three million raw flights to a monitored model, and again from the cache.
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Registry } from 'millrace'
import { Deployment } from 'millrace/deploy'
import { progressBar } from 'millrace/log'
import { readGitVersion } from 'millrace/registry/git'
import { htmlReport } from 'millrace/report'
import { FileStorage } from 'millrace/storage/file'
import { readArguments } from './arguments.ts'
import { flight, flightDelay, modelName } from './flow.ts'
import type { Production } from './production.ts'
import { runProduction } from './production.ts'
import { serve } from './serve.ts'
import { count, figure, heading, print, seconds, share, showStages, showTimes, table } from './show.ts'

const started = performance.now()
const { epochs, storage: folder } = readArguments(process.argv.slice(2))
const storage = await FileStorage.open(folder)
const registry = new Registry({ storage })
const bar = progressBar({
  write: (text) => process.stdout.write(text),
  isTerminal: process.stdout.isTTY === true,
  columns: () => process.stdout.columns,
})
const file = createRequire(import.meta.url)
  .resolve('vega-datasets')
  .replace(/build.*$/, 'data/flights-3m.parquet')
const codeVersion = await readGitVersion(process.cwd())

heading('Ingest, prepare, train, evaluate, register')
const { record, output } = await flightDelay({ file, registry, epochs }).run({
  storage,
  seed: 7,
  onEvent: showStages(bar),
  ...(codeVersion === undefined ? {} : { codeVersion }),
})
print()
showTimes(record)

heading('Data')
print(`${count(output.rowsRead)} rows read, ${count(output.rejected.count)} rejected.`)
for (const [reason, rows] of Object.entries(output.rejected.reasons)) print(`  ${count(rows)}  ${reason}`)
print(
  `Train ${count(output.train.rowCount)}, validation ${count(output.validation.rowCount)}, test (May) ${count(output.test.rowCount)}, kept as production (June) ${count(output.holdout.rowCount)}.`,
)

heading('Evaluation on May')
const { evaluation, verdict } = output
const metrics = Object.keys(evaluation.metrics)
table([
  ['', ...metrics],
  ['model', ...metrics.map((name) => figure(evaluation.metrics[name]?.value))],
  ...Object.entries(evaluation.baselines).map(([label, values]) => [label, ...metrics.map((name) => figure(values[name]?.value))]),
])
print('Largest slices by origin:')
const largest = [...evaluation.slices].sort((a, b) => b.rows - a.rows).slice(0, 5)
table([['origin', 'rows', 'auc'], ...largest.map((slice) => [slice.value, count(slice.rows), figure(slice.metrics.auc?.value)])])
for (const gate of verdict.gates) print(`Gate "${gate.name}": ${gate.outcome}. ${gate.reason}`)
print(`Version ${output.version.version} of ${modelName}${output.promoted ? ' is champion' : '; the champion stays where it was'}.`)

heading('Deploy: the champion, loaded from the registry, its digests and golden predictions verified')
const deployment = await Deployment.open({ registry, model: modelName, alias: 'champion', schema: flight.omit({ delay: true }) })
const champion = deployment.metadata
await serve(deployment)
await deployment.close()

heading('Monitor: June as production traffic')
const production = await runProduction({
  registry,
  storage,
  departures: output.holdout,
  reference: output.trainingProfile,
  testMetrics: champion.metrics,
  bar,
})
showProduction(production)

const report = join(folder, 'report.html')
await mkdir(folder, { recursive: true })
const page = htmlReport({
  title: 'Flight delays: from raw flights to a monitored model',
  time: Date.now(),
  facts: {
    'champion version': String(champion.version),
    'AUC on May': figure(evaluation.metrics.auc?.value),
    'AUC on June': figure(production.auc),
    'rows read': count(output.rowsRead),
    'rows rejected': count(output.rejected.count),
    'data digest': output.dataset.digest.slice(0, 8),
  },
  run: record,
  history: output.history,
  evaluation,
  verdict,
  monitoring: production.weeks,
})
await writeFile(report, page)

heading('Summary')
const baselines = Object.entries(evaluation.baselines).map(([label, values]) => `${label} ${figure(values.auc?.value)}`)
print(`AUC on May: model ${figure(evaluation.metrics.auc?.value)}, ${baselines.join(', ')}`)
print(`AUC on June: model ${figure(production.auc)}`)
print(`Report: ${pathToFileURL(report).href}`)
print(`Peak memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
print(`Total time: ${seconds(performance.now() - started)}`)

function showProduction({ weeks, rows, durationMs, dropped }: Production): void {
  print(
    `${count(rows)} flights scored, logged and joined with their labels in ${seconds(durationMs)}; ${dropped} records dropped from the log.`,
  )
  for (const week of weeks) {
    print(`\n${week.label}: ${count(week.rows)} flights`)
    if (week.performance !== undefined) {
      const { metrics: now, reference, labelledRows } = week.performance
      print(`  AUC ${figure(now.auc)} against ${figure(reference.auc)} on the test part (${count(labelledRows)} labels)`)
    }
    if (week.operations !== undefined) {
      const { p50Ms, p99Ms, rowsPerSecond, requests } = week.operations
      print(
        `  ${count(requests)} requests, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${count(Math.round(rowsPerSecond))} rows/s`,
      )
    }
    if (week.actions !== undefined)
      print(`  ${count(week.actions.flagged)} flagged, ${share(week.actions.actedOn / week.actions.flagged)} acted on`)
    table([
      ['column', 'verdict', 'p-value', 'effect'],
      ...(week.drift ?? []).map((verdict) => [
        verdict.column,
        verdict.drifted ? 'drift' : 'no drift',
        verdict.adjustedPValue.toExponential(1),
        figure(verdict.effect.value, 3),
      ]),
    ])
  }
}
