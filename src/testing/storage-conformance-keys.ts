import { expectCode, expectSame, expectThat } from './conformance.ts'
import type { StorageCase, StorageConformanceOptions } from './storage-case.ts'
import { bytesOf, collect, entriesOf, keysOf } from './storage-conformance-tools.ts'

const goodKeys = [
  'a',
  '0',
  'a/b/c/d/e',
  'a-b_c.d',
  'models/churn/log/0000000000000001',
  'x'.repeat(128),
  `${'x'.repeat(100)}/${'y'.repeat(100)}/${'z'.repeat(100)}`,
  'a..b',
  'con-stant',
]

const badKeys = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  'a/../b',
  'a/./b',
  '.hidden',
  'a/.tmp-1-x',
  'trailing.',
  '-a',
  'a-',
  '_a',
  'Upper',
  'a b',
  'a\\b',
  'a\0b',
  'a\nb',
  'a%2fb',
  'a:b',
  'é',
  'x'.repeat(129),
  'constructor',
  'a/prototype',
  '__proto__',
  'a/'.repeat(300).concat('a'),
]

/** What keys are, and that none is the folder of another. */
export function keyCases(options: StorageConformanceOptions): readonly StorageCase[] {
  return [
    {
      name: 'takes every key that fits',
      async run(storage) {
        for (const key of goodKeys.filter((candidate) => candidate !== 'a')) {
          await storage.putIfAbsent(key, bytesOf(key))
          expectSame(`"${key}"`, (await storage.get(key))?.bytes, bytesOf(key))
        }
        expectSame('their number', (await collect(storage.list(''))).length, goodKeys.length - 1)
      },
    },
    {
      name: 'refuses every key that does not fit, in every method',
      async run(storage) {
        for (const key of badKeys) {
          const shown = JSON.stringify(key.slice(0, 40))
          await expectCode(`get of ${shown}`, () => storage.get(key), 'STORAGE_INVALID_KEY')
          await expectCode(`putIfAbsent of ${shown}`, () => storage.putIfAbsent(key, bytesOf('x')), 'STORAGE_INVALID_KEY')
          await expectCode(`put of ${shown}`, () => storage.put(key, bytesOf('x')), 'STORAGE_INVALID_KEY')
          await expectCode(`delete of ${shown}`, () => storage.delete(key), 'STORAGE_INVALID_KEY')
          await expectCode(`list after ${shown}`, () => collect(storage.list('', { after: key })), 'STORAGE_INVALID_KEY')
          if (key !== '') await expectCode(`list of ${shown}`, () => collect(storage.list(key)), 'STORAGE_INVALID_KEY')
        }
        expectSame('the entries', await entriesOf(storage, ''), [])
      },
    },
    {
      name: 'refuses a key that is the folder of another, and one below an object',
      async run(storage) {
        await storage.putIfAbsent('q/child', bytesOf('child'))
        await storage.putIfAbsent('p', bytesOf('p'))
        for (const key of ['q', 'p/child', 'p/child/deeper']) {
          await expectCode(`putIfAbsent of "${key}"`, () => storage.putIfAbsent(key, bytesOf('x')), 'STORAGE_INVALID_KEY')
          await expectCode(`put of "${key}"`, () => storage.put(key, bytesOf('x')), 'STORAGE_INVALID_KEY')
          expectSame(`get of "${key}"`, await storage.get(key), undefined)
          await storage.delete(key)
        }
        expectSame('the child', (await storage.get('q/child'))?.bytes, bytesOf('child'))
        expectSame('the object', (await storage.get('p'))?.bytes, bytesOf('p'))
      },
    },
    {
      name: 'refuses one of a key and those below it when they are created at once',
      skip: options.racedFolderIsRefused === false ? 'the store has no folders, and cannot tell such writers apart' : undefined,
      async run(storage) {
        for (let round = 0; round < 20; round++) {
          const folder = `raced/${round}`
          const keys = [folder, `${folder}/child`, `${folder}/child-too`, `${folder}/deep/child`]
          const ordered = round % 2 === 0 ? keys : [...keys].reverse()
          const outcomes = await Promise.allSettled(ordered.map((key) => storage.putIfAbsent(key, bytesOf(key))))
          const created = ordered.filter((_, index) => outcomes[index]?.status === 'fulfilled').sort()
          for (const outcome of outcomes) {
            if (outcome.status === 'rejected') await expectCode('a loser', () => Promise.reject(outcome.reason), 'STORAGE_INVALID_KEY')
          }
          expectThat('the keys that were created', !created.includes(folder) || created.length === 1, 'one side', created.join(' '))
          const there = (await keysOf(storage, 'raced')).filter((key) => key === folder || key.startsWith(`${folder}/`))
          expectSame('the keys that are there', there, created)
        }
      },
    },
    {
      name: 'has a key free again when all below it are deleted',
      skip: options.emptiedFolderIsFree === false ? 'the store keeps emptied folders' : undefined,
      async run(storage) {
        await storage.putIfAbsent('q/child/deep', bytesOf('child'))
        await storage.delete('q/child/deep')
        await storage.putIfAbsent('q', bytesOf('q'))
        expectSame('the object', (await storage.get('q'))?.bytes, bytesOf('q'))
        await storage.delete('q')
        await storage.put('q/child', bytesOf('child'))
        await storage.delete('q/child')
        await storage.put('q', bytesOf('again'))
        expectSame('the object', (await storage.get('q'))?.bytes, bytesOf('again'))
      },
    },
  ]
}
