import { spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MillraceError } from '../../src/core/error.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import { Stage } from '../../src/pipeline/stage.ts'
import { Registry } from '../../src/registry/registry.ts'
import type { SegmentWriter } from '../../src/storage/adapter.ts'
import { putBlob } from '../../src/storage/blobs.ts'
import type { FileSystem } from '../../src/storage/file/file-system.ts'
import { nodeFileSystem } from '../../src/storage/file/node-file-system.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { packageNamed } from '../unit/registry/registry-fixtures.ts'
import type { FileFault } from '../unit/storage/faulty-files.ts'
import { FaultyFiles } from '../unit/storage/faulty-files.ts'
import { withHandles } from './support/broken-files.ts'
import { outcomeOf } from './support/crash-store.ts'
import { size } from './support/size.ts'

let parent = ''
let count = 0
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-faults-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

function freshRoot(): string {
  count++
  return join(parent, String(count))
}
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const read = async (storage: FileStorage, key: string): Promise<string | undefined> => {
  const object = await storage.get(key)
  return object && new TextDecoder().decode(object.bytes)
}
const withoutLinks: FileSystem = {
  ...nodeFileSystem,
  link: async () => {
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })
  },
}
async function temporariesIn(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true })
  return names.filter((name) => name.includes('.tmp-'))
}

const row4 = 'row 4: N-th I/O fails (EIO), for every N: typed error; old or new state, never a mix'

