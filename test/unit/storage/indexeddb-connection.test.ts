import { expect, test } from 'vitest'
import { Connection } from '../../../src/storage/indexeddb/connection.ts'

type Handler = (() => void) | null
type FakeDatabase = Pick<IDBDatabase, 'close' | 'transaction'> & { onclose: Handler; onversionchange: Handler; readonly number: number }

/** A platform whose databases do nothing but open and close. */
function platform(): { readonly factory: IDBFactory; readonly opened: FakeDatabase[] } {
  const opened: FakeDatabase[] = []
  const open = (): object => {
    let isOpen = true
    const database = {
      number: opened.length + 1,
      onclose: null,
      onversionchange: null,
      objectStoreNames: { contains: () => true },
      close: () => {
        isOpen = false
      },
      transaction: () => {
        if (!isOpen) throw Object.assign(new Error('closed'), { name: 'InvalidStateError' })
        return { objectStore: () => database }
      },
    }
    opened.push(database as unknown as FakeDatabase)
    const request: { result: object; onsuccess: Handler } = { result: database, onsuccess: null }
    queueMicrotask(() => request.onsuccess?.())
    return request
  }
  return { factory: { open } as unknown as IDBFactory, opened }
}

const use = (connection: Connection): Promise<number> =>
  connection.useStore('readonly', async (store) => (store as unknown as FakeDatabase).number)

test.each(['onclose', 'onversionchange'] as const)('a late %s of an old connection leaves the newer one in use', async (event) => {
  const { factory, opened } = platform()
  const connection = new Connection('test', factory)
  expect(await use(connection)).toBe(1)
  await connection.close()
  expect(await use(connection)).toBe(2)
  opened[0]?.[event]?.()
  expect(await use(connection)).toBe(2)
  expect(opened).toHaveLength(2)
})

test.each(['onclose', 'onversionchange'] as const)('a connection that is told %s is opened again by the next call', async (event) => {
  const { factory, opened } = platform()
  const connection = new Connection('test', factory)
  await use(connection)
  opened[0]?.[event]?.()
  expect(await use(connection)).toBe(2)
})
