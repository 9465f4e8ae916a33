import { MillraceError } from 'millrace/core'
import type { StageDefinition } from 'millrace/pipeline'
import { LocalRunner, Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { FakeClock } from 'millrace/testing'
import { describe, expect, it } from 'vitest'
import { InstantClock, settle } from './support/instant-clock.ts'
import { collector, counted, deferred, rejectionOf, runFailure, stage } from './support/stages.ts'

const broken = (name: string, more: Partial<StageDefinition<unknown, number>> = {}) =>
  stage<unknown, number>(
    name,
    () => {
      throw new Error(`${name} is broken`)
    },
    more,
  )

const outcomesOf = (record: {
  readonly stages: readonly { readonly name: string; readonly outcome: string; readonly reason?: string }[]
}) =>
  Object.fromEntries(record.stages.map(({ name, outcome, reason }) => [name, outcome === 'abandoned' ? `${outcome}: ${reason}` : outcome]))

describe('a stage that fails', () => {
  it('fails the run with the record in the details and the causes in a chain', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p')
      .pipe(stage('one', () => 1))
      .pipe(broken('two'))
      .pipe(stage('three', (value: number) => value))
    const error = await runFailure(pipeline.run({ storage, id: 'r1' }))
    expect(error.message).toContain('Expected run "r1" of pipeline "p" to succeed')
    expect(error.message).toContain('two is broken')
    expect(error.details).toMatchObject({ runId: 'r1', stage: 'two' })
    expect(MillraceError.is(error.cause, 'STAGE_FAILED') && error.cause.details).toEqual({ stage: 'two', attempt: 1 })
    expect((error.cause as Error).cause).toEqual(new Error('two is broken'))
    const record = await readRun(storage, 'r1')
    expect(error.details.record).toEqual(record)
    expect(record.outcome).toBe('failed')
    expect(record.stages[1]).toMatchObject({ outcome: 'failed', attempts: 1, error: { message: 'two is broken' } })
    expect(outcomesOf(record)).toEqual({ one: 'succeeded', two: 'failed', three: 'abandoned: a stage before it failed' })
  })

  it('keeps the code of a fault of ours in the record', async () => {
    const pipeline = new Pipeline('p').pipe(stage('map', () => ({ table: new Map() })))
    const error = await runFailure(pipeline.run({}))
    expect(error.details.record).toMatchObject({
      stages: [{ error: { code: 'OUTPUT_NOT_STORABLE', message: expect.stringContaining('$.table') } }],
    })
  })

  it('stops what runs beside it, and tells it through the signal', async () => {
    let reason: unknown
    const patient = stage(
      'patient',
      (_, { signal }) =>
        new Promise<number>((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            reason = signal.reason
            reject(reason)
          }),
        ),
    )
    const error = await runFailure(
      new Pipeline('p')
        .branch({ patient, bad: broken('bad') })
        .pipe(stage('end', () => 1))
        .run({}),
    )
    expect(reason).toBeInstanceOf(Error)
    expect(outcomesOf(error.details.record as never)).toEqual({
      patient: 'abandoned: another stage failed',
      bad: 'failed',
      end: 'abandoned: a stage before it failed',
    })
  })

  it('starts nothing more, also not what does not depend on it', async () => {
    const later = counted('later', () => 1)
    const slow = new Pipeline('slow').pipe(stage('wait', (_, { clock }) => clock.sleep(5).then(() => 1))).pipe(later.stage)
    const error = await runFailure(new Pipeline('p').branch({ bad: broken('bad'), slow }).run({}))
    expect(later.runs()).toBe(0)
    expect(outcomesOf(error.details.record as never)['slow/slow/later']).toBe('abandoned: another stage failed')
  })

  it('with failFast false lets go on what does not depend on it, and abandons the rest', async () => {
    const side = new Pipeline('side')
      .pipe(stage('wait', (_, { clock }) => clock.sleep(5).then(() => 1)))
      .pipe(stage('more', (value: number) => value + 1))
    const pipeline = new Pipeline('p')
      .branch({ bad: broken('bad'), side })
      .pipe(stage('end', () => 1))
      .pipe(stage('end-two', () => 1))
    const error = await runFailure(pipeline.run({ failFast: false }))
    expect(outcomesOf(error.details.record as never)).toEqual({
      bad: 'failed',
      'side/side/wait': 'succeeded',
      'side/side/more': 'succeeded',
      end: 'abandoned: a stage before it failed',
      'end-two': 'abandoned: a stage before it failed',
    })
  })

  it('with failFast false runs all items of a map, and fails with the first that failed', async () => {
    const storage = new MemoryStorage()
    const picky = counted('picky', (value: number) => {
      if (value === 2) throw new Error('no twos')
      return value
    })
    const pipeline = new Pipeline('p').pipe(stage('list', () => [1, 2, 3, 4])).map(picky.stage)
    const error = await runFailure(pipeline.run({ storage, failFast: false }))
    expect(error.message).toContain('picky (item 1)')
    expect(picky.runs()).toBe(4)
    expect(error.details.record).toMatchObject({ stages: [{}, { outcome: 'failed', items: { total: 4, succeeded: 3, failed: 1 } }] })
  })

  it('fails the map whose item failed, and says which, however many run beside it', async () => {
    const picky = stage('picky', async (value: number, { signal, clock }) => {
      if (value === 2) throw new Error('no twos')
      await clock.sleep(10_000, signal)
      return value
    })
    const error = await runFailure(
      new Pipeline('p')
        .pipe(stage('list', () => [1, 2, 3, 4]))
        .map(picky)
        .run({}),
    )
    expect(error.message).toContain('picky (item 1)')
    expect(outcomesOf(error.details.record as never)).toEqual({ list: 'succeeded', picky: 'failed' })
  })

  it('fails the run when a predicate throws, and names the condition', async () => {
    const pipeline = new Pipeline('p').pipe(stage('one', () => 1)).when(
      () => {
        throw new Error('bad predicate')
      },
      stage('less', (value: number) => value),
    )
    const error = await runFailure(pipeline.run({}))
    expect(error.details.stage).toBe('when(less)')
    expect(outcomesOf(error.details.record as never)).toEqual({
      one: 'succeeded',
      less: 'abandoned: a stage before it failed',
      'when(less)': 'failed',
    })
  })

  it('fails when the fingerprint cannot be had', async () => {
    const pipeline = new Pipeline('p').pipe(stage('one', () => 1, { fingerprint: () => Promise.reject(new Error('no such file')) }))
    expect((await runFailure(pipeline.run({}))).message).toContain('no such file')
  })

  it('logs the failure', async () => {
    const logged: string[] = []
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`),
    }
    await runFailure(new Pipeline('p').pipe(broken('bad')).run({ logger, id: 'r' }))
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain('bad is broken')
  })
})

describe('a long row of conditions beside a stage that fails', () => {
  it('is given up at once, and told apart from what comes after the failure', async () => {
    let row: Pipeline<number, number> = new Pipeline<number>('row').pipe(
      stage('slow', async (value: number, { signal, clock }) => {
        await clock.sleep(60_000, signal)
        return value
      }),
    )
    for (let index = 0; index < 40; index++)
      row = row.when(
        () => true,
        stage(`step-${index}`, (value: number) => value),
      )
    const before = performance.now()
    const error = await runFailure(
      new Pipeline('p')
        .pipe(stage('one', () => 1))
        .branch({ row, bad: broken('bad') })
        .pipe(stage('end', () => 1))
        .run({}),
    )
    expect(performance.now() - before).toBeLessThan(5000)
    expect(outcomesOf(error.details.record as never)).toMatchObject({
      'row/row/step-39': 'abandoned: another stage failed',
      end: 'abandoned: a stage before it failed',
    })
  })
})

describe('retries', () => {
  const flaky = (failures: number, retries: number) => {
    let left = failures
    return counted(
      'flaky',
      () => {
        if (left-- > 0) throw new Error('flaky')
        return 'made'
      },
      { retries },
    )
  }

  it('tries again as often as told, waiting longer each time', async () => {
    const clock = new InstantClock()
    const { events, onEvent } = collector()
    const { stage: retried, runs } = flaky(3, 3)
    const run = await new Pipeline('p')
      .pipe(retried)
      .run({ clock, onEvent, runner: new LocalRunner({ retryDelayMs: 100, maxRetryDelayMs: 250 }) })
    expect(run.output).toBe('made')
    expect(runs()).toBe(4)
    expect(run.record.stages[0]).toMatchObject({ outcome: 'succeeded', attempts: 4 })
    const failed = events.flatMap((event) => (event.type === 'stage-attempt-failed' ? [event] : []))
    expect(failed.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(failed.map(({ retryInMs }) => retryInMs)).toEqual(clock.slept)
    for (const [index, bound] of [100, 200, 250].entries()) {
      expect(clock.slept[index]).toBeGreaterThanOrEqual(0)
      expect(clock.slept[index]).toBeLessThanOrEqual(bound)
    }
  })

  it('waits the same under the same seed and otherwise under another', async () => {
    const waits = async (seed: number) => {
      const clock = new InstantClock()
      await new Pipeline('p').pipe(flaky(3, 3).stage).run({ clock, seed })
      return clock.slept
    }
    expect(await waits(1)).toEqual(await waits(1))
    expect(await waits(1)).not.toEqual(await waits(2))
  })

  it('gives up after the last, and says how often it tried', async () => {
    const { stage: retried, runs } = flaky(9, 2)
    const error = await runFailure(new Pipeline('p').pipe(retried).run({ clock: new InstantClock() }))
    expect(runs()).toBe(3)
    expect(MillraceError.is(error.cause, 'STAGE_FAILED') && error.cause.details.attempt).toBe(3)
  })

  it('gives each attempt the same key and the same random draws', async () => {
    const seen: unknown[] = []
    const retried = stage(
      'flaky',
      (_, { idempotencyKey, random }) => {
        seen.push([idempotencyKey, random.next()])
        if (seen.length < 3) throw new Error('flaky')
        return 1
      },
      { retries: 2, effect: true },
    )
    await new Pipeline('p').pipe(retried).run({ clock: new InstantClock() })
    expect(seen).toHaveLength(3)
    expect(new Set(seen.map((entry) => JSON.stringify(entry))).size).toBe(1)
  })

  it('does not wait out the pause when the run is cancelled', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const { stage: retried, runs } = flaky(9, 5)
    const result = rejectionOf(new Pipeline('p').pipe(retried).run({ clock, signal: controller.signal }))
    await settle()
    controller.abort('enough')
    expect(await result).toBe('enough')
    expect(runs()).toBe(1)
  })
})

describe('a time limit', () => {
  it('aborts the attempt that takes too long and fails it', async () => {
    const clock = new FakeClock()
    let told: unknown
    const hung = stage(
      'hung',
      (_, { signal }) =>
        new Promise<number>((_, reject) =>
          signal.addEventListener('abort', () => {
            told = signal.reason
            reject(told)
          }),
        ),
      { timeoutMs: 500 },
    )
    const result = runFailure(new Pipeline('p').pipe(hung).run({ clock }))
    await settle()
    await clock.advance(499)
    expect(told).toBeUndefined()
    await clock.advance(1)
    const error = await result
    expect(MillraceError.is(told, 'STAGE_TIMED_OUT') && told.details).toEqual({ stage: 'hung', timeoutMs: 500 })
    expect(error.details.record).toMatchObject({ stages: [{ error: { code: 'STAGE_TIMED_OUT' } }] })
  })

  it('does not wait for a stage that does not heed its signal', async () => {
    const clock = new FakeClock()
    const deaf = stage('deaf', () => new Promise<number>(() => {}), { timeoutMs: 500 })
    const result = runFailure(new Pipeline('p').pipe(deaf).run({ clock }))
    await settle()
    await clock.advance(500)
    expect((await result).message).toContain('within 500 ms')
  })

  it('counts anew for each attempt', async () => {
    const clock = new FakeClock()
    let attempts = 0
    const second = stage('second', () => (++attempts === 1 ? new Promise<number>(() => {}) : 7), { timeoutMs: 500, retries: 1 })
    const result = new Pipeline('p').pipe(second).run({ clock })
    await settle()
    await clock.advance(500)
    await clock.advance(1000)
    expect((await result).output).toBe(7)
  })

  it('leaves no timer behind when the stage is in time', async () => {
    const started = performance.now()
    await new Pipeline('p').pipe(stage('quick', () => 1, { timeoutMs: 60_000 })).run({})
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('cancelling', () => {
  it('rejects with the reason once what is under way has settled', async () => {
    const storage = new MemoryStorage()
    const controller = new AbortController()
    const begun = deferred()
    const mayEnd = deferred()
    let ended = false
    const slow = stage('slow', async (_, { signal }) => {
      begun.resolve()
      await mayEnd.promise
      ended = true
      signal.throwIfAborted()
      return 1
    })
    const later = counted('later', () => 1)
    const reason = new Error('shutting down')
    const result = rejectionOf(new Pipeline('p').pipe(slow).pipe(later.stage).run({ storage, id: 'r', signal: controller.signal }))
    await begun.promise
    controller.abort(reason)
    await settle()
    expect(ended).toBe(false)
    mayEnd.resolve()
    expect(await result).toBe(reason)
    expect(later.runs()).toBe(0)
    const record = await readRun(storage, 'r')
    expect(record.outcome).toBe('cancelled')
    expect(outcomesOf(record)).toEqual({ slow: 'abandoned: the run was cancelled', later: 'abandoned: the run was cancelled' })
  })

  it('is a cancellation whatever the stage throws then', async () => {
    const controller = new AbortController()
    const rude = stage(
      'rude',
      (_, { signal }) => new Promise<number>((_, reject) => signal.addEventListener('abort', () => reject(new Error('rude')))),
    )
    const result = rejectionOf(new Pipeline('p').pipe(rude).run({ signal: controller.signal }))
    await settle()
    controller.abort('reason')
    expect(await result).toBe('reason')
  })

  it('keeps what a stage finished in spite of it', async () => {
    const storage = new MemoryStorage()
    const controller = new AbortController()
    const thorough = counted('thorough', async () => {
      controller.abort('stop')
      await settle()
      return Float64Array.of(1)
    })
    const pipeline = new Pipeline('p').pipe(thorough.stage).pipe(stage('end', (value: Float64Array) => value.length))
    expect(await rejectionOf(pipeline.run({ storage, signal: controller.signal }))).toBe('stop')
    expect((await pipeline.run({ storage })).output).toBe(1)
    expect(thorough.runs()).toBe(1)
  })

  it('of a signal that has aborted already runs nothing and leaves no trace', async () => {
    const storage = new MemoryStorage()
    const one = counted('one', () => 1)
    expect(await rejectionOf(new Pipeline('p').pipe(one.stage).run({ storage, id: 'r', signal: AbortSignal.abort('no') }))).toBe('no')
    expect(one.runs()).toBe(0)
    expect(MillraceError.is(await rejectionOf(readRun(storage, 'r')), 'RUN_NOT_FOUND')).toBe(true)
  })

  it('reaches what waits for its turn', async () => {
    const controller = new AbortController()
    const wait = counted('wait', (_: number, { signal, clock }) => clock.sleep(60_000, signal))
    const result = rejectionOf(
      new Pipeline('p')
        .pipe(stage('list', () => [1, 2, 3, 4]))
        .map(wait.stage, { concurrency: 4 })
        .run({ concurrency: 1, signal: controller.signal }),
    )
    await settle()
    controller.abort('stop')
    expect(await result).toBe('stop')
    expect(wait.runs()).toBe(1)
  })
})