describe('each operation of the file system that fails', () => {
  const faults: readonly FileFault[] = [
    { applied: false, code: 'EIO' },
    { applied: true, code: 'EIO' },
    { applied: false, code: 'ENOSPC' },
  ]
  const key = 'models/log/1'
  const changes = [
    ['putIfAbsent', undefined, 'new', (storage: FileStorage) => storage.putIfAbsent(key, text('new'))],
    ['putIfAbsent without hard links', undefined, 'new', (storage: FileStorage) => storage.putIfAbsent(key, text('new'))],
    ['put of a new object', undefined, 'new', (storage: FileStorage) => storage.put(key, text('new'))],
    ['put over an object', 'old', 'new', (storage: FileStorage) => storage.put(key, text('new'))],
    ['put over an object without hard links', 'old', 'new', (storage: FileStorage) => storage.put(key, text('new'))],
    ['delete', 'old', undefined, (storage: FileStorage) => storage.delete(key)],
    ['delete without hard links', 'old', undefined, (storage: FileStorage) => storage.delete(key)],
  ] as const

  for (const fault of faults) {
    for (const [name, before, after, change] of changes) {
      test(`${row4}: ${name} (${fault.code}, ${fault.applied ? 'applied' : 'not applied'})`, async () => {
        const seen = new Set<string>()
        for (let index = 1; ; index++) {
          const root = freshRoot()
          const faulty = new FaultyFiles()
          faulty.links = !name.includes('without hard links')
          const storage = await FileStorage.open(root, { files: faulty.files })
          if (before !== undefined) await storage.putIfAbsent(key, text(before))
          faulty.reset()
          faulty.failAt = index
          faulty.fault = fault
          const outcome = await outcomeOf(change(storage))
          const done = faulty.operations.length < index
          seen.add(outcome)
          const at = `operation ${index} (${faulty.operations[index - 1]}) gave ${outcome}`
          const state = await read(await FileStorage.open(root), key)
          expect([before, after], at).toContain(state)
          if (outcome === 'done') expect(state, at).toBe(after)
          // A delete or an overwrite that is repeated does no harm; a create that was refused must not be there.
          else if (outcome !== 'STORAGE_OUTCOME_UNKNOWN' && name.startsWith('putIfAbsent')) expect(state, at).toBe(before)
          // Where the name may not be durable, the temporary stays as the mark of that.
          const isMarked = name === 'putIfAbsent' && outcome === 'STORAGE_OUTCOME_UNKNOWN'
          expect((await temporariesIn(root)).length, at).toBe(isMarked ? 1 : 0)
          // It works once the fault is over.
          faulty.reset()
          const again = await outcomeOf(change(storage))
          expect(again, at).toBe(name.startsWith('putIfAbsent') && state === after ? 'STORAGE_CONFLICT' : 'done')
          expect(await read(storage, key), at).toBe(after)
          expect(await temporariesIn(root), at).toEqual([])
          if (done) break
        }
        const expected = ['done', 'STORAGE_OUTCOME_UNKNOWN', fault.code === 'ENOSPC' ? 'STORAGE_NO_SPACE' : 'STORAGE_UNAVAILABLE']
        expect([...seen].sort()).toEqual(expected.sort())
      })
    }
  }

  test(`${row4}: putIfAbsent over an object`, async () => {
    for (let index = 1; ; index++) {
      const faulty = new FaultyFiles()
      const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
      await storage.putIfAbsent(key, text('old'))
      faulty.reset()
      faulty.failAt = index
      const outcome = await outcomeOf(storage.putIfAbsent(key, text('new')))
      expect(['STORAGE_CONFLICT', 'STORAGE_UNAVAILABLE', 'STORAGE_OUTCOME_UNKNOWN']).toContain(outcome)
      const done = faulty.operations.length < index
      faulty.reset()
      expect(await read(storage, key)).toBe('old')
      if (done) return expect(outcome).toBe('STORAGE_CONFLICT')
    }
  })

  test(`${row4}: get and list give all of it or a fault`, async () => {
    const faulty = new FaultyFiles()
    const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
    for (const each of ['a', 'a-b/c', 'a.b/d', 'b/c/d', 'b/e']) await storage.put(each, text(`value of ${each}`))
    const listed = async (): Promise<string> => {
      const keys: string[] = []
      for await (const entry of storage.list('')) keys.push(`${entry.key}:${entry.sizeBytes}`)
      return keys.join()
    }
    const whole = await listed()
    for (const [work, right] of [[() => read(storage, 'b/e'), 'value of b/e'] as const, [listed, whole] as const]) {
      for (let index = 1; ; index++) {
        faulty.reset()
        faulty.failAt = index
        const outcome = await work().catch((error: unknown) => (MillraceError.is(error) ? error.code : String(error)))
        expect([right, 'STORAGE_UNAVAILABLE']).toContain(outcome)
        if (faulty.operations.length < index) break
      }
    }
  })

  test(`${row4}: opening a store, and what it sweeps`, async () => {
    for (let index = 1; ; index++) {
      const faulty = new FaultyFiles()
      faulty.failAt = index
      const root = join(freshRoot(), 'deep')
      const outcome = await outcomeOf(FileStorage.open(root, { files: faulty.files }))
      expect(['done', 'STORAGE_UNAVAILABLE']).toContain(outcome)
      const storage = await FileStorage.open(root)
      await storage.put('a', text('x'))
      expect(await temporariesIn(root)).toEqual([])
      if (faulty.operations.length < index) return
    }
  })

  test(`${row4}: a segment has what was appended before, and all or nothing of what was being appended`, async () => {
    for (let index = 1; ; index++) {
      const root = freshRoot()
      const faulty = new FaultyFiles()
      const storage = await FileStorage.open(root, { files: faulty.files })
      faulty.reset()
      faulty.failAt = index
      let written = ''
      let synced = ''
      let opened: SegmentWriter | undefined
      const outcome = await outcomeOf(
        (async () => {
          const segment = await storage.createSegment('log/a')
          opened = segment
          for (const part of ['first;', 'second;']) {
            await segment.append(text(part))
            written += part
            await segment.sync()
            synced = written
          }
          await segment.seal()
        })().finally(() => opened?.seal().catch(() => {})),
      )
      const done = faulty.operations.length < index
      const at = `operation ${index} (${faulty.operations[index - 1]}) gave ${outcome}`
      const state = await read(await FileStorage.open(root), 'log/a')
      expect(['done', 'STORAGE_UNAVAILABLE', 'STORAGE_OUTCOME_UNKNOWN'], at).toContain(outcome)
      expect([written, undefined], at).toContain(state)
      if (synced !== '') expect(state?.startsWith(synced), at).toBe(true)
      if (done) return expect(state).toBe('first;second;')
    }
  })

  const registrySteps = size(4, 1)
  for (const applied of [false, true]) {
    test(`${row4}: Registry.register and setAlias on files (${applied ? 'applied' : 'not applied'})`, async () => {
      for (let index = 1; ; index += registrySteps) {
        const root = freshRoot()
        const faulty = new FaultyFiles()
        const registry = new Registry({ storage: await FileStorage.open(root, { files: faulty.files }) })
        await registry.register('churn', packageNamed('first'), { idempotencyKey: 'first' })
        await registry.setAlias('churn', 'champion', 1)
        faulty.reset()
        faulty.failAt = index
        faulty.fault = { applied, code: 'EIO' }
        const registered = await outcomeOf(registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' }))
        const moved = registered === 'done' ? await outcomeOf(registry.setAlias('churn', 'champion', 2)) : 'not tried'
        const done = faulty.operations.length < index
        const at = `operation ${index} (${faulty.operations[index - 1]}) gave ${registered}, ${moved}`
        for (const outcome of [registered, moved])
          expect(['done', 'not tried', 'STORAGE_UNAVAILABLE', 'STORAGE_OUTCOME_UNKNOWN'], at).toContain(outcome)
        const again = new Registry({ storage: await FileStorage.open(root) })
        const versions: number[] = []
        for await (const { version } of again.versions('churn')) versions.push(version)
        expect(['1', '1,2'], at).toContain(versions.join())
        if (registered === 'done') expect(versions, at).toEqual([1, 2])
        for (const version of versions) await again.load('churn', version)
        const alias = (await again.alias('churn', 'champion'))?.version
        expect(moved === 'done' ? [2] : moved === 'not tried' ? [1] : [1, 2], at).toContain(alias)
        // The same key gives the version that it made, or makes it.
        expect((await again.register('churn', packageNamed('second'), { idempotencyKey: 'second' })).version, at).toBe(2)
        expect(await temporariesIn(root), at).toEqual([])
        if (done) return
      }
    })
  }
})

describe('a disk that is full', () => {
  const row5 = 'row 5: ENOSPC mid-write: NoSpace; no temporary left; works once space is freed'

  /** A disk with room for so many bytes more: a write takes what fits, and the next one fails. */
  function limited(room: { bytes: number }): FileSystem {
    return withHandles(nodeFileSystem, (file, isDirectory) =>
      isDirectory
        ? file
        : {
            ...file,
            write: async (bytes, offset, length, position) => {
              if (room.bytes === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
              const { bytesWritten } = await file.write(bytes, offset, Math.min(length, room.bytes), position)
              room.bytes -= bytesWritten
              return { bytesWritten }
            },
          },
    )
  }

  test(`${row5}: an artifact, and an object that is overwritten`, async () => {
    const root = freshRoot()
    const room = { bytes: Number.POSITIVE_INFINITY }
    const storage = await FileStorage.open(root, { files: limited(room) })
    await storage.put('hint', text('old'))
    const artifact = new Uint8Array(10_000).fill(7)
    for (const bytes of [0, 1, 4096, 9999]) {
      room.bytes = bytes
      expect(await outcomeOf(putBlob(storage, artifact))).toBe('STORAGE_NO_SPACE')
      room.bytes = Math.min(bytes, 2)
      expect(await outcomeOf(storage.put('hint', text('new')))).toBe('STORAGE_NO_SPACE')
      expect(await outcomeOf(storage.putIfAbsent('other', text('new')))).toBe('STORAGE_NO_SPACE')
      expect(await read(storage, 'hint')).toBe('old')
      expect(await read(storage, 'other')).toBeUndefined()
      expect(await temporariesIn(root)).toEqual([])
    }
    room.bytes = Number.POSITIVE_INFINITY
    const digest = await putBlob(storage, artifact)
    expect((await storage.get(`blobs/${digest.slice(0, 2)}/${digest}`))?.sizeBytes).toBe(10_000)
    await storage.put('hint', text('new'))
    expect(await read(storage, 'hint')).toBe('new')
  })

  test(`${row5}: a segment, which can be appended to again`, async () => {
    const room = { bytes: 10 }
    const storage = await FileStorage.open(freshRoot(), { files: limited(room) })
    const segment = await storage.createSegment('log/a')
    await segment.append(text('first;'))
    expect(await outcomeOf(segment.append(text('second;')))).toBe('STORAGE_NO_SPACE')
    expect(await read(storage, 'log/a')).toBe('first;')
    room.bytes = 100
    await segment.append(text('third;'))
    await segment.seal()
    expect(await read(storage, 'log/a')).toBe('first;third;')
  })

  test(`${row5}: a registration, wherever in it the disk is full`, async () => {
    const step = size(97, 7)
    let full = 0
    for (let bytes = 0; ; bytes += step) {
      const root = freshRoot()
      const room = { bytes: Number.POSITIVE_INFINITY }
      const registry = new Registry({ storage: await FileStorage.open(root, { files: limited(room) }) })
      await registry.register('churn', packageNamed('first'))
      room.bytes = bytes
      const outcome = await outcomeOf(registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' }))
      expect(['done', 'STORAGE_NO_SPACE']).toContain(outcome)
      const again = new Registry({ storage: await FileStorage.open(root) })
      expect(await temporariesIn(root)).toEqual([])
      room.bytes = Number.POSITIVE_INFINITY
      const { version } = await registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' })
      expect(version).toBe(2)
      await again.load('churn', 2)
      if (outcome === 'done' && bytes > 1000) break
      if (outcome !== 'done') full++
    }
    expect(full).toBeGreaterThan(3)
  })

  test(`${row5}: on a real file system of one megabyte`, async ({ skip }) => {
    const root = freshRoot()
    await mkdir(root)
    const mounted = process.platform === 'linux' && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root]).status === 0
    if (!mounted) skip('a file system of one megabyte can be mounted on Linux only, and by root')
    try {
      const storage = await FileStorage.open(root)
      const registry = new Registry({ storage })
      await registry.register('churn', packageNamed('first'))
      await storage.put('hint', text('old'))
      let fillers = 0
      let outcome = 'done'
      for (; outcome === 'done'; fillers++) outcome = await outcomeOf(storage.put(`filler/${fillers}`, new Uint8Array(50_000)))
      expect(outcome).toBe('STORAGE_NO_SPACE')
      // What is left takes small things yet.
      for (; outcome !== 'done' || fillers < 1; fillers++) {
        outcome = await outcomeOf(storage.put(`filler/${fillers}`, new Uint8Array(4096)))
        if (outcome !== 'done') break
      }
      expect(await outcomeOf(putBlob(storage, new Uint8Array(300_000)))).toBe('STORAGE_NO_SPACE')
      expect(await outcomeOf(storage.put('hint', new Uint8Array(100_000)))).toBe('STORAGE_NO_SPACE')
      for (let index = 0; (await outcomeOf(storage.put(`small/${index}`, new Uint8Array(1)))) === 'done'; index++);
      expect(await outcomeOf(registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' }))).toBe('STORAGE_NO_SPACE')
      expect(await read(storage, 'hint')).toBe('old')
      expect(await temporariesIn(root)).toEqual([])
      await storage.delete('filler/0')
      await storage.delete('filler/1')
      expect((await registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' })).version).toBe(2)
      await registry.load('churn', 2)
      await storage.put('hint', text('new'))
      expect(await read(storage, 'hint')).toBe('new')
    } finally {
      spawnSync('umount', [root])
    }
  })
})

describe('a write that takes a part of the bytes', () => {
  const row6 = 'row 6: short write: loop or error, never truncated'
  const value = 'a value of more than seven bytes'

  test(`${row6}: whatever part it takes`, async () => {
    for (let part = 1; part <= value.length; part++) {
      const faulty = new FaultyFiles()
      faulty.writeAtMost = part
      const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
      await storage.putIfAbsent('made', text(value))
      await storage.put('put', text(value))
      const segment = await storage.createSegment('segment')
      await segment.append(text(value))
      await segment.append(text(value))
      await segment.seal()
      expect(await read(storage, 'made')).toBe(value)
      expect(await read(storage, 'put')).toBe(value)
      expect(await read(storage, 'segment')).toBe(value + value)
    }
  })

  test(`${row6}: none, after any part, is a fault and not the end of a loop`, async () => {
    for (let taken = 0; taken < value.length; taken++) {
      const root = freshRoot()
      let left = Number.POSITIVE_INFINITY
      const files = withHandles(nodeFileSystem, (file, isDirectory) =>
        isDirectory
          ? file
          : {
              ...file,
              write: async (bytes, offset, length, position) => {
                const { bytesWritten } = await file.write(bytes, offset, Math.min(length, left), position)
                left -= bytesWritten
                return { bytesWritten }
              },
            },
      )
      const storage = await FileStorage.open(root, { files })
      await storage.put('put', text('old'))
      const segment = await storage.createSegment('segment')
      await segment.append(text('first;'))
      for (const work of [
        () => storage.putIfAbsent('made', text(value)),
        () => storage.put('put', text(value)),
        () => segment.append(text(value)),
      ]) {
        left = taken
        expect(await outcomeOf(work())).toBe('STORAGE_UNAVAILABLE')
      }
      expect(await read(storage, 'made')).toBeUndefined()
      expect(await read(storage, 'put')).toBe('old')
      expect(await read(storage, 'segment')).toBe('first;')
      await segment.seal().catch(() => {})
      expect(await temporariesIn(root)).toEqual([])
    }
  })
})

describe('a sync that fails', () => {
  const row7 = 'row 7: file fsync fails: not acknowledged'

  /** Counts the syncs of each handle, and fails those of files. */
  function failing(counts: number[], isFailing: () => boolean): FileSystem {
    return withHandles(nodeFileSystem, (file, isDirectory) => {
      if (isDirectory) return file
      const place = counts.push(0) - 1
      return {
        ...file,
        sync: async () => {
          counts[place] = (counts[place] ?? 0) + 1
          if (isFailing()) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' })
          await file.sync()
        },
      }
    })
  }

  test(`${row7}: nothing is made or replaced, nothing is left, and no handle is synced twice`, async () => {
    const root = freshRoot()
    const counts: number[] = []
    let fails = false
    const storage = await FileStorage.open(root, { files: failing(counts, () => fails) })
    await storage.put('put', text('old'))
    fails = true
    expect(await outcomeOf(storage.putIfAbsent('made', text('new')))).toBe('STORAGE_UNAVAILABLE')
    expect(await outcomeOf(storage.put('put', text('new')))).toBe('STORAGE_UNAVAILABLE')
    expect(await outcomeOf(new Registry({ storage }).register('churn', packageNamed('a')))).toBe('STORAGE_UNAVAILABLE')
    expect(await read(storage, 'made')).toBeUndefined()
    expect(await read(storage, 'put')).toBe('old')
    expect(await temporariesIn(root)).toEqual([])
    expect(Math.max(...counts)).toBe(1)
    fails = false
    await storage.putIfAbsent('made', text('new'))
    expect((await new Registry({ storage }).register('churn', packageNamed('a'))).version).toBe(1)
  })

  test(`${row7}: a segment is of no more use, and its handle is never synced again, since that might report a success that is none`, async () => {
    const counts: number[] = []
    let fails = false
    const storage = await FileStorage.open(freshRoot(), { files: failing(counts, () => fails) })
    const segment = await storage.createSegment('log/a')
    const place = counts.length - 1
    await segment.append(text('first;'))
    await segment.sync()
    await segment.append(text('second;'))
    fails = true
    expect(await outcomeOf(segment.sync())).toBe('STORAGE_UNAVAILABLE')
    fails = false
    expect(counts[place]).toBe(2)
    expect(await outcomeOf(segment.sync())).toBe('STORAGE_UNAVAILABLE')
    expect(await outcomeOf(segment.append(text('third;')))).toBe('STORAGE_UNAVAILABLE')
    expect(await outcomeOf(segment.seal())).toBe('STORAGE_UNAVAILABLE')
    expect(counts[place]).toBe(2)
    expect(await outcomeOf(storage.createSegment('log/b').then((other) => other.seal()))).toBe('done')
  })

  const row8 = 'row 8: directory fsync fails: OutcomeUnknown'

  test(`${row8}: what was made, replaced, deleted or opened may be there, and the same again tells`, async () => {
    let fails = false
    const files = withHandles(nodeFileSystem, (file, isDirectory) => {
      if (!isDirectory) return file
      return {
        ...file,
        sync: async () => {
          if (fails) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' })
          await file.sync()
        },
      }
    })
    const root = freshRoot()
    const storage = await FileStorage.open(root, { files })
    for (const key of ['a/made', 'a/put', 'a/deleted']) await storage.put(key, text('old'))
    await storage.delete('a/made')
    fails = true
    const all = [
      () => storage.putIfAbsent('a/made', text('new')),
      () => storage.put('a/put', text('new')),
      () => storage.delete('a/deleted'),
      () => storage.createSegment('a/segment').then((segment) => segment.seal()),
      // Told only when what is in the way is durable.
      () => storage.putIfAbsent('a/put', text('new')),
    ]
    for (const work of all) expect(await outcomeOf(work())).toBe('STORAGE_OUTCOME_UNKNOWN')
    // Of what was made, the mark of a name that may not be durable: whoever reads it would have to sync first.
    expect(await temporariesIn(root)).toHaveLength(1)
    expect(await outcomeOf(storage.get('a/made'))).toBe('STORAGE_UNAVAILABLE')
    fails = false
    expect(await Promise.all(all.map((work) => outcomeOf(work())))).toEqual([
      'STORAGE_CONFLICT',
      'done',
      'done',
      'done',
      'STORAGE_CONFLICT',
    ])
    expect(await read(storage, 'a/made')).toBe('new')
    expect(await temporariesIn(root)).toEqual([])
  })

  test.each([true, false])(`${row8}: nothing is acknowledged that rests on it, by a registry or a run (hard links: %s)`, async (links) => {
    let failing = 0
    const synced: string[] = []
    const inFolders = withHandles(links ? nodeFileSystem : withoutLinks, (file, isDirectory, path) => {
      if (!isDirectory) return file
      return {
        ...file,
        sync: async () => {
          if (failing > 0 && /log$|journal$/.test(path)) {
            failing--
            throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' })
          }
          await file.sync()
          synced.push(path)
        },
      }
    })
    const root = freshRoot()
    const storage = await FileStorage.open(root, { files: inFolders })
    const registry = new Registry({ storage })
    await registry.register('churn', packageNamed('first'))
    const calls = {
      register: () => registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' }),
      setAlias: () => registry.setAlias('churn', 'champion', 2),
      run: () => new Pipeline('p').pipe(new Stage({ name: 'a', version: '1', run: () => 1 })).run({ storage, id: 'r' }),
    }
    for (const [name, call] of Object.entries(calls)) {
      failing = Number.POSITIVE_INFINITY
      expect(['STORAGE_OUTCOME_UNKNOWN', 'STORAGE_UNAVAILABLE'], name).toContain(await outcomeOf(call()))
      // It fails once: acknowledged only when a later sync has made it durable.
      failing = 1
      synced.length = 0
      const outcome = await outcomeOf(name === 'run' ? new Pipeline('p').run({ storage, id: 'other' }) : call())
      if (outcome === 'done')
        expect(
          synced.some((path) => /log$|journal$/.test(path)),
          name,
        ).toBe(true)
      failing = 0
    }
    const versions: number[] = []
    for await (const { version } of registry.versions('churn')) versions.push(version)
    expect(versions).toEqual([1, 2])
    // The run's entry is in doubt until somebody reads it.
    if (links) expect(await temporariesIn(root)).toHaveLength(1)
    for await (const { key } of storage.list('runs/r')) await storage.get(key)
    expect(await temporariesIn(root)).toEqual([])
  })
})

describe('temporaries', () => {
  const row12 = "row 12: temporaries of a dead process: swept; a live writer's kept"
  const worker = fileURLToPath(new URL('./support/stopped-writer.ts', import.meta.url))

  /** A process that is in the middle of a write: its temporary is there, and its name is not given. */
  async function startWriter(root: string, key: string) {
    const child = spawn(process.execPath, ['--import', 'tsx', worker, root, key], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const line = async (): Promise<string> => (await lines.next()).value as string
    const ended = new Promise((resolve) => child.on('close', resolve))
    return { child, ended, line, temporary: await line() }
  }

  test(`${row12}, by real processes`, async () => {
    const root = freshRoot()
    const [dead, live] = await Promise.all([startWriter(root, 'a/of-the-dead'), startWriter(root, 'a/of-the-living')])
    try {
      dead.child.kill('SIGKILL')
      await dead.ended
      expect((await temporariesIn(root)).sort()).toEqual([dead.temporary, live.temporary].sort())
      // Within the grace it may be that of a process on another machine.
      await FileStorage.open(root, { sweepAfterMs: 600_000, sweepEveryMs: 0 })
      expect((await temporariesIn(root)).length).toBe(2)
      live.child.kill('SIGSTOP')
      const storage = await FileStorage.open(root, { sweepAfterMs: 0, sweepEveryMs: 0 })
      expect(await temporariesIn(root)).toEqual([live.temporary])
      live.child.kill('SIGCONT')
      live.child.stdin.end('go on\n')
      expect(await live.line()).toBe('acknowledged')
      await live.ended
      expect(await read(storage, 'a/of-the-living')).toBe('value of a/of-the-living')
      expect(await read(storage, 'a/of-the-dead')).toBeUndefined()
      expect(await temporariesIn(root)).toEqual([])
    } finally {
      for (const { child } of [dead, live]) child.kill('SIGKILL')
    }
  })

  test(`${row12}: as many as there are, in every folder`, async () => {
    const root = freshRoot()
    const keys = Array.from({ length: size(2, 12) }, (_, index) => `folder-${index % 3}/deeper/${index}`)
    const dead = await Promise.all(keys.map((key) => startWriter(root, key)))
    for (const { child } of dead) child.kill('SIGKILL')
    await Promise.all(dead.map(({ ended }) => ended))
    expect((await temporariesIn(root)).length).toBe(keys.length)
    const storage = await FileStorage.open(root, { sweepAfterMs: 0, sweepEveryMs: 0 })
    expect(await temporariesIn(root)).toEqual([])
    for (const key of keys) await storage.putIfAbsent(key, text('x'))
  })
})
