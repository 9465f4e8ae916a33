import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createIdentifierSource } from '../../../src/core/identifiers.ts'
import { createRandom } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { Column } from '../../../src/data/column.ts'
import { Deployment } from '../../../src/deploy/deployment.ts'
import type { DeploymentEvent } from '../../../src/deploy/deployment-event.ts'
import { storedValueOf } from '../../../src/deploy/request-values.ts'
import { Logger } from '../../../src/log/logger.ts'
import { memorySink } from '../../../src/log/sinks.ts'
import { denseNetworkLoader } from '../../../src/model/dense-network.ts'
import { loadModelPackage } from '../../../src/model/load-package.ts'
import type { PredictionObservation } from '../../../src/monitor/monitor.ts'
import { MemoryLog, MemoryMonitor, name, registryOf, rowsOf, TamperedLoader } from '../../fixtures/deploy/serving.ts'
import { flightColumns, flightSchema } from '../../fixtures/model/flights.ts'

const alias = 'champion'
const flight = { date: new Date('2001-06-01T17:00:00Z'), distance: 954, origin: 'SEA', cancelled: false }
const batch = batchOf(flightColumns(300, 5))

describe('a deployment', () => {
  it('answers a row, many rows and a batch alike, and as the packaged model does', async () => {
    const registry = await registryOf()
    const deployment = await Deployment.open({ registry, model: name, alias, schema: flightSchema })
    const { model, plan } = await loadModelPackage(await registry.load(name, 1), { models: [denseNetworkLoader] })
    const expected = (await model.predict(plan.apply(batch))).probability?.data
    const { scores, version } = await deployment.predictBatch(batch)
    expect(version).toBe(1)
    expect(scores).toEqual(expected)
    const rows = rowsOf(batch).map(({ late, ...row }) => row) as (typeof flight)[]
    expect((await deployment.predict(rows)).predictions).toEqual([...scores])
    for (const row of [0, 7, 299]) {
      expect((await deployment.predict([rows[row] as typeof flight])).predictions).toEqual([scores[row]])
    }
  })

  it('answers more rows than it scores without a pause', async () => {
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias })
    const many = batchOf(flightColumns(40_000, 6))
    const { scores } = await deployment.predictBatch(many)
    expect(scores.slice(39_990)).toEqual((await deployment.predictBatch(many.slice(39_990, 40_000))).scores)
    expect(scores.slice(16_380, 16_390)).toEqual((await deployment.predictBatch(many.slice(16_380, 16_390))).scores)
  })

  it('gives every row an identifier of batch and row', async () => {
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, identifiers: () => 'batch' })
    expect((await deployment.predict([flight, flight])).ids).toEqual(['batch.0', 'batch.1'])
    const answer = await deployment.predictBatch(batch)
    expect([answer.batchId, answer.idOf(7)]).toEqual(['batch', 'batch.7'])
  })

  it('answers no rows with nothing, and records nothing', async () => {
    const log = new MemoryLog()
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, log })
    expect((await deployment.predict([])).predictions).toEqual([])
    expect((await deployment.predictBatch(batch.slice(0, 0))).scores).toHaveLength(0)
    expect(log.records).toEqual([])
  })

  it('flags what reaches its threshold', async () => {
    const registry = await registryOf()
    const { predictions } = await (await Deployment.open({ registry, model: name, alias })).predict([flight])
    const threshold = predictions[0] as number
    const deployment = await Deployment.open({ registry, model: name, alias, threshold })
    expect((await deployment.predict([flight])).flagged).toEqual([true])
    const { flaggedRows, scores } = await deployment.predictBatch(batch)
    expect([...(flaggedRows ?? [])]).toEqual([...scores.keys()].filter((row) => (scores[row] as number) >= threshold))
    expect(deployment.metadata.threshold).toBe(threshold)
  })

  it('says what it serves', async () => {
    const registry = await registryOf()
    const deployment = await Deployment.open({ registry, model: name, alias })
    expect(deployment.metadata).toMatchObject({ model: name, alias, version: 1, target: 'late', task: 'binary', metrics: { auc: 0.7 } })
    expect(deployment.metadata.manifestDigest).toBe((await registry.version(name, 1)).manifestDigest)
    expect((await Deployment.open({ registry, model: name, version: 1 })).metadata).toMatchObject({ alias: undefined, version: 1 })
  })

  it('types its rows by the schema', async () => {
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, schema: flightSchema })
    // @ts-expect-error origin is text
    await expect(deployment.predict([{ ...flight, origin: 7 }])).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
    // @ts-expect-error the date is missing
    await expect(deployment.predict([{ distance: 954, origin: 'SEA', cancelled: false }])).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    })
  })
})

