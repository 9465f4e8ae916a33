// The page: buttons, progress and charts around the flow, and the champion that it finds in IndexedDB.
// To see it: npm run build && npx vite build examples/browser && npx vite preview examples/browser
import { Logger, Registry } from 'millrace'
import type { Dataset, Profile } from 'millrace/data'
import { Deployment } from 'millrace/deploy'
import { consoleSink } from 'millrace/log'
import type { ColumnVerdict } from 'millrace/monitor'
import { DriftMonitor } from 'millrace/monitor'
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import { loadFlights } from './flights.ts'
import { flight, flightDelay, modelName } from './flow.ts'
import { element, setBusy, show, showEvent, showResult } from './view.ts'
import { wasmPaths } from './wasm-paths.ts'

const databaseName = 'millrace-example'
const storage = await IndexedDbStorage.open(databaseName)
const logger = new Logger({ level: 'info', sinks: [consoleSink()] })
const registry = new Registry({ storage, logger })
let cancellation = new AbortController()

/** Whatever is in the store from an earlier visit answers at once. */
async function findChampion(): Promise<void> {
  const champion = await registry.alias(modelName, 'champion')
  element('ask').hidden = champion === undefined
  show(
    'champion',
    champion === undefined
      ? 'No model yet: run the flow.'
      : `Version ${champion.version} is champion, made ${new Date(champion.createdAt).toLocaleString()}.`,
  )
}

async function runFlow(): Promise<void> {
  const { signal } = cancellation
  element('result').hidden = true
  show('doing', 'Reading 20,000 flights ...')
  const flights = await loadFlights({ signal })
  const { record, output } = await flightDelay({ flights, registry, wasmPaths }).run({
    storage,
    logger,
    signal,
    onEvent: showEvent,
  })
  show('doing', 'Watching the last fifth as traffic ...')
  showResult(output, await watch(output.trainingProfile, output.test, signal))
  const cached = record.stages.filter((stage) => stage.outcome === 'cached').length
  show('doing', `Done: ${record.stages.length - cached} stages ran, ${cached} came from the cache.`)
  await findChampion()
}

/** Serves the test part through the champion, and asks whether it looks like the training data. */
async function watch(reference: Profile, traffic: Dataset, signal: AbortSignal): Promise<readonly ColumnVerdict[]> {
  const monitor = new DriftMonitor({ reference, window: { rows: traffic.rowCount } })
  const deployment = await Deployment.open({ registry, model: modelName, alias: 'champion', monitors: [monitor], logger, signal })
  try {
    for await (const batch of traffic.batches({ batchRows: 1_000, signal })) await deployment.predictBatch(batch, { signal })
  } finally {
    await deployment.close()
  }
  return monitor.check()
}

async function answer(form: HTMLFormElement): Promise<void> {
  const fields = new FormData(form)
  const [origin = '', destination = '', distance] = String(fields.get('route')).split(' ')
  const date = new Date(Date.UTC(2001, 3, 2, Number(fields.get('hour'))))
  const deployment = await Deployment.open({ registry, model: modelName, alias: 'champion', schema: flight.omit({ delay: true }), logger })
  try {
    const { predictions, version } = await deployment.predict([{ date, origin, destination, distance: Number(distance) }])
    show('answer', `Late with a probability of ${(Number(predictions[0]) * 100).toFixed(1)} %, says version ${version}.`)
  } finally {
    await deployment.close()
  }
}

async function forget(): Promise<void> {
  await storage.close()
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.deleteDatabase(databaseName)
    request.onsuccess = () => resolve()
    request.onerror = () => reject(request.error)
  })
  location.reload()
}

/** One thing at a time; what goes wrong is said where the progress was. */
async function attempt(work: () => Promise<void>): Promise<void> {
  cancellation = new AbortController()
  setBusy(true)
  try {
    await work()
  } catch (error) {
    show('doing', error instanceof Error ? error.message : String(error))
  } finally {
    setBusy(false)
  }
}

element('run').addEventListener('click', () => void attempt(runFlow))
element('cancel').addEventListener('click', () => cancellation.abort(new DOMException('Cancelled.', 'AbortError')))
element('forget').addEventListener('click', () => void attempt(forget))
const form = element<HTMLFormElement>('ask')
form.addEventListener('submit', (event) => {
  event.preventDefault()
  void attempt(() => answer(form))
})
await findChampion()
