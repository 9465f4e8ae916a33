import { describe, expect, test } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import { Catalog } from '../../../src/data/catalog.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import { Pipeline } from '../../../src/pipeline/pipeline.ts'
import { Stage } from '../../../src/pipeline/stage.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { samplePackage } from '../../../src/testing/sample-package.ts'
import { columnFrom } from '../data/tables.ts'
import { packageNamed } from './registry-fixtures.ts'

describe('the lineage of a version', () => {
  test('leads up to its data by name, its code, its packages and the record of its run', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const columns = [{ name: 'x', kind: 'number', nullable: false }] as const
    const dataset = await writeDataset(storage, columns, [batchOf({ x: columnFrom('number', [1, 2, 3]) })])
    const catalog = new Catalog({ storage })
    await catalog.tag('flights', dataset, 'june')
    await catalog.tag('copies', dataset)
    const pipeline = new Pipeline('delay').pipe(new Stage({ name: 'one', version: '1', run: () => 1 }))
    await pipeline.run({ storage, id: 'run-a', tags: { host: 'trainer-2' } })
    await registry.register('delay', samplePackage('a', { dataDigest: dataset.digest }))
    expect(await registry.lineage('delay', 1)).toMatchObject({
      name: 'delay',
      version: 1,
      data: {
        dataset: {
          digest: dataset.digest,
          names: [
            { name: 'copies', version: 1, tag: null },
            { name: 'flights', version: 1, tag: 'june' },
          ],
        },
        train: { digest: samplePackage('a').manifest.lineage.trainDigest, names: [] },
      },
      codeVersion: null,
      packages: { millrace: '1.0.0' },
      parameters: { epochs: 5 },
      runId: 'run-a',
      run: { id: 'run-a', pipeline: 'delay', outcome: 'succeeded', tags: { host: 'trainer-2' } },
      aliases: [],
      deployments: [],
    })
  })

  test('has no record of a run that was elsewhere, or that has an id of another library', async () => {
    const registry = new Registry({ storage: new MemoryStorage() })
    const foreign = samplePackage('x')
    await registry.register('delay', foreign)
    await registry.register('delay', samplePackage('Weird/Id'))
    expect(await registry.lineage('delay', 1)).toMatchObject({ runId: 'run-x', run: null })
    expect(await registry.lineage('delay', 2)).toMatchObject({ runId: 'run-Weird/Id', run: null })
  })

  test('leads down to the aliases that it served under, from when to when', async () => {
    const clock = new FakeClock({ now: 0 })
    const registry = new Registry({ storage: new MemoryStorage(), clock })
    for (const name of ['a', 'b']) await registry.register('delay', packageNamed(name))
    const at = async (now: number, act: () => Promise<unknown>): Promise<void> => {
      clock.setNow(now)
      await act()
    }
    await at(10, () => registry.setAlias('delay', 'champion', 1, { reason: 'first', by: 'ann' }))
    await at(20, () => registry.setAlias('delay', 'shadow', 1))
    await at(30, () => registry.setAlias('delay', 'champion', 2))
    await at(40, () => registry.rollback('delay', 'champion', { reason: 'complaints' }))
    await at(50, () => registry.removeAlias('delay', 'champion'))
    expect((await registry.lineage('delay', 1)).aliases).toEqual([
      { alias: 'champion', from: 10, to: 30, reason: 'first', by: 'ann' },
      { alias: 'shadow', from: 20, to: null, reason: null, by: null },
      { alias: 'champion', from: 40, to: 50, reason: 'complaints', by: null },
    ])
    expect((await registry.lineage('delay', 2)).aliases).toEqual([{ alias: 'champion', from: 30, to: 40, reason: null, by: null }])
  })

  test('leads down to where it was at work, each place once', async () => {
    const storage = new MemoryStorage()
    const clock = new FakeClock({ now: 5 })
    const registry = new Registry({ storage, clock })
    await registry.register('delay', packageNamed('a'))
    await registry.recordDeployment('delay', 1, { deployment: 'checkout-api', by: 'ann' })
    for (let start = 0; start < 5; start++)
      await new Registry({ storage, random: createRandom(start) }).recordDeployment('delay', 1, { deployment: 'checkout-api' })
    clock.setNow(9)
    await registry.recordDeployment('delay', 1, { deployment: 'batch scores' })
    expect((await registry.lineage('delay', 1)).deployments).toEqual([
      { deployment: 'batch scores', time: 9, by: null },
      { deployment: 'checkout-api', time: 5, by: 'ann' },
    ])
    for (let place = 0; place < 150; place++) await registry.recordDeployment('delay', 1, { deployment: `place-${place}` })
    expect((await registry.lineage('delay', 1)).deployments).toHaveLength(100)
    await expect(registry.recordDeployment('delay', 2, { deployment: 'x' })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    for (const deployment of ['', 'x'.repeat(300)])
      await expect(registry.recordDeployment('delay', 1, { deployment })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })
})