describe('opening a deployment', () => {
  it('fails without a version under the alias, or without the version', async () => {
    const registry = await registryOf()
    await expect(Deployment.open({ registry, model: name, alias: 'other' })).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      details: { alias: 'other' },
    })
    await expect(Deployment.open({ registry, model: name, version: 9 })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  it('fails with a schema that cannot give what the model takes, and says everything that does not fit', async () => {
    const schema = z.object({ date: z.string(), distance: z.number(), origin: z.string().nullable() })
    await expect(Deployment.open({ registry: await registryOf(), model: name, alias, schema })).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: {
        columns: [
          { name: 'cancelled', expected: 'boolean' },
          { name: 'date', expected: 'time', received: 'text' },
          { name: 'origin', received: 'text or null' },
        ],
      },
    })
  })

  it('fails when no loader opens the model', async () => {
    await expect(Deployment.open({ registry: await registryOf(), model: name, alias, models: [] })).rejects.toMatchObject({
      code: 'MODEL_KIND_UNKNOWN',
    })
  })

  it('fails when the model answers otherwise than when it was packaged, and leaves no model open', async () => {
    const loader = new TamperedLoader()
    loader.tamper = () => ({ probability: { shape: [1, 1], data: Float32Array.of(0.5) } })
    await expect(Deployment.open({ registry: await registryOf(), model: name, alias, models: [loader] })).rejects.toMatchObject({
      code: 'GOLDEN_MISMATCH',
    })
    expect(loader.open).toBe(0)
  })

  it('rejects with the reason of an aborted signal', async () => {
    const reason = new Error('enough')
    const registry = await registryOf()
    await expect(Deployment.open({ registry, model: name, alias, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('the rows of a request', () => {
  const ask = async (row: unknown) => (await deploymentOf()).predict([row as typeof flight])
  const deploymentOf = async () => Deployment.open({ registry: await registryOf(), model: name, alias })

  it('may have a moment as a Date, ISO text or milliseconds', async () => {
    const deployment = await deploymentOf()
    const time = flight.date.getTime()
    const expected = (await deployment.predict([flight])).predictions
    for (const date of [time, '2001-06-01T17:00:00Z', '2001-06-01T17:00', '2001-06-01 17:00:00.000', '2001-06-01T19:00:00+02:00']) {
      expect((await deployment.predict([{ ...flight, date }])).predictions).toEqual(expected)
    }
    const midnight = (await deployment.predict([{ ...flight, date: new Date('2001-06-01T00:00:00Z') }])).predictions
    expect((await deployment.predict([{ ...flight, date: '2001-06-01' }])).predictions).toEqual(midnight)
  })

  it('may leave out, or have null, only where the model takes null', async () => {
    const deployment = await deploymentOf()
    const { distance, ...without } = flight
    const expected = (await deployment.predict([{ ...flight, distance: null }])).predictions
    expect((await deployment.predict([without])).predictions).toEqual(expected)
    expect((await deployment.predict([without, flight])).predictions[0]).toBe(expected[0])
    await expect(ask({ ...flight, origin: null })).rejects.toMatchObject({ details: { path: '[0].origin' } })
  })

  it.each([
    ['a number in quotes', { distance: '954' }, '[0].distance'],
    ['an infinity', { distance: Number.POSITIVE_INFINITY }, '[0].distance'],
    ['NaN', { distance: Number.NaN }, '[0].distance'],
    ['a boolean as a number', { cancelled: 1 }, '[0].cancelled'],
    ['a number as text', { origin: 7 }, '[0].origin'],
    ['text that is no moment', { date: 'yesterday' }, '[0].date'],
    ['a day that is not there', { date: '2001-02-31' }, '[0].date'],
    ['an invalid Date', { date: new Date(Number.NaN) }, '[0].date'],
    ['a time in another form', { date: '06/01/2001' }, '[0].date'],
    ['a column that the model does not take', { gate: 'B7' }, '[0].gate'],
  ])('are refused with %s, by the path', async (_, change, path) => {
    await expect(ask({ ...flight, ...change })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { path } })
  })

  it('are answered alike alone and in a batch, half a surrogate pair included', async () => {
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias })
    const monitor = new MemoryMonitor()
    const watched = await Deployment.open({ registry: await registryOf(), model: name, alias, monitors: [monitor] })
    for (const origin of ['\ud800', 'S\udc00A', '\ufffd', 'constructor', '']) {
      const [alone] = (await deployment.predict([{ ...flight, origin }])).predictions
      expect((await deployment.predict([{ ...flight, origin }, flight])).predictions[0], JSON.stringify(origin)).toBe(alone)
      await watched.predict([{ ...flight, origin }])
    }
    // Known categories may have it: then one row must not be another category than the same row in a batch.
    expect(storedValueOf('S\udc00A', { name: 'origin', kind: 'text', nullable: false })).toBe('S\ufffdA')
    expect(monitor.predictions.map(({ inputs }) => rowsOf(inputs)[0]?.origin)).toEqual(['\ufffd', 'S\ufffdA', '\ufffd', 'constructor', ''])
  })

  it('have only what they have themselves: no column comes from a prototype', async () => {
    await expect(ask(JSON.parse('{"__proto__": {"origin": "SEA"}}'))).rejects.toMatchObject({ details: { path: '[0].__proto__' } })
    await expect(ask(Object.create(flight))).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  })

  it('are refused by row and column among many, with the name that was meant', async () => {
    const deployment = await deploymentOf()
    await expect(deployment.predict([flight, { ...flight, origin: null }])).rejects.toMatchObject({ details: { path: '[1].origin' } })
    await expect(deployment.predict([flight, flight, { ...flight, orgin: 'SEA' }])).rejects.toThrow('did you mean "origin"?')
    for (const row of [null, 'SEA', [flight], undefined]) await expect(ask(row)).rejects.toMatchObject({ details: { path: '[0]' } })
    await expect(deployment.predict('rows' as never)).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
    expect(deployment.stats()).toMatchObject({ requests: 0, rejected: 2, errors: 0 })
  })

  it('may have further columns that the schema names', async () => {
    const schema = flightSchema.extend({ gate: z.string() })
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, schema })
    expect((await deployment.predict([{ ...flight, gate: 'B7' }])).predictions).toHaveLength(1)
  })

  it('are refused as a batch with every column that does not fit', async () => {
    const deployment = await deploymentOf()
    const { origin, ...others } = flightColumns(3)
    await expect(deployment.predictBatch(batchOf({ ...others, date: others.distance as never }))).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: { columns: [{ name: 'date' }, { name: 'origin' }] },
    })
  })
})

