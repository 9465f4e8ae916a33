import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import { Catalog } from '../../../src/data/catalog.ts'
import { compareDatasets } from '../../../src/data/compare-datasets.ts'
import { sliceDataset, withColumn } from '../../../src/data/dataset-views.ts'
import type { StoredDataset } from '../../../src/data/stored-dataset.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { columnFrom } from './tables.ts'

const datasetOf = (storage: MemoryStorage, values: readonly number[]): Promise<StoredDataset> =>
  writeDataset(storage, [{ name: 'x', kind: 'number', nullable: false }], [batchOf({ x: columnFrom('number', values) })])
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
}

describe('Catalog', () => {
  it('names data versions, opens them by number and tag, and lists them', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    const may = await datasetOf(storage, [1, 2])
    const june = await datasetOf(storage, [1, 2, 3])
    expect(await catalog.tag('flights', may, 'may', { note: 'first' })).toMatchObject({
      version: 1,
      tag: 'may',
      rowCount: 2,
      digest: may.digest,
      note: 'first',
    })
    expect(await catalog.tag('flights', june.manifestDigest, 'june')).toMatchObject({ version: 2, digest: june.digest })
    const elsewhere = new Catalog({ storage })
    expect((await elsewhere.open('flights')).digest).toBe(june.digest)
    expect((await elsewhere.open('flights', 1)).digest).toBe(may.digest)
    expect((await elsewhere.open('flights', 'may')).digest).toBe(may.digest)
    expect((await elsewhere.list('flights')).map(({ version, tag }) => [version, tag])).toEqual([
      [1, 'may'],
      [2, 'june'],
    ])
    await elsewhere.tag('weather', may)
    expect(await elsewhere.names()).toEqual(['flights', 'weather'])
    expect(await elsewhere.list('nothing')).toEqual([])
  })

  it('does nothing when the newest version has the same data and tag', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    const data = await datasetOf(storage, [1])
    await catalog.tag('flights', data, 'june')
    expect((await catalog.tag('flights', data, 'june')).version).toBe(1)
    expect((await catalog.tag('flights', data)).version).toBe(1)
    expect((await catalog.tag('flights', data, 'july')).version).toBe(2)
  })

  it('goes back by a new version with the old data, and forgets nothing', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    const good = await datasetOf(storage, [1])
    await catalog.tag('flights', good, 'live')
    await catalog.tag('flights', await datasetOf(storage, [9]), 'live')
    expect(await catalog.revert('flights', 1, { note: 'bad feed' })).toMatchObject({
      version: 3,
      digest: good.digest,
      revertOf: 1,
      note: 'bad feed',
    })
    expect((await catalog.open('flights', 'live')).digest).toBe(good.digest)
    expect(await catalog.list('flights')).toHaveLength(3)
  })

  it('lets many writers tag at once without a gap', async () => {
    const storage = new MemoryStorage()
    const datasets = await Promise.all(Array.from({ length: 8 }, (_, index) => datasetOf(storage, [index])))
    await Promise.all(datasets.map((dataset) => new Catalog({ storage }).tag('flights', dataset)))
    expect((await new Catalog({ storage }).list('flights')).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('copies a dataset of another storage, so that it can be opened here', async () => {
    const catalog = new Catalog({ storage: new MemoryStorage() })
    await catalog.tag('flights', await datasetOf(new MemoryStorage(), [4, 5]))
    expect(await (await catalog.open('flights')).head(1)).toEqual([{ x: 4 }])
  })

  it('says what there is when a version is not there', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    expect(await codeOf(catalog.open('flights'))).toBe('DATASET_NOT_FOUND')
    await catalog.tag('flights', await datasetOf(storage, [1]), 'june')
    await expect(catalog.open('flights', 'juli')).rejects.toThrow('versions 1 to 1 and the tags june')
    expect(await codeOf(catalog.open('flights', 2))).toBe('DATASET_NOT_FOUND')
    expect(await codeOf(catalog.open('flights', 0))).toBe('DATASET_NOT_FOUND')
    expect(await codeOf(catalog.revert('flights', 5))).toBe('DATASET_NOT_FOUND')
    expect(await codeOf(catalog.tag('Not A Key', await datasetOf(storage, [1])))).toBe('STORAGE_INVALID_KEY')
    expect(await codeOf(catalog.tag('flights', 'f'.repeat(64)))).toBe('STORAGE_NOT_FOUND')
  })

  it('compares versions by columns, rows and chunks', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    const before = await datasetOf(storage, [1, 2])
    const after = await withColumn(await datasetOf(storage, [1, 3]), { name: 'y', kind: 'boolean', nullable: false }, [
      batchOf({ y: columnFrom('boolean', [true, false]) }),
    ])
    await catalog.tag('flights', before)
    await catalog.tag('flights', after)
    expect(await catalog.compare('flights', 1, 2)).toEqual({
      equal: false,
      rowCounts: [2, 2],
      added: [{ name: 'y', kind: 'boolean', nullable: false }],
      removed: [],
      retyped: [],
      changed: [{ name: 'x', chunks: 1 }],
    })
    expect(await catalog.compare('flights', 1, 1)).toMatchObject({ equal: true, changed: [] })
    expect(compareDatasets(before, await sliceDataset(before, 0, 1))).toMatchObject({ equal: false, rowCounts: [2, 1], changed: undefined })
  })
})
