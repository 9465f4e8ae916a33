import type { S3StorageOptions } from 'millrace/storage/s3'
import { S3Storage } from 'millrace/storage/s3'
import type { ConformanceCase } from 'millrace/testing'
import { storageConformance } from 'millrace/testing'
import { test } from 'vitest'
import type { S3Service } from '../../../scripts/services/s3-service.ts'

/** What it takes to open the bucket of a service. */
export function connectionTo({ endpoint, region, bucket, credentials }: S3Service): S3StorageOptions {
  return { endpoint, region, bucket, credentials }
}

let prefixes = 0

/** The storage suite on a service, each case below a prefix of its own. */
export function storageCases(
  service: () => S3Service,
  options: Partial<S3StorageOptions>,
  suite: Omit<Parameters<typeof storageConformance>[0], 'open' | 'reopen'>,
): readonly ConformanceCase[] {
  const openedWith = new WeakMap<object, S3StorageOptions>()
  const open = async (given: S3StorageOptions): Promise<S3Storage> => {
    const storage = await S3Storage.open(given)
    openedWith.set(storage, given)
    return storage
  }
  return storageConformance({
    ...suite,
    open: () => {
      prefixes++
      return open({ ...connectionTo(service()), prefix: `suite/${prefixes}`, ...options })
    },
    reopen: (storage) => open(openedWith.get(storage) as S3StorageOptions),
  })
}

export function runAll(cases: readonly ConformanceCase[]): void {
  for (const { name, run, skip } of cases) test.skipIf(skip !== undefined)(skip === undefined ? name : `${name} (${skip})`, run)
}
