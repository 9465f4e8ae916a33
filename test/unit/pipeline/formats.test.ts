import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cacheReferences, listRuns, openCache, Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { KeptOutputs } from '../../../src/pipeline/kept-outputs.ts'
import { readPast } from '../../../src/pipeline/run-past.ts'
import { formatRun, storedFormats } from './support/format-run.ts'
import { contentOf } from './support/runs.ts'
import { stage } from './support/stages.ts'

/** Files of each version that was released; they stay. */
const folder = fileURLToPath(new URL('../../fixtures/formats/v1/', import.meta.url))
const read = (name: string): string => readFileSync(`${folder}pipeline-${name}.json`, 'utf8')

/** A whole storage as version 1 left it: a run that failed, one that was under way, a cache, a collection. */
async function storageOfVersion1(): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  for (const [key, base64] of Object.entries(JSON.parse(read('storage')) as Record<string, string>))
    await storage.put(key, new Uint8Array(Buffer.from(base64, 'base64')))
  return storage
}

describe('what version 1 stored', () => {
  it('is a run whose record is read, from the summary and from the journal', async () => {
    const storage = await storageOfVersion1()
    const record = await readRun(storage, 'failed')
    expect(record).toMatchObject({
      id: 'failed',
      pipeline: 'flow',
      outcome: 'failed',
      epoch: 1,
      seed: 3,
      tags: { by: 'test' },
      codeVersion: 'abc',
      startedAt: Date.UTC(2001, 0, 2),
      stages: [
        {
          name: 'numbers',
          outcome: 'succeeded',
          reason: 'first run',
          parameters: { rate: 2 },
          metrics: { loss: 0.5, limit: Number.POSITIVE_INFINITY },
          artifacts: [{ kind: 'report', name: 'numbers', reference: 'numbers.html' }],
        },
        { name: 'send', outcome: 'succeeded', reason: 'effect' },
        { name: 'end', outcome: 'failed', error: { message: 'not yet' } },
      ],
    })
    await storage.delete('runs/failed/record')
    expect(await readRun(storage, 'failed')).toEqual(record)
    const outcomes: string[] = []
    for await (const { id, outcome } of listRuns(storage)) outcomes.push(`${id} ${outcome}`)
    expect(outcomes).toEqual(['failed failed', 'old succeeded', 'slow unfinished'])
  })

  it('is an output that a run of today takes from the cache', async () => {
    const numbers = stage('numbers', () => Float64Array.of(9), { parameters: { rate: 2 } })
    const run = await new Pipeline('flow').pipe(numbers).run({ storage: await storageOfVersion1() })
    expect(run.output).toEqual(Float64Array.of(1, 2, 3))
    expect(run.record.stages[0]).toMatchObject({ outcome: 'cached', from: 'failed', metrics: { loss: 0.5 } })
  })

  it('is what is remembered of a stage, against which a change is told', async () => {
    const changed = stage('numbers', () => 1, { parameters: { rate: 3 } })
    const run = await new Pipeline('flow').pipe(changed).run({ storage: await storageOfVersion1() })
    expect(run.record.stages[0]).toMatchObject({ reason: 'parameters changed', detail: 'rate' })
  })

  it('is work that a resumption does not do again', async () => {
    const storage = await storageOfVersion1()
    const past = await readPast(storage, 'failed')
    expect(past).toMatchObject({ epoch: 1, hasEnded: true, leaseMs: 10_000 })
    const numbers = past?.acknowledged.take({ stage: 'numbers' }, past.started.inputDigest as string)
    const sent = past?.acknowledged.take({ stage: 'send' }, numbers?.outputDigest as string)
    expect(sent?.keptIn).toBe(1)
    expect(await new KeptOutputs(storage, 'failed').get(1, 'send')).toMatchObject({ stored: { sent: 3 }, digest: sent?.outputDigest })
  })

  it('is a cache that is measured and collected, with its references', async () => {
    const storage = await storageOfVersion1()
    expect((await openCache(storage).size()).entries).toBe(1)
    const named = new Set<string>()
    for await (const digest of cacheReferences(storage).references({})) named.add(digest.slice(0, 4))
    expect([...named].sort()).toEqual(['a68d', 'dc91'])
    expect(await openCache(storage).collect({ maxBytes: 0 })).toMatchObject({ collected: { entries: 0 }, held: 1 })
  })

  it.each(Object.keys(storedFormats))('says what it is and who can read it: %s', (name) => {
    expect(JSON.parse(read(name))).toMatchObject({
      format: expect.stringMatching(/^millrace-[a-z-]+$/),
      formatVersion: 1,
      minReaderVersion: 1,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('has the members that are stored today: another set is another version', async () => {
    const { storage, end } = await formatRun()
    const content = await contentOf(storage)
    await end()
    for (const [name, pattern] of Object.entries(storedFormats)) {
      const key = Object.keys(content).find((each) => pattern.test(each))
      expect(membersOf(JSON.parse(content[key ?? ''] ?? 'null')), name).toEqual(membersOf(JSON.parse(read(name))))
    }
    const files = readdirSync(folder).filter((file) => file.startsWith('pipeline-'))
    expect(files).toHaveLength(Object.keys(storedFormats).length + 1)
  })
})

/** The paths of all members, sorted. */
function membersOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path]
  if (Array.isArray(value)) return [...new Set(value.flatMap((item) => membersOf(item, `${path}[]`)))].sort()
  return Object.entries(value)
    .flatMap(([key, member]) => membersOf(member, `${path}.${key}`))
    .sort()
}
