import { Pipeline, Registry } from 'millrace'
import { atLeast, evaluate, gate } from 'millrace/evaluate'
import { standardize } from 'millrace/features'
import { ingest, rows } from 'millrace/ingest'
import { logisticRegression } from 'millrace/learners'
import { compareRuns, readRun } from 'millrace/pipeline'
import { prepare, split } from 'millrace/prepare'
import { register } from 'millrace/registry'
import { MemoryStorage } from 'millrace/storage'
import { train } from 'millrace/train'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { collector } from './support/stages.ts'

const schema = z.object({ at: z.date(), size: z.number(), late: z.boolean() })
const deliveries = Array.from({ length: 400 }, (_, index) => ({
  at: new Date(Date.UTC(2001, 0, 1, index)),
  size: (index * 7) % 50,
  late: (index * 7) % 50 > 25 !== (index % 9 === 0),
}))

const flow = (registry: Registry, l2: number) =>
  new Pipeline('deliveries')
    .pipe(ingest({ source: rows(deliveries), schema }))
    .pipe(split({ by: 'at', test: 0.25 }))
    .pipe(prepare({ target: 'late', features: { size: standardize() } }))
    .pipe(train({ learner: logisticRegression({ l2 }) }))
    .pipe(evaluate({ metrics: ['auc', 'log-loss'] }))
    .pipe(gate([atLeast('auc', 0.5)]))
    .pipe(register({ registry, name: 'deliveries' }))

describe('lineage', () => {
  it('leads from a version to its run, and from the run to its version and its figures', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const { events, onEvent } = collector()
    const { id, output } = await flow(registry, 1).run({ storage, onEvent })
    const version = await registry.version('deliveries', output.version.version)
    expect(version.lineage).toMatchObject({ runId: id })
    const record = await readRun(storage, id)
    const stages = new Map(record.stages.map((stage) => [stage.name, stage]))
    expect(stages.get('register')?.artifacts).toEqual([{ kind: 'model-version', name: 'deliveries', reference: '1' }])
    expect(stages.get('evaluate')?.metrics).toEqual({
      auc: output.evaluation.metrics.auc?.value,
      'log-loss': output.evaluation.metrics['log-loss']?.value,
    })
    const epochs = events.flatMap((event) => (event.type === 'stage-metrics' && event.stage === 'train' ? [event] : []))
    expect(epochs.map(({ step, values }) => ({ epoch: step, ...values }))).toEqual(output.history)
    expect(stages.get('train')?.metrics?.loss).toBe(output.history.at(-1)?.loss)
  })

  it('says of two runs in what they differ: the parameter, the figures and the model', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const left = await flow(registry, 1).run({ storage })
    const right = await flow(registry, 100).run({ storage })
    const { parameters, metrics, data, code } = compareRuns(left.record, right.record)
    expect(parameters).toEqual({ 'train.parameters.parameters.l2': { left: 1, right: 100 } })
    expect(Object.keys(metrics)).toContain('evaluate.log-loss')
    expect(Object.keys(data)).toEqual(['evaluate.input', 'gate.input', 'register.input'])
    expect(code).toEqual({})
  })
})
