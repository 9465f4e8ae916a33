// The registry on IndexedDB against its specification: one connection each, in one page. Three tabs are in test/proof/indexeddb-tabs.test.ts.
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import { describe, test } from 'vitest'
import { answersAsSpecified, isLinearizableInAnyOrder } from '../proof/support/registry-model.ts'

let count = 0
const open = (): Promise<IndexedDbStorage> => IndexedDbStorage.open(`millrace-registry-model-${performance.timeOrigin}-${count++}`)

describe('a registry on IndexedDB', () => {
  test('answers as a list of versions and a stack for each alias would', async () => {
    await answersAsSpecified(open, { runs: 10, maxCommands: 30 })
  })

  test('is linearizable in whatever order its operations are served', async () => {
    await isLinearizableInAnyOrder(open, { runs: 15, clients: 3, callsEach: 5, faults: 0 })
  })

  test('is so while storage fails, loses requests and replies, and applies writes late', async () => {
    await isLinearizableInAnyOrder(open, { runs: 15, clients: 3, callsEach: 5, faults: 0.05 })
  })
})
