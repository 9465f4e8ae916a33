import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { yieldToEventLoop } from '../../../src/core/abort.ts'
import { digestOfJson } from '../../../src/core/digest.ts'
import { MillraceError } from '../../../src/core/error.ts'
import { canonicalJson } from '../../../src/core/json.ts'
import type { ExportedFile } from '../../../src/registry/export/export-index.ts'
import { exportModel } from '../../../src/registry/export/export-model.ts'
import { decodeFiles, encodeFiles } from '../../../src/registry/export/file-stream.ts'
import { importModel } from '../../../src/registry/export/import-model.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

/** Four versions, one deleted, two of the same package, with tags, descriptions and aliases. */
async function source(): Promise<Registry> {
  const registry = new Registry({ storage: new MemoryStorage() })
  for (const name of ['a', 'b', 'c', 'a']) await registry.register('churn', packageNamed(name))
  await registry.deleteVersion('churn', 2)
  await registry.tag('churn', 1, { stage: 'approved' })
  await registry.describe('churn', 3, 'the good one')
  await registry.setAlias('churn', 'champion', 3)
  return registry
}

/** What is said of the versions of a model, without what an import changes. */
async function told(registry: Registry, name: string): Promise<unknown> {
  const versions = await collect(registry.versions(name))
  return versions.map(({ manifestDigest, lineage, metrics, tags, description }) => ({
    manifestDigest,
    lineage,
    metrics,
    tags,
    description,
  }))
}

async function refusalOf(files: Iterable<ExportedFile>, options = {}): Promise<MillraceError> {
  const storage = new MemoryStorage()
  const registry = new Registry({ storage })
  const error: unknown = await registry.importModel(files, options).then(
    () => expect.unreachable('expected a refusal'),
    (thrown: unknown) => thrown,
  )
  expect(await collect(registry.models())).toEqual([])
  if (!MillraceError.is(error)) throw error
  return error
}

describe('an exported model', () => {
  test('is its index, then each manifest and each blob once, sorted by path', async () => {
    const files = await collect((await source()).exportModel('churn'))
    const paths = files.map(({ path }) => path)
    expect(paths[0]).toBe('index.json')
    expect(paths.filter((path) => path.startsWith('manifests/'))).toHaveLength(2)
    // Weights of two packages; table, profile and golden predictions are shared.
    expect(paths.filter((path) => path.startsWith('parts/'))).toHaveLength(5)
    expect(new Set(paths).size).toBe(paths.length)
    expect(JSON.parse(new TextDecoder().decode(files[0]?.bytes))).toMatchObject({
      format: 'millrace-model-export',
      formatVersion: 1,
      minReaderVersion: 1,
      name: 'churn',
      versions: [
        { version: 1, tags: { stage: 'approved' }, description: '' },
        { version: 3, tags: {}, description: 'the good one' },
        { version: 4 },
      ],
      aliases: { champion: 3 },
    })
  })

  test('comes again in another registry: new numbers in order, tags, descriptions, and aliases when asked for', async () => {
    const from = await source()
    const to = new Registry({ storage: new MemoryStorage() })
    expect(await to.importModel(from.exportModel('churn'))).toEqual({
      name: 'churn',
      versions: [
        { from: 1, to: 1 },
        { from: 3, to: 2 },
        { from: 4, to: 3 },
      ],
      unmovedAliases: [],
    })
    expect(await told(to, 'churn')).toEqual(await told(from, 'churn'))
    expect(await to.aliases('churn')).toEqual(new Map())
    for (const version of [1, 2, 3]) await to.load('churn', version)
    await to.importModel(from.exportModel('churn'), { aliases: true })
    expect(await to.aliases('churn')).toEqual(new Map([['champion', 2]]))
  })

  test('imported again changes nothing, and does not take back what was written since', async () => {
    const from = await source()
    const storage = new MemoryStorage()
    const to = new Registry({ storage })
    const first = await to.importModel(from.exportModel('churn'), { name: 'copy' })
    await to.tag('copy', 1, { stage: 'retired' })
    await to.register('copy', packageNamed('own'))
    const again = await new Registry({ storage }).importModel(from.exportModel('churn'), { name: 'copy' })
    expect(again).toEqual(first)
    expect(await collect(to.versions('copy'))).toHaveLength(4)
    expect((await to.version('copy', 1)).tags).toEqual({ stage: 'retired' })
    // Whatever came since in the source comes as well.
    await from.register('churn', packageNamed('later'))
    expect((await to.importModel(from.exportModel('churn'), { name: 'copy' })).versions.at(-1)).toEqual({ from: 5, to: 5 })
  })

  test('may be some of its versions', async () => {
    const from = await source()
    const to = new Registry({ storage: new MemoryStorage() })
    expect((await to.importModel(from.exportModel('churn', { versions: [4, 3, 4] }))).versions).toEqual([
      { from: 3, to: 1 },
      { from: 4, to: 2 },
    ])
    await expect(collect(from.exportModel('churn', { versions: [2] }))).rejects.toMatchObject({ code: 'VERSION_DELETED' })
    await expect(collect(from.exportModel('churn', { versions: [] }))).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(collect(from.exportModel('absent'))).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })

  test('goes between any two registries, by their common interface', async () => {
    const to = new Registry({ storage: new MemoryStorage() })
    expect((await importModel(to, exportModel(await source(), 'churn'))).versions).toHaveLength(3)
    await to.load('churn', 3)
  })

  test('stops when it is aborted', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    const from = await source()
    await expect(collect(from.exportModel('churn', { signal }))).rejects.toBe(reason)
    const to = new Registry({ storage: new MemoryStorage() })
    await expect(to.importModel(from.exportModel('churn'), { signal })).rejects.toBe(reason)
    expect(await collect(to.models())).toEqual([])
  })
})

