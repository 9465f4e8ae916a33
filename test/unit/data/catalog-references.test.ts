import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import { Catalog } from '../../../src/data/catalog.ts'
import { catalogReferences } from '../../../src/data/catalog-references.ts'
import { selectRows } from '../../../src/data/dataset-views.ts'
import type { StoredDataset } from '../../../src/data/stored-dataset.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import { collectBlobs } from '../../../src/storage/blob-collection.ts'
import { blobKey } from '../../../src/storage/blobs.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { columnFrom } from './tables.ts'

const datasetOf = (storage: MemoryStorage, values: readonly number[]): Promise<StoredDataset> =>
  writeDataset(storage, [{ name: 'x', kind: 'number', nullable: false }], [batchOf({ x: columnFrom('number', values) })])

async function valuesOf(dataset: StoredDataset): Promise<number[]> {
  const values: number[] = []
  for await (const batch of dataset.batches()) for (let row = 0; row < batch.numRows; row++) values.push(batch.getChildAt(0)?.get(row))
  return values
}

const collect = (storage: MemoryStorage) => collectBlobs(storage, { references: [catalogReferences(storage)], olderThanMs: 0 })

describe('catalogReferences', () => {
  it('keeps every version with all that it needs, and lets go what was never named', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    const rows = Array.from({ length: 1_000 }, (_, row) => row)
    const odd = await selectRows(
      await datasetOf(storage, rows),
      Uint8Array.from(rows, (row) => row % 2),
    )
    expect(odd.selection?.form).toBe('bitmap')
    await catalog.tag('flights', odd, 'odd')
    await catalog.tag('flights', await datasetOf(storage, [5]))
    await datasetOf(storage, [6, 7])
    expect((await collect(storage)).collected.blobs).toBe(2)
    expect(await valuesOf(await catalog.open('flights', 'odd'))).toEqual(rows.filter((row) => row % 2 === 1))
    expect(await valuesOf(await catalog.open('flights', 2))).toEqual([5])
  })

  it('names a manifest that is gone and goes on, and throws for one that is damaged', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    const gone = await datasetOf(storage, [1])
    await catalog.tag('flights', gone)
    await catalog.tag('weather', await datasetOf(storage, [2]))
    await storage.delete(blobKey(gone.manifestDigest))
    // Its chunk is of no use without it.
    expect((await collect(storage)).collected.blobs).toBe(1)
    expect(await valuesOf(await catalog.open('weather'))).toEqual([2])
    await storage.put(blobKey(gone.manifestDigest), Uint8Array.of(1))
    await expect(collect(storage)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
  })

  it('names a data version only when its blobs are there to stay', async () => {
    const storage = new MemoryStorage()
    const catalog = new Catalog({ storage })
    const lost = await datasetOf(storage, [1])
    // A collector takes the chunk between the opening of the dataset and the entry of the log.
    const put = storage.putIfAbsent.bind(storage)
    let isFirst = true
    storage.putIfAbsent = async (key, bytes, options) => {
      if (key.startsWith('catalog/') && isFirst) {
        isFirst = false
        await collect(storage)
      }
      await put(key, bytes, options)
    }
    const refused = await catalog.tag('flights', lost).catch((error: unknown) => error)
    expect(MillraceError.is(refused, 'STORAGE_NOT_FOUND')).toBe(true)
    const again = await datasetOf(storage, [1])
    expect(again.digest).toBe(lost.digest)
    await catalog.tag('flights', again)
    expect((await collect(storage)).collected.blobs).toBe(0)
    expect(await valuesOf(await catalog.open('flights'))).toEqual([1])
  })
})
