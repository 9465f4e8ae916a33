import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MillraceError } from 'millrace'
import { Pipeline, Stage } from 'millrace'
import { register } from 'millrace/registry'
import { MlflowRegistry, trackRun } from 'millrace/registry/mlflow'
import { MemoryStorage } from 'millrace/storage'
import { afterAll, describe, expect, test } from 'vitest'
import type { MlflowServer } from '../../scripts/services/mlflow.ts'
import { startMlflow } from '../../scripts/services/mlflow.ts'
import { named, startOrReason } from '../../scripts/services/service.ts'
import { createFixtures, sampleFlights } from '../docs/prelude.ts'
import { markdownProgram } from '../docs/support/markdown-program.ts'
import { root } from '../docs/support/root.ts'
import { runCode } from '../docs/support/run-code.ts'
import { faultyFetch } from './support/faulty-fetch.ts'
import type { ClientRun, MlflowClient } from './support/mlflow.ts'
import { callServer, startClient } from './support/mlflow.ts'

const [mlflow, unserved] = await Promise.all([startOrReason(startMlflow), startOrReason(() => startMlflow({ serveArtifacts: false }))])
const [client, otherClient] = [mlflow, unserved].map(({ service }) => (service === undefined ? undefined : startClient(service)))
afterAll(async () => {
  await Promise.all([client?.stop(), otherClient?.stop()])
  await Promise.all([mlflow.service?.stop(), unserved.service?.stop()])
})
const server = (): MlflowServer => mlflow.service as MlflowServer

interface TrackedClientRun extends ClientRun {
  /** Of the metric that was asked for: step and value. */
  readonly history: readonly (readonly [number, string])[]
  readonly artifacts: readonly string[]
  readonly record: {
    readonly outcome: string
    readonly epoch: number
    readonly stages: readonly { readonly name: string; readonly outcome: string }[]
  } | null
}

const readRun = (client: MlflowClient | undefined, id: string | undefined, metric: string): Promise<TrackedClientRun> =>
  (client as MlflowClient).ask<TrackedClientRun>('read_run', { run_id: id, metric })

/** Of the MLflow runs of one run of a pipeline. */
async function statusesOf(experiment: string, runId: string): Promise<readonly string[]> {
  const found = (await callServer(server().url, 'GET', 'experiments/get-by-name', { experiment_name: experiment })) as {
    readonly experiment: { readonly experiment_id: string }
  }
  const filter = `tags.\`millrace.tracked-run\` = '${runId}'`
  const answer = (await callServer(server().url, 'POST', 'runs/search', { experiment_ids: [found.experiment.experiment_id], filter })) as {
    readonly runs?: readonly { readonly info: { readonly status: string } }[]
  }
  return (answer.runs ?? []).map(({ info }) => info.status)
}

/** Resolves when somebody says so. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

/** Ten epochs whose loss halves; a NaN among the figures. */
const learn = new Stage<void, string>({
  name: 'learn',
  version: '1',
  parameters: { epochs: 10, optimizer: { kind: 'adam', rate: 0.01 }, note: 'n'.repeat(300) },
  run: (_input, { metrics, artifact }) => {
    for (let epoch = 1; epoch <= 10; epoch++) metrics({ loss: 2 ** -epoch, 'gradient-norm': epoch === 3 ? Number.NaN : 1 }, epoch)
    artifact({ kind: 'report', name: 'summary', reference: 'report.html' })
    return 'a model'
  },
})

