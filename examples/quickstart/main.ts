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
import { describeParts, sizeOf } from './parts.ts'
import { runProduction } from './production.ts'
import { serve } from './serve.ts'
import { count, figure, heading, print, seconds, share, showStages, showTimes, table } from './show.ts'
import { showProduction } from './show-production.ts'

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
const interruption = new AbortController()
process.once('SIGINT', () => interruption.abort(new Error('Interrupted. Run it again: what was finished is taken from the cache.')))
process.on('uncaughtException', (error) => {
  bar.close()
  process.stderr.write(`\n${error === interruption.signal.reason ? error.message : error.stack}\n`)
  process.exit(error === interruption.signal.reason ? 130 : 1)
})

heading('Ingest, prepare, train, evaluate, register')
const { record, output } = await flightDelay({ file, registry, epochs }).run({
  storage,
  seed: 7,
  signal: interruption.signal,
  onEvent: showStages(bar),
  ...(codeVersion === undefined ? {} : { codeVersion }),
})
print()
showTimes(record)

heading('Data')
print(`${count(output.rowsRead)} rows read, ${count(output.rejected.count)} rejected.`)
for (const [reason, rows] of Object.entries(output.rejected.reasons)) print(`  ${count(rows)}  ${reason}`)
const parts = await describeParts({
  train: output.train,
  validation: output.validation,
  'test (May)': output.test,
  'production (June)': output.holdout,
})
table([['part', 'flights', 'late'], ...parts.map((part) => [part.name, count(part.rows), share(part.positiveShare)])])

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
print(
  `Version ${output.version.version} of ${modelName}${output.promoted ? ' is champion' : ' is not promoted; the champion stays where it was'}.`,
)

heading('Deploy: the champion, loaded from the registry, its digests and golden predictions verified')
const deployment = await Deployment.open({ registry, model: modelName, alias: 'champion', schema: flight.omit({ delay: true }) })
const champion = deployment.metadata
await serve(deployment)
await deployment.close()

heading('Monitor: June as production traffic')
const production = await runProduction({
  registry,
  storage,
  train: output.train,
  departures: output.holdout,
  signal: interruption.signal,
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
    champion: `version ${champion.version}`,
    'its AUC on May': figure(champion.metrics.auc),
    'its AUC on June': figure(production.auc),
    'rows read': count(output.rowsRead),
    'data digest': output.dataset.digest.slice(0, 8),
  },
  model: { name: modelName, version: output.version.version, champion: champion.version },
  run: record,
  data: { rowsRead: output.rowsRead, rejected: output.rejected, parts },
  history: output.history,
  evaluation,
  verdict,
  monitoring: production.weeks,
})
await writeFile(report, page)

heading('Summary')
const reference = Object.entries(evaluation.baselines).map(([label, values]) => `${label} ${figure(values.auc?.value)}`)
const onJune = Object.entries(production.baselines).map(([label, value]) => `${label} ${figure(value)}`)
if (champion.version !== output.version.version) {
  print(`This run made version ${output.version.version}, which was not promoted: AUC on May ${figure(evaluation.metrics.auc?.value)}.`)
}
print(`AUC on May: model ${figure(champion.metrics.auc)} (version ${champion.version}, the champion), ${reference.join(', ')}`)
print(`AUC on June: model ${figure(production.auc)} (version ${champion.version}, the champion), ${onJune.join(', ')}`)
print(`Report: ${pathToFileURL(report).href}`)
print(`Everything is kept in ${folder} (${await sizeOf(folder)} MB; each run adds its prediction log). Delete the folder to start anew.`)
print(`Peak memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
print(`Total time: ${seconds(performance.now() - started)}`)