describe('what a deployment records', () => {
  const clock = { now: () => 1_000_000, monotonicMs: () => 5, sleep: async () => {} }

  it('is every prediction, with its inputs, score, version and time', async () => {
    const [log, monitor] = [new MemoryLog(), new MemoryMonitor()]
    const deployment = await Deployment.open({
      registry: await registryOf(),
      model: name,
      alias,
      schema: flightSchema,
      log,
      monitors: [monitor],
      clock,
      identifiers: createIdentifierSource({ random: createRandom(1), clock }),
    })
    const { ids, predictions } = await deployment.predict([{ ...flight, distance: null }])
    expect(log.records).toEqual([
      {
        kind: 'prediction',
        rows: [
          {
            id: ids[0],
            time: new Date(1_000_000),
            version: 1,
            score: predictions[0],
            'input.cancelled': false,
            'input.date': flight.date,
            'input.distance': null,
            'input.origin': 'SEA',
          },
        ],
      },
    ])
    const { batchId, scores } = await deployment.predictBatch(batch, { time: 77 })
    expect(log.records[1]?.rows).toHaveLength(300)
    expect(log.records[1]?.rows[299]).toMatchObject({ id: `${batchId}.299`, time: new Date(77), score: scores[299] })
    expect(monitor.predictions.map(({ batchId: id, time, version }) => ({ id, time, version }))).toEqual([
      { id: ids[0]?.split('.')[0], time: 1_000_000, version: 1 },
      { id: batchId, time: 77, version: 1 },
    ])
    // The label is in the batch, and no business of the monitor's.
    expect(monitor.predictions[1]?.inputs.schema.fields.map((field) => field.name).sort()).toEqual([
      'cancelled',
      'date',
      'distance',
      'origin',
    ])
    expect(monitor.predictions[1]?.scores).toEqual(scores)
  })

  it('is the right values of a batch whose columns come in another order, among others, cut from a larger one', async () => {
    const [log, monitor] = [new MemoryLog(), new MemoryMonitor()]
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, log, monitors: [monitor], clock })
    const { cancelled, date, distance, late, origin } = flightColumns(300, 5)
    const extra = { kind: 'number', length: 300, values: new Float64Array(300).fill(-1) } as const
    const shuffled = batchOf({ extra, origin, late, distance, cancelled, more: extra, date } as Record<string, Column>).slice(37, 251)
    const { batchId, scores } = await deployment.predictBatch(shuffled)
    expect(scores).toEqual((await deployment.predictBatch(batch)).scores.slice(37, 251))
    const expected = rowsOf(batch).slice(37, 251)
    expect(rowsOf((monitor.predictions[0] as PredictionObservation).inputs)).toEqual(expected.map(({ late: _, ...row }) => row))
    expect(log.records[0]?.rows).toEqual(
      expected.map((row, index) => ({
        id: `${batchId}.${index}`,
        time: new Date(clock.now()),
        version: 1,
        score: scores[index],
        'input.cancelled': row.cancelled,
        'input.date': row.date,
        'input.distance': row.distance,
        'input.origin': row.origin,
      })),
    )
  })

  it('is every outcome and every action, one by one or together', async () => {
    const [log, monitor] = [new MemoryLog(), new MemoryMonitor()]
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, log, monitors: [monitor], clock })
    await deployment.recordOutcome('b.3', true)
    await deployment.recordOutcomes({ batchId: 'b', labels: Float32Array.of(0, 1), time: 9 })
    await deployment.recordOutcomes({ batchId: 'b', rows: [5, 2], labels: [1, false] })
    await deployment.recordAction('b.3', 'rebooked')
    await deployment.recordActions({ batchId: 'b', rows: Uint32Array.of(1, 2), action: 'called', time: 8 })
    const now = new Date(1_000_000)
    expect(log.records.map(({ kind, rows }) => [kind, ...rows])).toEqual([
      ['outcome', { id: 'b.3', time: now, label: 1 }],
      ['outcome', { id: 'b.0', time: new Date(9), label: 0 }, { id: 'b.1', time: new Date(9), label: 1 }],
      ['outcome', { id: 'b.5', time: now, label: 1 }, { id: 'b.2', time: now, label: 0 }],
      ['action', { id: 'b.3', time: now, action: 'rebooked' }],
      ['action', { id: 'b.1', time: new Date(8), action: 'called' }, { id: 'b.2', time: new Date(8), action: 'called' }],
    ])
    expect(monitor.outcomes).toEqual([
      { batchId: 'b', time: 1_000_000, rows: Uint32Array.of(3), labels: Float32Array.of(1) },
      { batchId: 'b', time: 9, labels: Float32Array.of(0, 1) },
      { batchId: 'b', time: 1_000_000, rows: Uint32Array.of(5, 2), labels: Float32Array.of(1, 0) },
    ])
    expect(monitor.actions.map(({ rows, action }) => [[...rows], action])).toEqual([
      [[3], 'rebooked'],
      [[1, 2], 'called'],
    ])
  })

  it('is nothing that cannot be: identifiers, labels, rows', async () => {
    const log = new MemoryLog()
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, log })
    for (const id of ['', 'b', 'b.', '.3', 'b.-1', 'b.x', 'b.1.5x', 'b.01', 'b.99999999999']) {
      await expect(deployment.recordOutcome(id, 1), id).rejects.toMatchObject({ code: 'PREDICTION_NOT_FOUND' })
    }
    await expect(deployment.recordOutcome('b.1', Number.NaN)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(deployment.recordOutcomes({ batchId: 'b', rows: [1], labels: [1, 0] })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(deployment.recordActions({ batchId: 'b', rows: [1.5], action: 'x' })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(deployment.recordActions({ batchId: '', rows: [1], action: 'x' })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    expect(log.records).toEqual([])
  })

  it('goes on when a monitor throws, which is reported', async () => {
    const events: DeploymentEvent[] = []
    const sink = memorySink()
    const failing = {
      name: 'failing',
      observePredictions: () => {
        throw new Error('monitor is ill')
      },
      toJSON: () => null,
    }
    const monitor = new MemoryMonitor()
    const deployment = await Deployment.open({
      registry: await registryOf(),
      model: name,
      alias,
      monitors: [failing, monitor],
      logger: new Logger({ sinks: [sink] }),
    })
    deployment.on((event) => events.push(event))
    expect((await deployment.predict([flight])).predictions).toHaveLength(1)
    expect(monitor.predictions).toHaveLength(1)
    expect(events).toMatchObject([{ type: 'monitor-failed', monitor: 'failing', model: name }])
    expect(sink.records.some((record) => record.level === 'error' && record.fields.monitor === 'failing')).toBe(true)
  })

  it('is reported when the log fails: a prediction is answered, an outcome is not acknowledged', async () => {
    const log = new MemoryLog()
    log.failure = new Error('disk full')
    const events: DeploymentEvent[] = []
    const registry = await registryOf()
    const deployment = await Deployment.open({ registry, model: name, alias, log })
    deployment.on((event) => events.push(event))
    expect((await deployment.predict([flight])).predictions).toHaveLength(1)
    await expect(deployment.recordOutcome('b.1', 1)).rejects.toBe(log.failure)
    expect(events).toMatchObject([
      { type: 'log-failed', kind: 'prediction', error: log.failure },
      { type: 'log-failed', kind: 'outcome', error: log.failure },
    ])
    const audited = await Deployment.open({ registry, model: name, alias, log, onLogFailure: 'reject' })
    await expect(audited.predict([flight])).rejects.toBe(log.failure)
    expect(audited.stats()).toMatchObject({ requests: 0, errors: 1 })
  })
})

