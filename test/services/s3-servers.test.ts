// What only real servers show: races between processes, signatures, lost replies, a registry that several processes write.
import { MillraceError, Registry } from 'millrace'
import { S3Storage } from 'millrace/storage/s3'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { Ministack } from '../../scripts/services/ministack.ts'
import { startMinistack } from '../../scripts/services/ministack.ts'
import type { S3Service } from '../../scripts/services/s3-service.ts'
import { startS3rver } from '../../scripts/services/s3rver.ts'
import { startSeaweedfs } from '../../scripts/services/seaweedfs.ts'
import type { ServiceOrReason } from '../../scripts/services/service.ts'
import { named, startOrReason } from '../../scripts/services/service.ts'
import { size } from '../proof/support/size.ts'
import { endWorkers, release, startWorker } from '../proof/support/workers.ts'
import { collect, packageNamed } from '../unit/registry/registry-fixtures.ts'
import { startBreakingProxy } from './support/breaking-proxy.ts'
import { fetchThrough } from './support/fetch-through.ts'
import { connectionTo } from './support/s3.ts'
import type { RacerLine, RacerOptions } from './support/s3-racer.ts'
import type { RegistrarLine, RegistrarOptions } from './support/s3-registrar.ts'

const [ministack, seaweedfs, s3rver] = await Promise.all([
  startOrReason(startMinistack),
  startOrReason(startSeaweedfs),
  startOrReason(startS3rver),
])
afterAll(async () => {
  await Promise.all([ministack.service?.stop(), seaweedfs.service?.stop(), s3rver.service?.stop()])
})
afterEach(endWorkers)

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error) => (MillraceError.is(error) ? error.code : error),
  )
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)

const servers: readonly { store: ServiceOrReason<S3Service>; name: string; raceKeys: number; registrations: number }[] = [
  { store: ministack, name: 'ministack', raceKeys: size(60, 500), registrations: size(6, 50) },
  // Whoever loses there polls once a second.
  { store: seaweedfs, name: 'SeaweedFS', raceKeys: size(8, 40), registrations: size(3, 10) },
]

