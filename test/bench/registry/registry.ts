import { fileURLToPath } from 'node:url'
import { canonicalJson } from 'millrace/core'
import { MemoryStorage } from 'millrace/storage'
import { startMinistack } from '../../../scripts/services/ministack.ts'
import { startMlflow } from '../../../scripts/services/mlflow.ts'
import { temporaryFolder } from '../../../scripts/services/process.ts'
import type { S3Service } from '../../../scripts/services/s3-service.ts'
import { startSeaweedfs } from '../../../scripts/services/seaweedfs.ts'
import type { Report, ReportingBenchmark } from '../measure.ts'
import { fill } from './fill.ts'
import { perform } from './job.ts'
import { loadTimes } from './load.ts'
import { packageMaker } from './package.ts'
import { openStorage, type StorageSpec } from './storages.ts'
import { openTabs, type Tabs } from './tabs.ts'
import { type Command, raceWriters, runToEnd } from './writers.ts'

const workerScript = fileURLToPath(new URL('./worker.ts', import.meta.url))
const mlflowScript = fileURLToPath(new URL('./mlflow_worker.py', import.meta.url))
const durationMs = 3_000
const rounds = 3

type Operation = 'register' | 'alias'
/** One line of the table: the same work on each side. */
interface Scenario {
  readonly operation: Operation
  readonly writers: number
  /** One model for all writers, or one each. */
  readonly models: 1 | 8
  readonly versions: 10 | 10_000
}
/** Somebody who can do the work: operations a second. */
interface Side {
  readonly name: string
  /** The file storage and MLflow in process are measured in turns, several times; servers once. */
  readonly rounds: number
  prepare(model: string, versions: number): Promise<void>
  measure(scenario: Scenario, models: readonly string[]): Promise<number>
}
interface Measured extends Scenario {
  readonly side: string
  /** Median over the rounds. */
  readonly perSecond: number
  readonly rounds: readonly number[]
}

const scenarios: readonly Scenario[] = [10, 10_000].flatMap((versions) =>
  (['register', 'alias'] as const).flatMap((operation): readonly Scenario[] => [
    { operation, writers: 1, models: 1, versions: versions as 10 | 10_000 },
    { operation, writers: 8, models: 1, versions: versions as 10 | 10_000 },
    ...(versions === 10 ? [{ operation, writers: 8, models: 8, versions: 10 } as const] : []),
  ]),
)

/**
 * Registrations and alias moves a second: ours on each adapter against MLflow's registry on SQLite, in process and through its server, in the same run. On both sides
 * an operation is acknowledged after its fsync, and a version carries a record of the same size.
 */
export const registryBenchmark: ReportingBenchmark = {
  name: 'registry',
  what: "registrations and alias moves a second on each adapter against MLflow's registry (SQLite), and loading a model of 50 MB",
  async report(): Promise<Report> {
    const folder = temporaryFolder('bench')
    const tabs = await openTabs(folder.path)
    const servers = await Promise.all([startMlflow(), startMinistack(), startSeaweedfs()])
    try {
      const [mlflow, ministack, seaweedfs] = servers
      const s3 = (service: S3Service, prefix: string): StorageSpec => {
        const { endpoint, bucket, credentials } = service
        return { kind: 's3', endpoint, bucket, prefix, ...credentials }
      }
      const python = mlflow.python.command
      const sqlite = `sqlite:///${folder.path}/mlflow.db`
      const sides: readonly Side[] = [
        storageSide('files', { kind: 'file', root: `${folder.path}/files` }, rounds),
        mlflowSide('MLflow in process', python, sqlite, sqlite, rounds),
        mlflowSide('MLflow server', python, mlflow.url, mlflow.url, 1),
        memorySide(),
        tabsSide(tabs),
        storageSide('S3: ministack', s3(ministack, 'bench'), 1),
        storageSide('S3: SeaweedFS', s3(seaweedfs, 'bench'), 1),
      ]
      const measured = await measureAll(sides)
      const loads = await loadTimes({
        folder: folder.path,
        stores: { ministack: s3(ministack, 'load'), seaweedfs: s3(seaweedfs, 'load') },
        mlflow,
      })
      return { rows: [...tableOf(measured), [''], ...loads.rows], results: { operations: measured, loads: loads.results } }
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
      await tabs.stop()
      folder.remove()
    }
  },
}