describe.skipIf(mlflow.service === undefined)(named('a run that is tracked in MLflow', mlflow), () => {
  test("MLflow's client shows parameters, figures by epoch, tags, stages, the record and the end of a real pipeline", async () => {
    const fixtures = createFixtures()
    const registry = new MlflowRegistry({ url: server().url })
    const pipeline = fixtures.pipeline().pipe(register({ registry, name: 'tracked-delay', alias: 'champion' }))
    const handle = pipeline.start({ storage: fixtures.storage(), tags: { team: 'delays' }, codeVersion: 'c'.repeat(40) })
    const tracking = trackRun({ url: server().url, experiment: 'flights' }, handle)
    const { record } = await handle.result
    const { mlflowRunId, error, droppedMetrics } = await tracking.finished
    expect([error, droppedMetrics]).toEqual([undefined, 0])

    const shown = await readRun(client, mlflowRunId, 'flow/train/loss')
    expect(shown).toMatchObject({ status: 'FINISHED', lifecycle: 'active', name: `flight-delay ${handle.id}` })
    expect(shown.tags).toMatchObject({
      team: 'delays',
      'mlflow.source.git.commit': 'c'.repeat(40),
      'millrace.tracked-run': handle.id,
      'millrace.stage.flow/train': 'succeeded',
    })
    expect(shown.params).toMatchObject({ seed: '0', 'flow/split.by': 'date', 'flow/split.test': '0.2' })
    const losses = shown.history.map(([step]) => step)
    expect(losses.length).toBeGreaterThan(1)
    expect(losses).toEqual(Array.from(losses, (_, at) => at + (losses[0] ?? 0)))
    expect(Number(shown.metrics['flow/train/duration-ms'])).toBeGreaterThan(0)
    expect(shown.artifacts).toContain('run-record.json')
    expect(shown.record).toMatchObject({ outcome: 'succeeded', id: handle.id })
    expect(shown.record?.stages.map(({ name }) => name)).toEqual(record.stages.map(({ name }) => name))
    expect((await registry.alias('tracked-delay', 'champion'))?.lineage).toMatchObject({ runId: handle.id })
  })

  test('the program of docs/guides/mlflow.md runs, twice: the second finds the champion of the first', async () => {
    const { code } = markdownProgram(readFileSync(join(root, 'docs/guides/mlflow.md'), 'utf8'), 'mlflow.ts')
    const { nightly } = (await runCode(code)) as unknown as {
      nightly(
        url: string,
        password: string,
        flights: readonly object[],
      ): Promise<{ mlflowRunId: string } & Readonly<Record<string, unknown>>>
    }
    const flights = sampleFlights(40)
    const first = await nightly(server().url, 'any', flights)
    expect(first).toMatchObject({ version: 1, promoted: true, error: undefined })
    const second = await nightly(server().url, 'any', flights)
    expect(second).toMatchObject({ version: 1, promoted: true, error: undefined })
    expect((await readRun(client, second.mlflowRunId, 'train/loss')).tags.team).toBe('delays')

    // When a run fails the program has told the server before it ends itself.
    const failure = await nightly(server().url, 'any', [{ date: 'no day' }]).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'RUN_FAILED' })
    const { runId } = (failure as MillraceError<'RUN_FAILED'>).details
    expect(await statusesOf('flight-delay', runId)).toEqual(['FAILED'])
  })

  test('keeps NaN, every step, and the outputs of stages', async () => {
    const handle = new Pipeline('learning').pipe(learn).start({ storage: new MemoryStorage() })
    const { mlflowRunId, error } = await trackRun({ url: server().url, experiment: 'learning' }, handle).finished
    expect(error).toBeUndefined()
    const shown = await readRun(client, mlflowRunId, 'learn/gradient-norm')
    expect(shown.history).toEqual(Array.from({ length: 10 }, (_, at) => [at + 1, at === 2 ? 'nan' : '1.0']))
    expect(shown.metrics['learn/loss']).toBe(String(2 ** -10))
    expect(shown.params).toMatchObject({ 'learn.epochs': '10', 'learn.optimizer.kind': 'adam', 'learn.note': 'n'.repeat(300) })
    expect(shown.tags['millrace.artifact.learn/summary']).toBe('report report.html')
  })

  test('a failed run is FAILED with its error, a cancelled one KILLED, a cached stage says so and has its figures', async () => {
    const storage = new MemoryStorage()
    const options = { url: server().url, experiment: 'endings' }
    const learning = new Pipeline('endings').pipe(learn)
    await learning.run({ storage })
    const broken = new Stage({ name: 'broken', version: '1', run: () => Promise.reject(new Error('no such column')) })
    const failing = learning.pipe(broken).start({ storage })
    const failed = trackRun(options, failing)
    await expect(failing.result).rejects.toMatchObject({ code: 'RUN_FAILED' })

    const abort = new AbortController()
    const waiting = new Stage({
      name: 'waiting',
      version: '1',
      run: async (_input: string, { clock, signal }) => {
        abort.abort(new Error('enough'))
        await clock.sleep(60_000, signal)
      },
    })
    const cancelling = learning.pipe(waiting).start({ storage, signal: abort.signal })
    const cancelled = trackRun(options, cancelling)
    await expect(cancelling.result).rejects.toThrow('enough')

    const [first, second] = await Promise.all([failed.finished, cancelled.finished])
    const ofFailed = await readRun(client, first.mlflowRunId, 'learn/loss')
    expect(ofFailed).toMatchObject({ status: 'FAILED', record: { outcome: 'failed' } })
    expect(ofFailed.tags['millrace.stage.broken']).toBe('failed: no such column')
    expect(ofFailed.tags['millrace.error']).toContain('no such column')
    expect(ofFailed.tags['millrace.stage.learn']).toMatch(/^cached: /)
    expect(ofFailed.metrics['learn/loss']).toBe(String(2 ** -10))
    expect(await readRun(client, second.mlflowRunId, 'learn/loss')).toMatchObject({ status: 'KILLED', record: { outcome: 'cancelled' } })
  })

  test('a run that is resumed goes on in the same MLflow run, which ends as the resumed one does', async () => {
    const storage = new MemoryStorage()
    const options = { url: server().url, experiment: 'resumed' }
    let isMended = false
    const flaky = new Stage({
      name: 'flaky',
      version: '1',
      run: (_input: string, { metrics }) => {
        if (!isMended) throw new Error('not yet')
        metrics({ done: 1 })
      },
    })
    const pipeline = new Pipeline('resumed').pipe(learn).pipe(flaky)
    const first = pipeline.start({ storage })
    const before = trackRun(options, first)
    await expect(first.result).rejects.toMatchObject({ code: 'RUN_FAILED' })
    const { mlflowRunId } = await before.finished
    isMended = true
    const second = pipeline.start({ storage, resume: first.id })
    const after = await trackRun(options, second).finished
    expect(after).toEqual({ mlflowRunId, droppedMetrics: 0, error: undefined })
    const shown = await readRun(client, mlflowRunId, 'learn/loss')
    expect(shown).toMatchObject({ status: 'FINISHED', record: { outcome: 'succeeded' } })
    expect(shown.history.length).toBeGreaterThanOrEqual(10)
    expect(shown.metrics['flaky/done']).toBe('1.0')
    expect(shown.tags['millrace.stage.flaky']).toBe('succeeded')
    expect(shown.tags).not.toHaveProperty('millrace.error')
    expect(shown.tags).not.toHaveProperty('millrace.record')
    expect(shown.record?.epoch).toBe(2)
  })

  test('an owner that was taken over writes nothing on what its heir wrote, also when both are tracked', async () => {
    for (const isCancelled of [false, true]) {
      const storage = new MemoryStorage()
      const options = { url: server().url, experiment: 'taken over', flushIntervalMs: 5 }
      const [begun, wake] = [gate(), gate()]
      let owner: 'first' | 'heir' = 'first'
      const waiting = new Stage({
        name: 'waiting',
        version: '1',
        run: async (_input: string, { metrics }) => {
          const mine = owner
          metrics({ done: mine === 'heir' ? 2 : 1 })
          begun.open()
          if (mine === 'first') await wake.opened
          metrics({ 'written-by': mine === 'heir' ? 2 : 1 })
        },
      })
      const abort = new AbortController()
      const pipeline = new Pipeline('taken-over').pipe(learn).pipe(waiting)
      const first = pipeline.start({ storage, signal: abort.signal })
      const ofFirst = trackRun(options, first)
      await begun.opened
      await expect.poll(() => statusesOf('taken over', first.id).catch(() => [])).toEqual(['RUNNING'])
      owner = 'heir'
      const heir = pipeline.start({ storage, resume: first.id, takeOver: true })
      const ofHeir = await trackRun(options, heir).finished
      expect(ofHeir.error).toBeUndefined()
      const before = await readRun(client, ofHeir.mlflowRunId, 'waiting/written-by')
      expect(before).toMatchObject({ status: 'FINISHED', record: { outcome: 'succeeded', epoch: 2 } })

      if (isCancelled) abort.abort('enough')
      wake.open()
      const failure: unknown = await first.result.catch((error: unknown) => error)
      if (isCancelled) expect(failure).toBe('enough')
      else expect(failure).toMatchObject({ code: 'RUN_OWNED' })
      expect(await ofFirst.finished).toMatchObject({ mlflowRunId: ofHeir.mlflowRunId, error: { code: 'RUN_OWNED' } })
      expect(await readRun(client, ofHeir.mlflowRunId, 'waiting/written-by')).toEqual(before)
    }
  })

  test('a resumed run that was not tracked before has its parameters and tags, with its storage at once', async () => {
    for (const isStorageGiven of [true, false]) {
      const storage = new MemoryStorage()
      const options = { url: server().url, experiment: 'resumed late', flushIntervalMs: 5, ...(isStorageGiven ? { storage } : {}) }
      let isMended = false
      const wake = gate()
      const flaky = new Stage({
        name: 'flaky',
        version: '1',
        run: async () => {
          if (!isMended) throw new Error('not yet')
          await wake.opened
        },
      })
      const pipeline = new Pipeline('resumed-late').pipe(learn).pipe(flaky)
      const first = pipeline.start({ storage, seed: 9, tags: { team: 'delays' } })
      await expect(first.result).rejects.toMatchObject({ code: 'RUN_FAILED' })
      isMended = true
      const second = pipeline.start({ storage, resume: first.id, tags: { host: 'trainer-2' } })
      const tracking = trackRun(options, second)
      if (isStorageGiven) await expect.poll(() => statusesOf('resumed late', first.id).catch(() => [])).toEqual(['RUNNING'])
      wake.open()
      const { mlflowRunId, error } = await tracking.finished
      expect(error).toBeUndefined()
      const shown = await readRun(client, mlflowRunId, 'learn/loss')
      expect(shown).toMatchObject({ status: 'FINISHED', name: `resumed-late ${first.id}`, record: { outcome: 'succeeded', epoch: 2 } })
      expect(shown.params).toMatchObject({ seed: '9', 'learn.epochs': '10' })
      expect(shown.tags).toMatchObject({ team: 'delays', host: 'trainer-2', 'millrace.pipeline': 'resumed-late' })
      expect(shown.metrics['learn/loss']).toBe(String(2 ** -10))
    }
  })

  test('a resumed run that is cancelled has its own record with its storage, and else says that the record is of before', async () => {
    for (const isStorageGiven of [true, false]) {
      const storage = new MemoryStorage()
      const options = { url: server().url, experiment: 'resumed and cancelled', ...(isStorageGiven ? { storage } : {}) }
      const abort = new AbortController()
      let isResumed = false
      const waiting = new Stage({
        name: 'waiting',
        version: '1',
        run: async (_input: string, { clock, signal }) => {
          if (!isResumed) throw new Error('not yet')
          abort.abort('enough')
          await clock.sleep(60_000, signal)
        },
      })
      const pipeline = new Pipeline('resumed-and-cancelled').pipe(learn).pipe(waiting)
      const first = pipeline.start({ storage })
      const { mlflowRunId } = await trackRun(options, first).finished
      isResumed = true
      const second = trackRun(options, pipeline.start({ storage, resume: first.id, signal: abort.signal }))
      expect(await second.finished).toEqual({ mlflowRunId, droppedMetrics: 0, error: undefined })
      const shown = await readRun(client, mlflowRunId, 'learn/loss')
      expect(shown.status).toBe('KILLED')
      expect(shown.tags['millrace.error'] ?? '').not.toContain('not yet')
      if (isStorageGiven) expect(shown.record).toMatchObject({ outcome: 'cancelled', epoch: 2 })
      else expect(shown.record).toMatchObject({ outcome: 'failed', epoch: 1 })
      expect(shown.tags['millrace.record'] ?? '').toBe(
        isStorageGiven ? '' : 'run-record.json is not of this epoch (2), which has not ended or left none',
      )
    }
  })

  test('tracking that begins late says so, and writes what the record holds', async () => {
    const options = { url: server().url, experiment: 'late' }
    const over = new Pipeline('late').pipe(learn).start({ storage: new MemoryStorage(), tags: { team: 'delays' } })
    await over.result
    const begun = gate()
    const waiting = new Stage({
      name: 'waiting',
      version: '1',
      run: async (_input: string, { metrics }) => {
        await begun.opened
        for (let step = 1; step <= 3; step++) metrics({ heard: step }, step)
      },
    })
    const underWay = new Pipeline('late')
      .pipe(learn)
      .pipe(waiting)
      .start({ storage: new MemoryStorage(), tags: { team: 'delays' } })
    await new Promise<void>((resolve) => {
      const stop = underWay.on(({ type }) => {
        if (type !== 'stage-succeeded') return
        stop()
        resolve()
      })
    })
    const ofUnderWay = trackRun(options, underWay)
    begun.open()
    for (const tracked of [await trackRun(options, over).finished, await ofUnderWay.finished]) {
      expect(tracked).toMatchObject({ error: { code: 'ARGUMENT_INVALID', details: { argument: 'handle' } } })
      const shown = await readRun(client, tracked.mlflowRunId, 'waiting/heard')
      expect(shown).toMatchObject({ status: 'FINISHED', record: { outcome: 'succeeded' } })
      expect(shown.name).toMatch(/^late /)
      expect(shown.params).toMatchObject({ seed: '0', 'learn.epochs': '10' })
      expect(shown.metrics['learn/loss']).toBe(String(2 ** -10))
      expect(shown.tags).toMatchObject({
        team: 'delays',
        'millrace.stage.learn': 'succeeded',
        'millrace.artifact.learn/summary': 'report report.html',
      })
      if (tracked.mlflowRunId === (await ofUnderWay.finished).mlflowRunId)
        expect(shown.history).toEqual([
          [1, '1.0'],
          [2, '2.0'],
          [3, '3.0'],
        ])
    }
    const failing = new Pipeline('late')
      .pipe(new Stage({ name: 'broken', version: '1', run: () => Promise.reject(new Error('no')) }))
      .start({})
    await failing.result.catch(() => {})
    const shown = await readRun(client, (await trackRun(options, failing).finished).mlflowRunId, 'none')
    expect(shown).toMatchObject({ status: 'FAILED', tags: { 'millrace.stage.broken': 'failed: no' } })
  })

  test('of parameters that are too long for the run to remember the digest is there, and a tag says so', async () => {
    const long = new Stage<void, string>({
      name: 'long',
      version: '1',
      parameters: { small: 1, table: 'x'.repeat(20_000) },
      run: () => 'x',
    })
    const handle = new Pipeline('long').pipe(long).start({ storage: new MemoryStorage() })
    const { mlflowRunId } = await trackRun({ url: server().url, experiment: 'long' }, handle).finished
    const shown = await readRun(client, mlflowRunId, 'none')
    expect(shown.params).toMatchObject({ 'long.small': '1', 'long.table': expect.stringMatching(/^sha256:[0-9a-f]{64}$/) })
    expect(shown.tags['millrace.only-digest']).toContain('long.table')
    expect(shown.tags).not.toHaveProperty('millrace.only-in-record')
  })

  test('a run that cannot be tracked runs as if nobody looked, and says once why', async () => {
    const told: unknown[] = []
    const options = {
      url: server().url,
      experiment: 'unheard',
      attempts: 1,
      flushIntervalMs: 5,
      onError: (error: unknown) => told.push(error),
    }
    const slow = new Stage({
      name: 'slow',
      version: '1',
      run: async (_input: string, { clock, metrics, signal }) => {
        for (let step = 1; step <= 10; step++) {
          metrics({ step }, step)
          await clock.sleep(10, signal)
        }
      },
    })
    const pipeline = new Pipeline('unheard').pipe(learn).pipe(slow)
    const never = pipeline.start({ storage: new MemoryStorage() })
    const lost = await trackRun({ ...options, fetch: faultyFetch(() => 'refused').fetch }, never).finished
    expect((await never.result).record.outcome).toBe('succeeded')
    expect(lost).toMatchObject({ mlflowRunId: undefined, error: { code: 'REGISTRY_UNAVAILABLE' } })
    expect(told).toHaveLength(1)

    // Every other request fails: what was not delivered is delivered with the next, and nothing is there twice.
    const again = pipeline.start({ storage: new MemoryStorage() })
    const tracked = trackRun(
      { ...options, attempts: 3, fetch: faultyFetch((request) => (request % 2 === 0 ? 'lost' : undefined)).fetch },
      again,
    )
    await again.result
    const { mlflowRunId, error } = await tracked.finished
    expect(error).toBeUndefined()
    const shown = await readRun(client, mlflowRunId, 'slow/step')
    expect(shown.history).toEqual(Array.from({ length: 10 }, (_, at) => [at + 1, `${at + 1}.0`]))
    expect(shown.status).toBe('FINISHED')
  })

  test('what the queue has no room for is counted, and said in a tag', async () => {
    const handle = new Pipeline('narrow').pipe(learn).start({ storage: new MemoryStorage() })
    const { mlflowRunId, droppedMetrics } = await trackRun({ url: server().url, experiment: 'narrow', maxQueuedMetrics: 5 }, handle)
      .finished
    expect(droppedMetrics).toBe(16)
    expect((await readRun(client, mlflowRunId, 'learn/loss')).tags['millrace.dropped-metrics']).toBe('16')
  })
})

describe.skipIf(unserved.service === undefined)(named('a run that is tracked where artifacts are not served', unserved), () => {
  test('has all but its record, and says so', async () => {
    const at = unserved.service as MlflowServer
    const told: unknown[] = []
    const handle = new Pipeline('learning').pipe(learn).start({ storage: new MemoryStorage() })
    const { mlflowRunId } = await trackRun({ url: at.url, experiment: 'learning', onError: (error) => told.push(error) }, handle).finished
    expect(told).toMatchObject([{ code: 'REGISTRY_UNSUPPORTED' }])
    const shown = await readRun(otherClient, mlflowRunId, 'learn/loss')
    expect(shown).toMatchObject({ status: 'FINISHED', record: null })
    expect(shown.history).toHaveLength(10)
    expect(shown.tags['millrace.record']).toContain('not kept')
  })
})