describe.each(servers)('$name', ({ store, name, raceKeys, registrations }) => {
  const service = (): S3Service => store.service as S3Service

  test.skipIf(store.service === undefined)(
    named(`${name}: of 8 writers in 4 processes exactly one wins each of ${raceKeys} keys`, store),
    async () => {
      const connection = { ...connectionTo(service()), prefix: 'race' }
      const racers = upTo(4).map((index) => {
        const options: RacerOptions = { connection, name: `racer-${index}`, connections: 2 }
        return startWorker('../../services/support/s3-racer.ts', options.name, options)
      })
      await Promise.all(racers.map((racer) => racer.waitFor('ready')))
      const keys = Array.from({ length: raceKeys }, (_, index) => `key-${index}`)
      const winners = new Map<string, readonly string[]>()
      for (const key of keys) {
        for (const racer of racers) racer.tell(key)
        const lines = await Promise.all(racers.map((racer) => racer.waitFor((line) => line.startsWith(`{"key":"${key}",`))))
        const results = lines.map((line) => JSON.parse(line) as RacerLine)
        expect(results.flatMap(({ other }) => other)).toEqual([])
        winners.set(
          key,
          results.flatMap(({ won }) => won),
        )
      }
      expect([...winners.values()].filter((won) => won.length !== 1)).toEqual([])
      const storage = await S3Storage.open(connection)
      for (const [key, [winner]] of winners) expect(new TextDecoder().decode((await storage.get(key))?.bytes)).toBe(winner)
      // Else it was no race.
      const processes = new Set([...winners.values()].map(([winner]) => winner?.slice(0, 'racer-1'.length)))
      expect(processes.size).toBeGreaterThan(1)
    },
  )

  test.skipIf(store.service === undefined)(
    named(`${name}: versions that several processes register have no gaps, and the alias moves are all in the history`, store),
    async () => {
      const connection = { ...connectionTo(service()), prefix: 'registry' }
      const registrars = upTo(3).map((index) => {
        const options: RegistrarOptions = { connection, name: `r${index}`, count: registrations }
        return startWorker('../../services/support/s3-registrar.ts', options.name, options)
      })
      await release(registrars)
      await Promise.all(registrars.map(({ ended }) => ended))
      const made = registrars.flatMap(({ lines }) =>
        lines.filter((line) => line !== 'ready').map((line) => JSON.parse(line) as RegistrarLine),
      )
      const total = 3 * registrations
      expect(made.map(({ version }) => version).sort((left, right) => left - right)).toEqual(upTo(total))
      const registry = new Registry({ storage: await S3Storage.open(connection) })
      const versions = await collect(registry.versions('churn'))
      expect(versions.map(({ version }) => version)).toEqual(upTo(total))
      for (const { version, manifestDigest } of made) expect(versions[version - 1]?.manifestDigest).toBe(manifestDigest)
      const moves = (await collect(registry.history('churn'))).flatMap(({ operation }) =>
        operation.type === 'set-alias' ? [operation.version] : [],
      )
      expect([...moves].sort((left, right) => left - right)).toEqual(upTo(total))
      expect((await registry.alias('churn', 'champion'))?.version).toBe(moves.at(-1))
      const { manifest, blob } = await registry.load('churn', total)
      expect(new TextDecoder().decode(await blob(manifest.model.blobs.weights?.digest as string))).toMatch(/^weights of r/)
    },
  )

  test.skipIf(store.service === undefined)(
    named(`${name}: row 17: S3 reply lost after apply: one version, no phantom`, store),
    async () => {
      const { endpoint } = service()
      const proxy = await startBreakingProxy(endpoint)
      try {
        const storage = await S3Storage.open({
          ...connectionTo(service()),
          endpoint: `http://127.0.0.1:${proxy.port}`,
          prefix: 'lost-replies',
        })
        // Every third reply to a write.
        let writes = 0
        proxy.breaks = ({ method }) => method === 'PUT' && ++writes % 3 === 0
        const registry = new Registry({ storage })
        for (const index of upTo(8)) {
          const { version } = await registry.register('churn', packageNamed(`lossy-${index}`), { idempotencyKey: `lossy-${index}` })
          expect(version).toBe(index)
        }
        expect(proxy.lost()).toBeGreaterThan(5)
        proxy.breaks = () => false
        const direct = new Registry({ storage: await S3Storage.open({ ...connectionTo(service()), prefix: 'lost-replies' }) })
        expect((await collect(direct.versions('churn'))).map(({ version }) => version)).toEqual(upTo(8))
        // A lost reply to a create that another had made is a conflict, and stays one.
        await storage.putIfAbsent('theirs', bytes('theirs'))
        proxy.breaks = ({ url }) => url.includes('theirs') && proxy.lost() % 2 === 0
        expect(await codeOf(storage.putIfAbsent('theirs', bytes('ours')))).toBe('STORAGE_CONFLICT')
      } finally {
        await proxy.stop()
      }
    },
  )

  test.skipIf(store.service === undefined)(
    named(`${name}: a secret that is wrong is refused as such, and is not shown`, store),
    async () => {
      const { credentials } = service()
      for (const wrong of [
        { ...credentials, secretAccessKey: 'WrongSecretWrongSecret' },
        { accessKeyId: 'UNKNOWNUNKNOWNUNKNOW', secretAccessKey: 'WrongSecretWrongSecret' },
      ]) {
        const error = await S3Storage.open({ ...connectionTo(service()), credentials: wrong }).catch((caught: unknown) => caught)
        expect(MillraceError.is(error, 'STORAGE_DENIED')).toBe(true)
        expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain('WrongSecret')
      }
      // Also after it had been let in.
      let secretAccessKey = credentials.secretAccessKey
      const storage = await S3Storage.open({
        ...connectionTo(service()),
        prefix: 'denied',
        credentials: () => ({ ...credentials, secretAccessKey }),
      })
      secretAccessKey = 'WrongSecretWrongSecret'
      for (const work of [
        () => storage.get('key'),
        () => storage.put('key', bytes('x')),
        () => storage.putIfAbsent('key', bytes('x')),
        () => storage.delete('key'),
        () => collect(storage.list('')),
      ])
        expect(await codeOf(work())).toBe('STORAGE_DENIED')
    },
  )
})

