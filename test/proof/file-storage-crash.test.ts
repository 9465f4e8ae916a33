import { describe, expect, test } from 'vitest'
import type { Random } from '../../src/core/random.ts'
import { createRandom } from '../../src/core/random.ts'
import type { FileSystem } from '../../src/storage/file/file-system.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { linkedOver, namedBeforeSync, unlinkedFirst, withHandles, writtenInPart } from './support/broken-files.ts'
import { crashStates } from './support/crash-states.ts'
import type { FoundStore } from './support/crash-store.ts'
import { bytesOf, CallHistory, interleaved, killedBefore, observeStore, outcomeOf, storeRoot, textOf } from './support/crash-store.ts'
import type { Enumerated } from './support/enumerate-crashes.ts'
import { enumerateCrashes, noneYet } from './support/enumerate-crashes.ts'
import { ModelledFiles } from './support/modelled-files.ts'
import { size } from './support/size.ts'

/** States of one moment; where there are more, so many are picked. */
const limit = size(256, 1024)
const seeds = size(8, 400)

interface Scenario {
  readonly name: string
  readonly keys: readonly string[]
  /** What is there before, acknowledged. */
  readonly before?: (history: CallHistory, storage: FileStorage) => Promise<void>
  readonly change: (history: CallHistory, storage: FileStorage) => Promise<void>
}

const key = 'models/churn/log/1'
const scenarios: readonly Scenario[] = [
  { name: 'put of a new object', keys: [key], change: (history, storage) => history.put(storage, key, 'new value') },
  {
    name: 'put over an object',
    keys: [key],
    before: (history, storage) => history.put(storage, key, 'an old value'),
    change: (history, storage) => history.put(storage, key, 'new value'),
  },
  { name: 'putIfAbsent of a new object', keys: [key], change: (history, storage) => history.putIfAbsent(storage, key, 'new value') },
  {
    name: 'putIfAbsent that conflicts',
    keys: [key],
    before: (history, storage) => history.putIfAbsent(storage, key, 'an old value'),
    change: (history, storage) => history.putIfAbsent(storage, key, 'new value'),
  },
  {
    name: 'delete',
    keys: [key],
    before: (history, storage) => history.put(storage, key, 'an old value'),
    change: (history, storage) => history.delete(storage, key),
  },
  {
    name: 'several objects in folders that are made',
    keys: ['a/1', 'a/b/2', 'a/b/3', 'c'],
    change: async (history, storage) => {
      for (const each of ['a/1', 'a/b/2', 'a/b/3', 'c']) await history.putIfAbsent(storage, each, `value of ${each}`)
    },
  },
  {
    name: 'an object where an emptied folder was, and back again',
    keys: ['q', 'q/x'],
    before: (history, storage) => history.put(storage, 'q/x', 'inner'),
    change: async (history, storage) => {
      await history.delete(storage, 'q/x')
      await history.putIfAbsent(storage, 'q', 'outer')
      await history.delete(storage, 'q')
      await history.put(storage, 'q/x', 'inner again')
    },
  },
]

interface CrashOptions {
  readonly links?: boolean
  /** Puts a mistake between the storage and the files. */
  readonly wrap?: (files: FileSystem) => FileSystem
}

/** Runs a scenario on a new file system, whole, then cuts the power at each moment of it, the opening included where nothing is there before. */
async function crash(scenario: Scenario, { links = true, wrap = (files) => files }: CrashOptions = {}): Promise<Enumerated> {
  const files = new ModelledFiles()
  files.links = links
  const history = new CallHistory(files)
  const storage = await FileStorage.open(storeRoot, { files: wrap(files.files) })
  await scenario.before?.(history, storage)
  const from = scenario.before === undefined ? 0 : files.steps.length
  await scenario.change(history, storage)
  return await enumerate(files, history, scenario.keys, from)
}

function enumerate(
  files: ModelledFiles,
  history: CallHistory,
  keys: readonly string[],
  from: number,
  into: Enumerated = noneYet(),
): Promise<Enumerated> {
  const observe = (found: ModelledFiles): Promise<FoundStore> => observeStore(found, keys)
  return enumerateCrashes({ files, from, limit, into, observe, judge: (found, steps) => history.judge(found, steps) })
}

const total = noneYet()

/** No violation, and more states than that were looked at: a proof that looked at nothing proves nothing. */
function expectNone(result: Enumerated, moreThan: number): void {
  expect(result.messages).toEqual([])
  expect(result.violations).toBe(0)
  expect(result.states).toBeGreaterThan(moreThan)
  total.states += result.states
  total.trees += result.trees
}

const row3 = 'row 3: power-loss states enumerated (unsynced data full/torn/zero/empty x subsets of directory operations): 0 violations'