describe('an import', () => {
  test('of which any one file is missing, there twice, cut, damaged or called otherwise registers nothing and names the file', async () => {
    const files = await collect((await source()).exportModel('churn'))
    for (const [index, file] of files.entries()) {
      const others = (changed: readonly ExportedFile[]): ExportedFile[] => [...files.slice(0, index), ...changed, ...files.slice(index + 1)]
      const flipped = file.bytes.slice()
      flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] as number) ^ 1
      const broken: Readonly<Record<string, ExportedFile[]>> = {
        missing: others([]),
        twice: others([file, file]),
        'twice, at the end': [...files, file],
        cut: others([{ ...file, bytes: file.bytes.slice(0, -1) }]),
        longer: others([{ ...file, bytes: Uint8Array.from([...file.bytes, 0]) }]),
        damaged: others([{ ...file, bytes: flipped }]),
        renamed: others([{ ...file, path: `../${file.path}` }]),
      }
      for (const [fault, changed] of Object.entries(broken)) {
        expect((await refusalOf(changed)).code, `${file.path} ${fault}`).toBe('EXPORT_INVALID')
      }
      // Without a manifest, the first of its blobs is one that nothing names.
      if (file.path.startsWith('parts/')) expect(await refusalOf(others([]))).toMatchObject({ details: { path: file.path } })
    }
  })

  test('of an index in which any bit is another is refused', async () => {
    const [index, ...others] = await collect((await source()).exportModel('churn', { versions: [1] }))
    for (let bit = 0; bit < (index?.bytes.length ?? 0) * 8; bit += 3) {
      const bytes = index?.bytes.slice() ?? expect.unreachable()
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      const error = await refusalOf([{ path: 'index.json', bytes }, ...others])
      // A changed format is refused as one that nobody knows.
      expect(['EXPORT_INVALID', 'FORMAT_UNSUPPORTED'], `bit ${bit}`).toContain(error.code)
    }
  })

  test('takes no file that nothing names, under whatever path', async () => {
    const files = await collect((await source()).exportModel('churn'))
    const bytes = new TextEncoder().encode('x')
    for (const path of [
      'models/churn/log/0000000000000001',
      '../../etc/passwd',
      '',
      '__proto__',
      'parts/zz',
      `parts/${'0'.repeat(64)}`,
      'index.json',
    ])
      expect(await refusalOf([...files, { path, bytes }]), path).toMatchObject({ code: 'EXPORT_INVALID', details: { path } })
    expect(await refusalOf([{ path: 'parts/x', bytes }])).toMatchObject({ code: 'EXPORT_INVALID' })
    expect(await refusalOf([])).toMatchObject({ code: 'EXPORT_INVALID', details: { path: 'index.json' } })
  })

  test('refuses an index that does not hold together, or of a newer library', async () => {
    const files = await collect((await source()).exportModel('churn'))
    const { checksum: _checksum, ...index } = JSON.parse(new TextDecoder().decode(files[0]?.bytes))
    const withIndex = (change: object): ExportedFile[] => {
      const content = { ...index, ...change }
      const bytes = new TextEncoder().encode(JSON.stringify({ ...content, checksum: digestOfJson(content) }))
      return [{ path: 'index.json', bytes }, ...files.slice(1)]
    }
    const [first, second, third] = index.versions
    const changes = [
      { versions: [second, first, third] },
      { versions: [first, first, third] },
      { versions: [{ ...first, manifestDigest: '../x' }] },
      { versions: [{ ...first, version: 0 }] },
      { versions: [{ ...first, tags: { a: 1 } }] },
      { versions: 'all' },
      { name: 7 },
      { aliases: { champion: 9 } },
      { aliases: [] },
    ]
    for (const change of changes)
      expect(await refusalOf(withIndex(change)), JSON.stringify(change)).toMatchObject({ code: 'EXPORT_INVALID' })
    expect(await refusalOf(withIndex({ minReaderVersion: 2 }))).toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
    for (const name of ['../x', '', 'Churn'])
      expect(await refusalOf(withIndex({ name })), name).toMatchObject({ code: 'EXPORT_INVALID', details: { path: 'index.json' } })
  })
})

