import { mapConcurrently } from '../core/concurrency.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { expectSame, expectThat } from './conformance.ts'
import type { StorageCase, StorageConformanceOptions } from './storage-case.ts'
import { bytesOf, entriesOf, keysOf } from './storage-conformance-tools.ts'

const writesAtOnce = 16

/** Long lists, and lists that are read a part at a time. */
export function pageCases(options: StorageConformanceOptions): readonly StorageCase[] {
  const many = options.manyKeys ?? 1200
  return [
    {
      name: 'lists more keys than fit one page, whole and below a prefix',
      async run(storage) {
        const keys = Array.from({ length: many }, (_, index) => `many/${index % 7}/${numbered(index)}`).sort()
        await write(storage, keys)
        const entries = keys.map((key) => ({ key, sizeBytes: key.length }))
        expectSame('all entries', await entriesOf(storage, ''), entries)
        const below = keys.filter((key) => key.startsWith('many/3/'))
        expectSame('the keys below "many/3"', await keysOf(storage, 'many/3'), below)
        const limit = Math.floor(many * 0.9)
        expectSame('the first of them', await keysOf(storage, 'many', { limit }), keys.slice(0, limit))
        expectSame('the rest', await keysOf(storage, 'many', { after: keys[limit - 1] as string }), keys.slice(limit))
      },
    },
    {
      name: 'pages through many keys without missing or repeating one',
      async run(storage) {
        const keys = Array.from({ length: 57 }, (_, index) => `page/${index % 3}/${numbered(index)}`).sort()
        await write(storage, keys)
        for (const limit of [1, 10, 19, 57, 58]) expectSame(`pages of ${limit}`, await pages(storage, 'page', limit), keys)
      },
    },
    {
      name: 'pages in the order of whole keys, not of their segments',
      async run(storage) {
        // By segments, `a` comes before `a-b` and `a.b`; by whole keys, `-` and `.` come before `/`.
        const keys = ['a-b', 'a.b/x', 'a/x', 'a0/x']
        await write(storage, [...keys].reverse())
        expectSame('the keys', await keysOf(storage, ''), keys)
        for (const limit of [1, 2, 3]) expectSame(`pages of ${limit}`, await pages(storage, '', limit), keys)
        expectSame('behind "a-b"', await keysOf(storage, '', { after: 'a-b' }), ['a.b/x', 'a/x', 'a0/x'])
      },
    },
    {
      name: 'gives every key that was there all along while others come and go between pages',
      async run(storage) {
        const kept = Array.from({ length: 40 }, (_, index) => `page/${numbered(index * 2)}`)
        await write(storage, kept)
        const [before, behind] = [`page/${numbered(0)}`, `page/${numbered(99)}`]
        let turn = 0
        const seen = await pages(storage, 'page', 5, async (last) => {
          turn++
          // More behind each page for ever would be a list without an end.
          if (turn > 6) return
          await write(storage, [`${last.slice(0, behind.length)}-new`, `${behind}-${turn}`, `${before}-${turn}`])
          await storage.delete(`${before}-${turn - 1}`)
          await storage.delete(`${behind}-${turn - 1}`)
        })
        const foreign = seen.filter((key) => !kept.includes(key) && !/^page\/\d{6}-(new|\d+)$/.test(key))
        expectSame('keys that nobody wrote', foreign, [])
        expectThat(
          'the order',
          seen.every((key, index) => index === 0 || key > (seen[index - 1] as string)),
          'ascending',
          seen.join(' '),
        )
        expectSame(
          'the keys that stayed',
          seen.filter((key) => kept.includes(key)),
          kept,
        )
      },
    },
    {
      name: 'gives every key that was there all along while others are written',
      async run(storage) {
        const kept = Array.from({ length: 60 }, (_, index) => `page/${numbered(index * 3)}`)
        await write(storage, kept)
        let listing = true
        const writer = async (offset: number): Promise<void> => {
          for (let index = 0; index < 200 && listing; index++) {
            const key = `page/${numbered(((index * 7) % 60) * 3 + offset)}`
            await storage.put(key, bytesOf(key))
            await storage.delete(key)
          }
        }
        const writing = Promise.allSettled([writer(1), writer(2)])
        try {
          for (let turn = 0; turn < 3; turn++) {
            for (const seen of [await keysOf(storage, 'page'), await pages(storage, 'page', 7)]) {
              const ascending = seen.every((key, index) => index === 0 || key > (seen[index - 1] as string))
              expectThat('the order', ascending, 'ascending', seen.join(' '))
              expectSame(
                'the keys that stayed',
                seen.filter((key) => kept.includes(key)),
                kept,
              )
            }
          }
        } finally {
          listing = false
        }
        for (const outcome of await writing) if (outcome.status === 'rejected') throw outcome.reason
      },
    },
  ]
}

function numbered(index: number): string {
  return String(index).padStart(6, '0')
}

async function write(storage: StorageAdapter, keys: readonly string[]): Promise<void> {
  await mapConcurrently(keys, writesAtOnce, (key) => storage.put(key, bytesOf(key)))
}

/** All keys below a prefix, a page at a time. */
async function pages(
  storage: StorageAdapter,
  prefix: string,
  limit: number,
  between: (last: string) => Promise<void> = async () => {},
): Promise<string[]> {
  const seen: string[] = []
  for (let page = await keysOf(storage, prefix, { limit }); page.length > 0; ) {
    expectThat('the length of a page', page.length <= limit, `at most ${limit}`, String(page.length))
    seen.push(...page)
    const after = page.at(-1) as string
    await between(after)
    page = await keysOf(storage, prefix, { limit, after })
  }
  return seen
}