describe.each([
  { on: 'a file system with hard links', links: true },
  { on: 'a file system without hard links', links: false },
])('on $on', ({ links }) => {
  for (const scenario of scenarios) {
    test(`${row3} in ${scenario.name}`, async () => expectNone(await crash(scenario, { links }), 1))
  }

  test(`${row3} in random calls of two writers at once`, async () => {
    const result = noneYet()
    const keys = ['log/1', 'log/2', 'hint']
    for (let seed = 0; seed < seeds; seed++) {
      const files = new ModelledFiles()
      files.links = links
      const history = new CallHistory(files)
      const writer = async (name: string): Promise<void> => {
        const random = createRandom(`${seed}:${name}`)
        const storage = await FileStorage.open(storeRoot, { files: interleaved(files, `${seed}:${name}`) })
        for (let call = 0; call < 3; call++) await callAtRandom(history, storage, keys, `${name}${call}`, random)
      }
      await Promise.all([writer('a'), writer('b')])
      await enumerate(files, history, keys, 0, result)
    }
    expectNone(result, 100 * seeds)
  })

  test(`${row3} in calls of a writer that comes after one that was killed, at each moment of that`, async () => {
    const result = noneYet()
    const keys = ['log/1', 'hint']
    for (const first of ['putIfAbsent', 'put', 'delete'] as const) {
      for (const second of ['putIfAbsent', 'put', 'delete'] as const) {
        let ended = false
        for (let operation = 1; !ended; operation++) {
          const files = new ModelledFiles()
          files.links = links
          const history = new CallHistory(files)
          const other = await FileStorage.open(storeRoot, { files: files.files })
          if (first === 'delete') await history.put(other, 'log/1', 'old')
          const victim = killedBefore(files, operation)
          const work = FileStorage.open(storeRoot, { files: victim.files }).then((storage) =>
            history[first](storage, 'log/1', 'of the first'),
          )
          ended = (await Promise.race([victim.killed, work.then(() => 'ended')])) === 'ended'
          history.kill()
          const from = files.steps.length
          await history[second](other, 'log/1', 'of the second')
          await history.put(other, 'hint', 'written after it')
          await enumerate(files, history, keys, from, result)
        }
      }
    }
    expectNone(result, 1000)
  })

  test(`${row3} in a put after a writer was killed while it opened the store, or put an object where a folder was and back`, async () => {
    const result = noneYet()
    const keys = ['q', 'q/x', 'q/y']
    // Where an object is a folder, one whose deletion was lost may come back around a key that was put below it meanwhile: told by `get`, not by `list`.
    for (const opened of links ? [false, true] : [false]) {
      let ended = false
      for (let operation = 1; !ended; operation++) {
        const files = new ModelledFiles()
        files.links = links
        const history = new CallHistory(files)
        // An instance knows which folders it has synced, and does not look whether they are still the same ones: so it is one that has not written here yet.
        let other = opened ? await FileStorage.open(storeRoot, { files: files.files }) : undefined
        if (opened) await history.put(await FileStorage.open(storeRoot, { files: files.files }), 'q/x', 'inner')
        const victim = killedBefore(files, operation)
        const work = async (): Promise<string> => {
          const storage = await FileStorage.open(storeRoot, { files: victim.files })
          if (!opened) return 'ended'
          await history.delete(storage, 'q/x')
          await history.putIfAbsent(storage, 'q', 'outer')
          await history.delete(storage, 'q')
          await history.put(storage, 'q/x', 'inner again')
          return 'ended'
        }
        ended = (await Promise.race([victim.killed, work()])) === 'ended'
        history.kill()
        const from = files.steps.length
        other ??= await FileStorage.open(storeRoot, { files: files.files })
        // Refused where the object is there.
        await history.putIfAbsent(other, 'q/y', 'of the second').catch(() => {})
        await enumerate(files, history, keys, from, result)
      }
    }
    expectNone(result, 50)
  })

  test(`${row3} when the power goes again while a store is opened after a loss of power`, async () => {
    const result = noneYet()
    const files = new ModelledFiles()
    files.links = links
    const history = new CallHistory(files)
    const storage = await FileStorage.open(storeRoot, { files: files.files })
    await history.put(storage, 'log/1', 'old')
    const from = files.steps.length
    await Promise.all([history.put(storage, 'log/1', 'new'), history.putIfAbsent(storage, 'log/2', 'new')])
    for (let steps = from; steps < files.steps.length; steps++) {
      for (const { tree } of crashStates(files.root, files.steps, steps, { limit: size(12, 200), random: createRandom(steps) })) {
        const found = new ModelledFiles(tree)
        found.links = links
        found.nowMs += 2 * 24 * 3_600_000
        const loaded = found.steps.length
        await FileStorage.open(storeRoot, { files: found.files })
        await enumerateCrashes({
          files: found,
          from: loaded,
          limit: size(32, 256),
          into: result,
          observe: (again) => observeStore(again, ['log/1', 'log/2']),
          judge: (again) => history.judge(again, steps),
        })
      }
    }
    expectNone(result, 300)
  })
})