describe('an import of notes that the registry does not take', () => {
  /** The last of three versions has others. */
  const withNotes = async (notes: object): Promise<ExportedFile[]> => {
    const files = await collect((await source()).exportModel('churn'))
    const { checksum: _checksum, ...index } = JSON.parse(new TextDecoder().decode(files[0]?.bytes))
    const content = { ...index, versions: [...index.versions.slice(0, 2), { ...index.versions[2], ...notes }] }
    const bytes = new TextEncoder().encode(canonicalJson({ ...content, checksum: digestOfJson(content) }))
    return [{ path: 'index.json', bytes }, ...files.slice(1)]
  }

  test.each([
    ['a long tag', { tags: { a: 'x'.repeat(100_000) } }, 'tags and description'],
    ['a long name of a tag', { tags: { ['a'.repeat(257)]: 'x' } }, ', tag: expected'],
    ['many tags', { tags: Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`t${at}`, 'v'])) }, 'tags and description'],
    ['a long description', { description: 'x'.repeat(20_000) }, 'received 20000 characters'],
    ['both together', { tags: { a: 'x'.repeat(20_000), b: 'x'.repeat(3_000) }, description: 'x'.repeat(16_000) }, 'tags and description'],
    ['a tag with the name of a prototype', { tags: JSON.parse('{"__proto__":"x"}') }, '__proto__'],
  ])('registers nothing, and says of which version: %s', async (_name, notes, told) => {
    const error = await refusalOf(await withNotes(notes))
    expect(error).toMatchObject({ code: 'EXPORT_INVALID', details: { path: 'index.json' } })
    expect(error.message).toContain('in version 4, ')
    expect(error.message).toContain(told)
  })

  test('reads no file after the index, and keeps none', async () => {
    const storage = new MemoryStorage()
    let read = 0
    const files = await withNotes({ description: 'x'.repeat(20_000) })
    await expect(
      new Registry({ storage }).importModel(
        (function* () {
          for (const file of files) {
            read++
            yield file
          }
        })(),
      ),
    ).rejects.toMatchObject({ code: 'EXPORT_INVALID' })
    expect(read).toBe(1)
    expect(await collect(storage.list(''))).toEqual([])
  })

  test('takes what just fits', async () => {
    const to = new Registry({ storage: new MemoryStorage() })
    const notes = { tags: { a: 'x'.repeat(16_000) }, description: 'y'.repeat(16_384) }
    await to.importModel(await withNotes(notes))
    expect(await to.version('churn', 3)).toMatchObject(notes)
  })
})

