import { createRandom } from '../../../../src/core/random.ts'
import { encodeManifest } from '../../../../src/model/manifest.ts'
import { encodeFiles } from '../../../../src/registry/export/file-stream.ts'
import { ImportStaging } from '../../../../src/registry/export/import-staging.ts'
import { Registry } from '../../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../../src/storage/memory.ts'
import { FakeClock } from '../../../../src/testing/fake-clock.ts'
import { samplePackage } from '../../../../src/testing/sample-package.ts'

/** Where each of the stored formats of a registry lies after {@link formatModel}. */
export const storedFormats: Readonly<Record<string, string>> = {
  'register-entry': 'models/delay/log/0000000000000001',
  'register-entry-with-key': 'models/delay/log/0000000000000002',
  'set-alias-entry': 'models/delay/log/0000000000000019',
  'rollback-entry': 'models/delay/log/0000000000000021',
  'remove-entry': 'models/delay/log/0000000000000023',
  'protect-entry': 'models/delay/log/0000000000000024',
  'unprotect-entry': 'models/delay/log/0000000000000025',
  'delete-entry': 'models/delay/log/0000000000000027',
  'log-hint': 'models/delay/log-hint',
  notes: 'models/delay/notes/0000000000000001/0000000000000002',
  deployments: 'models/delay/deployments/0000000000000001/0000000000000001',
}

/** A registry in which everything was done once. The same clock and random numbers, the same bytes. */
export async function formatModel(): Promise<{ readonly storage: MemoryStorage; readonly registry: Registry }> {
  const clock = new FakeClock()
  const storage = new MemoryStorage({ clock })
  const registry = new Registry({ storage, clock, random: createRandom(1) })
  const told = { reason: 'AUC 0.8', by: 'ann' }
  await registry.register('delay', samplePackage('first'))
  for (let key = 1; key <= 17; key++) await registry.register('delay', samplePackage('second'), { idempotencyKey: `run-${key}` })
  for (const version of [1, 2]) await registry.setAlias('delay', 'champion', version, { ...told, expectedVersion: version - 1 })
  await registry.rollback('delay', 'champion', told)
  await registry.setAlias('delay', 'shadow', 3)
  await registry.removeAlias('delay', 'shadow', told)
  await registry.protectAlias('delay', 'canary', told)
  await registry.unprotectAlias('delay', 'canary', told)
  await registry.protectAlias('delay', 'champion', told)
  await registry.deleteVersion('delay', 3, told)
  await registry.deleteVersion('delay', 18)
  await registry.tag('delay', 1, { stage: 'approved', note: 'x' })
  await registry.describe('delay', 1, 'The first one.')
  await registry.recordDeployment('delay', 1, { deployment: 'checkout-api', by: 'ann' })
  return { storage, registry }
}

/** The files of this version: one of each stored format, a whole storage, and an exported model. */
export async function formatFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { storage, registry } = await formatModel()
  const files = new Map<string, Uint8Array>()
  for (const [name, key] of Object.entries(storedFormats)) {
    const found = await storage.get(key)
    if (found === undefined) throw new Error(`Expected "${key}" to be there.`)
    files.set(`registry-${name}.json`, found.bytes)
  }
  files.set('registry-manifest.json', encodeManifest(samplePackage('first').manifest))
  const content: Record<string, string> = {}
  for await (const { key } of storage.list('')) content[key] = Buffer.from((await storage.get(key))?.bytes ?? []).toString('base64')
  files.set('registry-storage.json', new TextEncoder().encode(`${JSON.stringify(content, undefined, 1)}\n`))
  const stream: Uint8Array[] = []
  for await (const piece of encodeFiles(registry.exportModel('delay', { versions: [1, 2] }))) stream.push(piece)
  files.set('registry-export.bin', Buffer.concat(stream))
  files.set('registry-import-under-way.json', await importUnderWay())
  return files
}

/** A storage with an import that has staged one file, and has not ended. */
async function importUnderWay(): Promise<Uint8Array> {
  const clock = new FakeClock()
  const storage = new MemoryStorage({ clock })
  const staging = new ImportStaging(storage, { clock, random: createRandom(1) })
  await staging.put(new TextEncoder().encode('abc'), {})
  const content: Record<string, string> = {}
  for await (const { key } of storage.list('imports')) content[key] = Buffer.from((await storage.get(key))?.bytes ?? []).toString('base64')
  return new TextEncoder().encode(`${JSON.stringify(content, undefined, 1)}\n`)
}
