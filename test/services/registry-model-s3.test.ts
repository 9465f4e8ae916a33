// The registry on a real S3 server against its specification.
import { S3Storage } from 'millrace/storage/s3'
import { afterAll, describe, test } from 'vitest'
import { startMinistack } from '../../scripts/services/ministack.ts'
import type { S3Service } from '../../scripts/services/s3-service.ts'
import { named, startOrReason } from '../../scripts/services/service.ts'
import { answersAsSpecified, isLinearizableInAnyOrder } from '../proof/support/registry-model.ts'
import { size } from '../proof/support/size.ts'
import { connectionTo } from './support/s3.ts'

const ministack = await startOrReason(startMinistack)
afterAll(() => ministack.service?.stop())

let count = 0
const open = (): Promise<S3Storage> =>
  S3Storage.open({ ...connectionTo(ministack.service as S3Service), prefix: `registry-model/${count++}` })

describe.skipIf(ministack.service === undefined)(named('a registry on ministack', ministack), () => {
  test('answers as a list of versions and a stack for each alias would', async () => {
    await answersAsSpecified(open, { runs: size(6, 60), maxCommands: 30 })
  })

  test('is linearizable in whatever order its requests are served', async () => {
    await isLinearizableInAnyOrder(open, { runs: size(10, 100), clients: 3, callsEach: 5, faults: 0 })
  })

  test('is so while requests fail, they and replies are lost, and writes arrive late', async () => {
    await isLinearizableInAnyOrder(open, { runs: size(10, 100), clients: 3, callsEach: 5, faults: 0.05 })
  })
})