test(`${row3} in a segment: what was synced is there to the byte, whatever became of the rest`, async () => {
  const files = new ModelledFiles()
  const storage = await FileStorage.open(storeRoot, { files: files.files })
  const marks: { readonly steps: number; readonly synced: string }[] = [{ steps: 0, synced: '' }]
  const mark = (synced: string): number => marks.push({ steps: files.steps.length, synced })
  const segment = await storage.createSegment('log/a')
  const created = files.steps.length
  await segment.append(bytesOf('first;'))
  await segment.append(bytesOf('second;'))
  await segment.sync()
  mark('first;second;')
  await segment.append(bytesOf('third;'))
  await segment.append(bytesOf('fourth;'))
  await segment.seal()
  mark('first;second;third;fourth;')
  const whole = 'first;second;third;fourth;'
  const result = await enumerateCrashes({
    files,
    from: 0,
    limit,
    observe: async (found) => {
      const again = await FileStorage.open(storeRoot, { files: found.files })
      const object = await again.get('log/a')
      const next = await outcomeOf(again.createSegment('log/a').then((writer) => writer.seal()))
      const other = await outcomeOf(again.createSegment('log/b').then((writer) => writer.seal()))
      return { value: object === undefined ? undefined : textOf(object.bytes), next, other }
    },
    judge: ({ value, next, other }, steps) => {
      const wrong = other === 'done' ? [] : [`another segment gave ${other}`]
      if (next !== (value === undefined ? 'done' : 'STORAGE_CONFLICT')) wrong.push(`making it again gave ${next}`)
      if (value === undefined) return steps >= created ? ['the segment is gone', ...wrong] : wrong
      const synced = marks.findLast((each) => each.steps <= steps)?.synced ?? ''
      if (!value.startsWith(synced) || value.length > whole.length) wrong.push(`it holds ${JSON.stringify(value)}, synced was ${synced}`)
      return wrong
    },
  })
  expectNone(result, 20)
})

describe('the same enumeration finds a mistake that is put in:', () => {
  const change = scenarios.filter(({ name }) => name.startsWith('put'))
  const mistakes: readonly (readonly [string, boolean, (files: FileSystem) => FileSystem])[] = [
    [
      'no sync of files',
      true,
      (files) => withHandles(files, (file, isDirectory) => (isDirectory ? file : { ...file, sync: async () => {} })),
    ],
    [
      'no sync of files, without hard links',
      false,
      (files) => withHandles(files, (file, isDirectory) => (isDirectory ? file : { ...file, sync: async () => {} })),
    ],
    [
      'no sync of directories',
      true,
      (files) => withHandles(files, (file, isDirectory) => (isDirectory ? { ...file, sync: async () => {} } : file)),
    ],
    ['a name before the sync of the file', true, namedBeforeSync],
    ['an old object unlinked before the new one is named', true, unlinkedFirst],
    ['a name that is unlinked and linked where it should conflict', true, linkedOver],
    ['half of the bytes written, and no more', true, writtenInPart],
  ]
  test.each(mistakes)('%s', async (_, links, wrap) => {
    const found = noneYet()
    for (const scenario of change) {
      const result = await crash(scenario, { links, wrap }).catch((error: unknown) => ({
        ...noneYet(),
        violations: 1,
        messages: [String(error)],
      }))
      found.violations += result.violations
      found.messages.push(...result.messages)
    }
    expect(found.violations).toBeGreaterThan(0)
    expect(found.messages.join('\n')).toMatch(/not one of|was not swept|does not work/)
  })
})

test(`${row3} in all of it together, and many states were looked at`, async ({ annotate }) => {
  await annotate(`${total.states} states, ${total.trees} trees`)
  expect(total.violations).toBe(0)
  expect(total.states).toBeGreaterThan(size(20_000, 200_000))
  expect(total.trees).toBeGreaterThan(size(2000, 20_000))
})

async function callAtRandom(
  history: CallHistory,
  storage: FileStorage,
  keys: readonly string[],
  value: string,
  random: Random,
): Promise<void> {
  const key = keys[random.int(keys.length)] ?? ''
  const kind = random.next()
  if (kind < 0.5) await history.putIfAbsent(storage, key, value)
  else if (kind < 0.8) await history.put(storage, key, value)
  else await history.delete(storage, key)
}
