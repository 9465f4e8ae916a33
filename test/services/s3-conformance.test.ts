// The storage suite over the wire.
import { afterAll, describe } from 'vitest'
import { startMinistack } from '../../scripts/services/ministack.ts'
import type { S3Service } from '../../scripts/services/s3-service.ts'
import { startSeaweedfs } from '../../scripts/services/seaweedfs.ts'
import type { ServiceOrReason } from '../../scripts/services/service.ts'
import { named, startOrReason } from '../../scripts/services/service.ts'
import { runAll, storageCases } from './support/s3.ts'

const [ministack, seaweedfs] = await Promise.all([startOrReason(startMinistack), startOrReason(startSeaweedfs)])
afterAll(async () => {
  await Promise.all([ministack.service?.stop(), seaweedfs.service?.stop()])
})

const folders = ['refuses a key that is the folder of another, and one below an object', 'names the key in a fault as it was given']
const notLookedFor = 'an object store has no folders, and looking for them before each write is an option, since it costs a request or more'
const both = { racedFolderIsRefused: false } as const
// Whoever loses a race there polls once a second, and emptied folders stay.
const slow = { ...both, writers: 4, emptiedFolderIsFree: false } as const

const servers: readonly { name: string; store: ServiceOrReason<S3Service>; suite: typeof both | typeof slow }[] = [
  { name: 'S3 storage on ministack', store: ministack, suite: both },
  { name: 'S3 storage on SeaweedFS', store: seaweedfs, suite: slow },
]

for (const { name, store, suite } of servers) {
  const service = (): S3Service => store.service as S3Service
  describe.skipIf(store.service === undefined)(named(name, store), () => {
    runAll(storageCases(service, {}, { ...suite, expectedFailures: Object.fromEntries(folders.map((name) => [name, notLookedFor])) }))
  })
  describe.skipIf(store.service === undefined)(named(`${name} that looks for folders`, store), () => {
    const about = [...folders, 'has a key free again when all below it are deleted']
    runAll(storageCases(service, { refuseFolderKeys: true }, suite).filter(({ name }) => about.includes(name)))
  })
}