describe.skipIf(ministack.service === undefined)(named('ministack', ministack), () => {
  const service = (): Ministack => ministack.service as Ministack

  test('lets in who signs with a session token, and not without it or with another', async () => {
    const session = await service().sessionCredentials()
    const connection = { ...connectionTo(service()), prefix: 'session' }
    const storage = await S3Storage.open({ ...connection, credentials: async () => session })
    await storage.putIfAbsent('key', bytes('one'))
    expect((await storage.get('key'))?.bytes).toEqual(bytes('one'))
    const { accessKeyId, secretAccessKey } = session
    expect(await codeOf(S3Storage.open({ ...connection, credentials: { accessKeyId, secretAccessKey } }))).toBe('STORAGE_DENIED')
    expect(await codeOf(S3Storage.open({ ...connection, credentials: { ...session, sessionToken: 'another' } }))).toBe('STORAGE_DENIED')
    expect(await codeOf(S3Storage.open({ ...connection, credentials: { ...session, secretAccessKey: 'wrong' } }))).toBe('STORAGE_DENIED')
  })

  test('has no bucket that was not made', async () => {
    const error = await S3Storage.open({ ...connectionTo(service()), bucket: 'no-such-bucket' }).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_UNAVAILABLE')).toBe(true)
    expect(String(error)).toContain('NoSuchBucket')
  })

  test('is spoken to by the host of the bucket, whose name is signed', async () => {
    const { endpoint } = service()
    const hosts = new Set<string>()
    const through = fetchThrough(endpoint)
    const storage = await S3Storage.open({
      ...connectionTo(service()),
      endpoint: 'http://s3.us-east-1.amazonaws.com',
      addressing: 'virtual-host',
      prefix: 'virtual',
      fetch: (url, init) => {
        hosts.add(new URL(url).host)
        return through(url, init)
      },
    })
    await storage.putIfAbsent('a/b', bytes('one'))
    expect(await codeOf(storage.putIfAbsent('a/b', bytes('two')))).toBe('STORAGE_CONFLICT')
    expect((await collect(storage.list(''))).map(({ key }) => key)).toEqual(['a/b'])
    expect(hosts).toEqual(new Set(['millrace.s3.us-east-1.amazonaws.com']))
    // The same object, by its path.
    const byPath = await S3Storage.open({ ...connectionTo(service()), prefix: 'virtual' })
    expect((await byPath.get('a/b', { range: { start: 1, end: 3 } }))?.bytes).toEqual(bytes('ne'))
  })

  test('that is stopped cannot be reached', async () => {
    const other = await startMinistack()
    const storage = await S3Storage.open({ ...connectionTo(other), attempts: 2 })
    await other.stop()
    expect(await codeOf(storage.get('key'))).toBe('STORAGE_UNAVAILABLE')
    expect(await codeOf(storage.putIfAbsent('key', bytes('x')))).toBe('STORAGE_UNAVAILABLE')
    expect(await codeOf(collect(storage.list('')))).toBe('STORAGE_UNAVAILABLE')
  })
})

describe.skipIf(s3rver.service === undefined)(named('s3rver', s3rver), () => {
  test('row 19: server ignores preconditions: refused at open', async () => {
    const connection = connectionTo(s3rver.service as S3Service)
    expect(await codeOf(S3Storage.open(connection))).toBe('STORAGE_CAPABILITY_MISSING')
    const storage = await S3Storage.open({ ...connection, withoutPutIfAbsent: true })
    expect(storage.capabilities.putIfAbsent).toBe(false)
    await storage.put('a/b', bytes('one'))
    expect((await collect(storage.list(''))).map(({ key }) => key)).toEqual(['a/b'])
    const register = async (): Promise<unknown> => new Registry({ storage }).register('churn', packageNamed('refused'))
    expect(await codeOf(register())).toBe('STORAGE_CAPABILITY_MISSING')
  })
})