describe('a model that does not answer', () => {
  const answers: [string, (rows: number) => ReturnType<NonNullable<TamperedLoader['tamper']>>][] = [
    ['NaN', (rows) => ({ probability: { shape: [rows, 1], data: new Float32Array(rows).fill(Number.NaN) } })],
    ['an infinity', (rows) => ({ probability: { shape: [rows, 1], data: new Float32Array(rows).fill(Number.NEGATIVE_INFINITY) } })],
    ['too few rows', (rows) => ({ probability: { shape: [rows - 1, 1], data: new Float32Array(rows - 1) } })],
    ['another output', (rows) => ({ value: { shape: [rows, 1], data: new Float32Array(rows) } })],
  ]

  it.each(answers)('but gives %s is an error and never an answer', async (_, answer) => {
    const [loader, monitor, log] = [new TamperedLoader(), new MemoryMonitor(), new MemoryLog()]
    const deployment = await Deployment.open({
      registry: await registryOf(),
      model: name,
      alias,
      models: [loader],
      monitors: [monitor],
      log,
    })
    const events: DeploymentEvent[] = []
    deployment.on((event) => events.push(event))
    loader.tamper = () => answer(1)
    await expect(deployment.predict([flight])).rejects.toMatchObject({ code: 'MODEL_INVALID' })
    loader.tamper = () => answer(300)
    await expect(deployment.predictBatch(batch)).rejects.toMatchObject({ code: 'MODEL_INVALID' })
    expect(deployment.stats()).toMatchObject({ requests: 0, errors: 2, inFlight: 0 })
    expect(monitor.failures.map(({ rows }) => rows)).toEqual([1, 300])
    expect(events.map(({ type }) => type)).toEqual(['prediction-failed', 'prediction-failed'])
    expect([log.records, monitor.predictions]).toEqual([[], []])
    loader.tamper = undefined
    expect((await deployment.predict([flight])).predictions).toHaveLength(1)
  })

  it('in time is cut off at the deadline, and the version stays until it has ended', async () => {
    const loader = new TamperedLoader()
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, models: [loader] })
    let finish = (): void => {}
    loader.tamper = (answer) =>
      new Promise((resolve) => {
        finish = () => resolve(answer())
      })
    await expect(deployment.predict([flight], { deadlineMs: 20 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      details: { deadlineMs: 20 },
    })
    await deployment.close()
    expect(loader.open).toBe(1)
    finish()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(loader.open).toBe(0)
  })

  it('too late is not taken for an answer', async () => {
    const loader = new TamperedLoader()
    let time = 0
    const clock = { now: () => 0, monotonicMs: () => time, sleep: () => new Promise<void>(() => {}) }
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, models: [loader], clock })
    loader.tamper = (answer) => {
      time += 50
      return answer()
    }
    await expect(deployment.predict([flight], { deadlineMs: 49 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect((await deployment.predict([flight], { deadlineMs: 50 })).predictions).toHaveLength(1)
  })

  it('is none when the log does not take it in time', async () => {
    const log = new MemoryLog()
    log.append = () => new Promise(() => {})
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, log })
    const events: DeploymentEvent[] = []
    deployment.on((event) => events.push(event))
    await expect(deployment.predict([flight], { deadlineMs: 20 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(deployment.stats()).toMatchObject({ requests: 0, errors: 1, inFlight: 0 })
    expect(events.map(({ type }) => type)).toEqual(['prediction-failed'])
    const controller = new AbortController()
    const answer = deployment.predict([flight], { signal: controller.signal })
    const reason = new Error('the client has gone')
    setTimeout(() => controller.abort(reason), 5)
    await expect(answer).rejects.toBe(reason)
    expect(deployment.stats()).toMatchObject({ requests: 0, errors: 1, inFlight: 0 })
  })

  it('is left when the caller aborts: the reason comes back, and no error is counted', async () => {
    const loader = new TamperedLoader()
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, models: [loader] })
    loader.tamper = () => new Promise(() => {})
    const controller = new AbortController()
    const answer = deployment.predict([flight], { signal: controller.signal })
    const reason = new Error('the client has gone')
    setTimeout(() => controller.abort(reason), 5)
    await expect(answer).rejects.toBe(reason)
    expect(deployment.stats()).toMatchObject({ errors: 0, rejected: 0, requests: 0, inFlight: 0 })
    await expect(deployment.predict([flight], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('the statistics of a deployment', () => {
  it('count calls and rows, and measure durations within 5 %', async () => {
    const loader = new TamperedLoader()
    let time = 0
    const clock = { now: () => 0, monotonicMs: () => time, sleep: async () => {} }
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, models: [loader], clock })
    expect(deployment.stats()).toEqual({ requests: 0, rows: 0, rejected: 0, errors: 0, inFlight: 0, p50Ms: undefined, p99Ms: undefined })
    for (let call = 1; call <= 100; call++) {
      loader.tamper = (answer) => {
        time += call
        return answer()
      }
      await deployment.predict([flight])
    }
    const { p50Ms = 0, p99Ms = 0, ...counts } = deployment.stats()
    expect(counts).toEqual({ requests: 100, rows: 100, rejected: 0, errors: 0, inFlight: 0 })
    expect(Math.abs(p50Ms - 50) / 50).toBeLessThan(0.05)
    expect(Math.abs(p99Ms - 99) / 99).toBeLessThan(0.05)
  })
})
