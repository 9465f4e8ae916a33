import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { decodeManifest, digestOfManifest } from '../../../src/model/manifest.ts'
import { decodeFiles } from '../../../src/registry/export/file-stream.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { hasBlob, putBlob } from '../../../src/storage/blobs.ts'
import { crc32 } from '../../../src/storage/crc32.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { samplePackage } from '../../../src/testing/sample-package.ts'
import { collect } from './registry-fixtures.ts'
import { formatFiles, storedFormats } from './support/format-model.ts'

/** Files of each version that was released; they stay. */
const folder = fileURLToPath(new URL('../../fixtures/formats/v1/', import.meta.url))
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(`${folder}registry-${name}`))

/** A whole storage as version 1 left it. */
async function storageOfVersion1(): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  const content = JSON.parse(new TextDecoder().decode(read('storage.json'))) as Readonly<Record<string, string>>
  for (const [key, base64] of Object.entries(content)) await storage.put(key, new Uint8Array(Buffer.from(base64, 'base64')))
  return storage
}

describe('what version 1 stored', () => {
  test('is a registry of today, with its history, notes and deployments', async () => {
    const registry = new Registry({ storage: await storageOfVersion1() })
    expect(await collect(registry.models())).toEqual(['delay'])
    const versions = await collect(registry.versions('delay'))
    expect(versions.map(({ version }) => version)).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17])
    expect(versions[0]).toMatchObject({
      manifestDigest: samplePackage('first').manifestDigest,
      createdAt: Date.UTC(2001, 0, 1),
      metrics: { auc: 0.75 },
      lineage: { runId: 'run-first' },
      tags: { stage: 'approved', note: 'x' },
      description: 'The first one.',
    })
    expect(await registry.aliases('delay')).toEqual(new Map([['champion', 1]]))
    await expect(registry.setAlias('delay', 'champion', 2)).rejects.toMatchObject({ code: 'ALIAS_PROTECTED' })
    await expect(registry.version('delay', 18)).rejects.toMatchObject({ code: 'VERSION_DELETED' })
    const types = (await collect(registry.history('delay'))).map(({ operation }) => operation.type)
    expect(types.slice(18)).toEqual([
      'set-alias',
      'set-alias',
      'rollback-alias',
      'set-alias',
      'remove-alias',
      'protect-alias',
      'unprotect-alias',
      'protect-alias',
      'delete-version',
      'delete-version',
    ])
    expect(await registry.lineage('delay', 1)).toMatchObject({
      deployments: [{ deployment: 'checkout-api', by: 'ann' }],
      aliases: [{ alias: 'champion' }, { alias: 'champion', to: null }],
    })
  })

  test('is packages that load, and keys that are known', async () => {
    const registry = new Registry({ storage: await storageOfVersion1() })
    expect((await registry.load('delay', 1)).manifest).toEqual(samplePackage('first').manifest)
    for (const [key, version] of [
      ['run-1', 2],
      ['run-9', 10],
      // Its version was deleted.
      ['run-2', 19],
    ] as const)
      expect((await registry.register('delay', samplePackage('second'), { idempotencyKey: key })).version).toBe(version)
    expect((await registry.register('delay', samplePackage('third'))).version).toBe(20)
    expect((await registry.rollback('delay', 'champion', { expectedVersion: 1, reason: 'r', by: 'b' }).catch((error) => error)).code).toBe(
      'ALIAS_NOTHING_BEFORE',
    )
  })

  test('is a manifest and an exported model', async () => {
    const manifest = decodeManifest(read('manifest.json'))
    expect(digestOfManifest(manifest)).toBe(samplePackage('first').manifestDigest)
    const registry = new Registry({ storage: new MemoryStorage() })
    await registry.importModel(decodeFiles([read('export.bin')]), { aliases: true })
    expect((await registry.load('delay', 2)).manifest).toEqual(samplePackage('second').manifest)
    expect((await registry.alias('delay', 'champion'))?.description).toBe('The first one.')
  })

  test('is an import under way: what it has staged is not collected, and is once nobody has come back for it in a week', async () => {
    const clock = new FakeClock()
    const storage = new MemoryStorage({ clock })
    const registry = new Registry({ storage, clock })
    const digest = await putBlob(storage, new TextEncoder().encode('abc'))
    const stored = JSON.parse(new TextDecoder().decode(read('import-under-way.json'))) as Readonly<Record<string, string>>
    for (const [key, base64] of Object.entries(stored)) await storage.put(key, new Uint8Array(Buffer.from(base64, 'base64')))
    await clock.advance(2 * 86_400_000)
    await registry.collectGarbage({ dryRun: false, olderThanMs: 86_400_000 })
    expect(await hasBlob(storage, digest)).toBe(true)
    await clock.advance(6 * 86_400_000)
    await registry.collectGarbage({ dryRun: false, olderThanMs: 86_400_000 })
    expect(await hasBlob(storage, digest)).toBe(false)
  })

  test('is what is stored today, to the byte: other bytes are another version', async () => {
    const today = await formatFiles()
    for (const [name, bytes] of today) expect(new TextDecoder().decode(bytes), name).toBe(readFileSync(`${folder}${name}`, 'utf8'))
    expect(readdirSync(folder).filter((name) => name.startsWith('registry-'))).toHaveLength(today.size)
  })

  test.each(Object.keys(storedFormats))('says what it is and who can read it: %s', (name) => {
    expect(JSON.parse(new TextDecoder().decode(read(`${name}.json`)))).toMatchObject({
      format: expect.stringMatching(/^millrace-[a-z-]+$/),
      formatVersion: 1,
      minReaderVersion: 1,
    })
  })
})

describe('what a later version stored', () => {
  test.each(Object.entries(storedFormats).filter(([name]) => name !== 'log-hint'))(
    'is FORMAT_UNSUPPORTED where this one cannot read it: %s',
    async (_name, key) => {
      const storage = await storageOfVersion1()
      const stored = JSON.parse(new TextDecoder().decode((await storage.get(key))?.bytes)) as { crc: string }
      const { crc: _crc, ...content } = { ...stored, formatVersion: 2, minReaderVersion: 2 }
      const text = JSON.stringify(content)
      const checksum = crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0')
      await storage.put(key, new TextEncoder().encode(`{"crc":"${checksum}",${text.slice(1)}`))
      const registry = new Registry({ storage })
      const all = async (): Promise<void> => {
        await collect(registry.history('delay'))
        await registry.lineage('delay', 1)
        await registry.version('delay', 1)
      }
      await expect(all()).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', details: { supportedVersion: 1 } })
    },
  )
})