async function measureAll(sides: readonly Side[]): Promise<readonly Measured[]> {
  const measured: Measured[] = []
  for (const [index, scenario] of scenarios.entries()) {
    const models = Array.from({ length: scenario.models }, (_, model) => `bench-${index}-${model}`)
    const rates = new Map<Side, number[]>(sides.map((side) => [side, []]))
    for (const side of sides) for (const model of models) await side.prepare(model, scenario.versions)
    for (let round = 0; round < rounds; round++)
      for (const side of sides) if (round < side.rounds) rates.get(side)?.push(await side.measure(scenario, models))
    for (const [side, found] of rates) {
      measured.push({ ...scenario, side: side.name, perSecond: median(found), rounds: found })
      console.log(`  ${nameOf(scenario)}: ${side.name} ${median(found).toFixed(0)}/s`)
    }
  }
  return measured
}

/** Writers are processes, as they would be. */
function storageSide(name: string, spec: StorageSpec, turns: number): Side {
  return {
    name,
    rounds: turns,
    prepare: async (model, versions) => fill(await openStorage(spec), model, versions, new MemoryStorage()),
    measure: ({ operation, writers }, models) =>
      raceWriters(
        writerNames(writers).map((writer, index): Command => {
          const job = { operation, model: models[index % models.length], writer, durationMs }
          return [process.execPath, '--import', 'tsx', workerScript, JSON.stringify({ storage: spec, job })]
        }),
      ),
  }
}

/** Memory is one process's own: its writers are turns of it. */
function memorySide(): Side {
  const storage = new MemoryStorage()
  return {
    name: 'memory',
    rounds: 1,
    prepare: (model, versions) => fill(storage, model, versions, new MemoryStorage()),
    measure: async ({ operation, writers }, models) => {
      const jobs = writerNames(writers).map((writer, index) => ({
        operation,
        model: models[index % models.length] as string,
        writer,
        durationMs,
      }))
      const began = performance.now()
      const done = await Promise.all(jobs.map((job) => perform(storage, job, async () => {})))
      // They share one thread, so what each waits for is the others' work.
      return (done.reduce((sum, { operations }) => sum + operations, 0) / (performance.now() - began)) * 1_000
    },
  }
}

/** Writers are tabs of one origin. */
function tabsSide(tabs: Tabs): Side {
  return {
    name: 'IndexedDB',
    rounds: 1,
    prepare: (model, versions) => tabs.fill(model, versions),
    measure: ({ operation, writers }, models) =>
      tabs.race(
        writerNames(writers).map((writer, index) => ({ operation, writer, durationMs, model: models[index % models.length] as string })),
      ),
  }
}

function mlflowSide(name: string, python: string, uri: string, prefillUri: string, turns: number): Side {
  const payload = canonicalJson(packageMaker('mlflow', 16).next().manifest)
  const command = (job: object): Command => [python, mlflowScript, JSON.stringify({ uri, payload, ...job })]
  return {
    name,
    rounds: turns,
    prepare: (model, versions) =>
      runToEnd(command({ uri: prefillUri, model, prefill: versions, writer: 'prefill', operation: 'register' })),
    measure: ({ operation, writers }, models) =>
      raceWriters(
        writerNames(writers).map((writer, index) => command({ operation, writer, durationMs, model: models[index % models.length] })),
      ),
  }
}

function tableOf(measured: readonly Measured[]): readonly (readonly string[])[] {
  const sides = [...new Set(measured.map(({ side }) => side))]
  const rateOf = (scenario: Scenario, side: string): number =>
    measured.find((one) => nameOf(one) === nameOf(scenario) && one.side === side)?.perSecond ?? Number.NaN
  const ratio = (scenario: Scenario, peer: string): string => `${(rateOf(scenario, 'files') / rateOf(scenario, peer)).toFixed(1)}x`
  return [
    ['operations a second', ...sides, 'files / in process', 'files / server'],
    ...scenarios.map((scenario) => [
      nameOf(scenario),
      ...sides.map((side) => rateOf(scenario, side).toFixed(0)),
      ratio(scenario, 'MLflow in process'),
      ratio(scenario, 'MLflow server'),
    ]),
  ]
}

function nameOf({ operation, writers, models, versions }: Scenario): string {
  const who = `${writers} ${writers === 1 ? 'writer' : 'writers'}`
  const what = models === 1 ? 'one model' : `${models} models`
  return `${operation}, ${who}, ${what}, at ${versions.toLocaleString('en-US')} versions`
}

function writerNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `writer-${index}`)
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] as number
}