/** Gives the items, and then nothing more; its end is never answered either. */
function silent<Item>(items: readonly Item[]) {
  const state = { asked: 0, closed: 0, onSilence: () => {} }
  const iterator: AsyncIterator<Item> = {
    next: async () => {
      const value = items[state.asked++]
      if (value !== undefined) return { done: false, value }
      state.onSilence()
      return new Promise<never>(() => {})
    },
    return: () => {
      state.closed++
      return new Promise<never>(() => {})
    },
  }
  return { ...{ state }, iterable: { [Symbol.asyncIterator]: () => iterator } }
}

describe('an import from a source that falls silent', () => {
  const reason = new Error('enough')
  const abortedImport = async (files: AsyncIterable<ExportedFile>, state: { onSilence: () => void }): Promise<void> => {
    const abort = new AbortController()
    state.onSilence = () => setTimeout(() => abort.abort(reason), 0)
    const registry = new Registry({ storage: new MemoryStorage() })
    await expect(registry.importModel(files, { signal: abort.signal })).rejects.toBe(reason)
    expect(await collect(registry.models())).toEqual([])
  }

  test('ends with its abort at once, and closes the source', async () => {
    const files = await collect((await source()).exportModel('churn'))
    for (const count of [0, 1, 2]) {
      const { iterable, state } = silent(files.slice(0, count))
      await abortedImport(iterable, state)
      expect(state.closed, `${count} files`).toBe(1)
    }
  })

  test('ends so behind a stream, too, whether bytes or files are awaited', async () => {
    const bytes = await collect(encodeFiles((await source()).exportModel('churn')))
    for (const count of [0, 1, 3, 4]) {
      const { iterable, state } = silent(bytes.slice(0, count))
      await abortedImport(decodeFiles(iterable), state)
      expect(state.closed, `${count} pieces`).toBe(1)
    }
    const { iterable, state } = silent((await collect((await source()).exportModel('churn'))).slice(0, 2))
    await abortedImport(decodeFiles(encodeFiles(iterable)), state)
    expect(state.closed).toBe(1)
  })

  test('that was aborted before asks it for nothing, and closes it', async () => {
    for (const through of [(bytes: AsyncIterable<never>) => bytes, (bytes: AsyncIterable<never>) => decodeFiles(bytes)]) {
      const { iterable, state } = silent<never>([])
      const registry = new Registry({ storage: new MemoryStorage() })
      await expect(registry.importModel(through(iterable), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      expect(state).toMatchObject({ asked: 0, closed: 1 })
    }
  })
})

describe('an import that fails', () => {
  test('closes its source before it rejects: for a file that is none, and for a storage that fails', async () => {
    const bytes = await collect(encodeFiles((await source()).exportModel('churn')))
    const full = new MillraceError('STORAGE_NO_SPACE', { message: 'full', details: { storage: 's', key: 'k' } as never })
    const failing = new MemoryStorage()
    failing.put = () => Promise.reject(full)
    failing.putIfAbsent = () => Promise.reject(full)
    const unreadable = new MemoryStorage()
    unreadable.get = () => Promise.reject(full)
    for (const [storage, pieces, code] of [
      [new MemoryStorage(), [...bytes.slice(0, 3), ...bytes.slice(4)], 'EXPORT_INVALID'],
      [failing, bytes, 'STORAGE_NO_SPACE'],
      [unreadable, bytes, 'STORAGE_NO_SPACE'],
    ] as const) {
      let isClosed = false
      const chunks = (async function* () {
        try {
          yield* pieces
        } finally {
          await yieldToEventLoop()
          isClosed = true
        }
      })()
      await expect(new Registry({ storage }).importModel(decodeFiles(chunks))).rejects.toMatchObject({ code })
      expect(isClosed).toBe(true)
    }
  })
})

describe('files as one stream', () => {
  const file = fc.record({ path: fc.string({ maxLength: 20 }), bytes: fc.uint8Array({ maxLength: 300 }) })

  /** The bytes of the stream in pieces that end anywhere. */
  function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
    let start = 0
    for (let index = 0; start < bytes.length; index++) {
      const size = sizes[index % sizes.length] ?? 1
      yield bytes.subarray(start, start + size)
      start += size
    }
  }
  const streamOf = async (files: Iterable<ExportedFile>): Promise<Uint8Array> =>
    Uint8Array.from((await collect(encodeFiles(files))).flatMap((bytes) => [...bytes]))

  test('come back as they were, wherever the stream is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1 }),
        async (files, sizes) => {
          expect(await collect(decodeFiles(pieces(await streamOf(files), sizes)))).toEqual(files)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('come back when they are larger than a frame', async () => {
    const large = { path: 'large', bytes: Uint8Array.from({ length: 2_500_000 }, (_, index) => index * 7) }
    const [back, empty] = await collect(decodeFiles(encodeFiles([large, { path: 'empty', bytes: new Uint8Array(0) }])))
    expect(Buffer.compare(back?.bytes ?? new Uint8Array(), large.bytes)).toBe(0)
    expect(empty).toEqual({ path: 'empty', bytes: new Uint8Array(0) })
    await expect(collect(decodeFiles(encodeFiles([large]), { maxFileBytes: 2_000_000 }))).rejects.toMatchObject({
      code: 'EXPORT_INVALID',
      details: { path: 'large' },
    })
  })

  test('cut short at any byte are refused, and damaged at any byte never give other files', async () => {
    const files = [
      { path: 'a', bytes: new TextEncoder().encode('first') },
      { path: 'b', bytes: new TextEncoder().encode('second') },
    ]
    const bytes = await streamOf(files)
    for (let length = 0; length < bytes.length; length++)
      await expect(collect(decodeFiles([bytes.subarray(0, length)])), `${length}`).rejects.toMatchObject({ code: 'EXPORT_INVALID' })
    for (let index = 0; index < bytes.length; index++) {
      const flipped = bytes.slice()
      flipped[index] = (flipped[index] as number) ^ 0x10
      await expect(collect(decodeFiles([flipped])), `${index}`).rejects.toMatchObject({
        code: expect.stringMatching(/^(EXPORT_INVALID|FORMAT_UNSUPPORTED)$/),
      })
    }
    await expect(collect(decodeFiles([bytes, bytes]))).rejects.toMatchObject({ code: 'EXPORT_INVALID' })
  })

  test('that are ended while nothing comes are over, as a caller sees it', async () => {
    const { iterable, state } = silent<Uint8Array>([])
    const files = decodeFiles(iterable)
    const next = files.next()
    await yieldToEventLoop()
    expect(await files.return()).toEqual({ done: true, value: undefined })
    expect(await next).toEqual({ done: true, value: undefined })
    expect(await files.next()).toEqual({ done: true, value: undefined })
    expect(state).toMatchObject({ asked: 1, closed: 1 })
  })

  test('carry a model from one registry to another', async () => {
    const to = new Registry({ storage: new MemoryStorage() })
    const from = await source()
    await to.importModel(decodeFiles(encodeFiles(from.exportModel('churn'))))
    expect(await told(to, 'churn')).toEqual(await told(from, 'churn'))
  })
})
