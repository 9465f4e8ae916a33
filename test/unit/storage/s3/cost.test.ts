import { Registry } from 'millrace'
import { expect, test } from 'vitest'
import { packageNamed } from '../../registry/registry-fixtures.ts'
import { FakeS3, openOn } from './fake-s3.ts'

test('a registration costs what docs/guides/s3.md says, and no listing', async () => {
  const s3 = new FakeS3()
  const registry = new Registry({ storage: await openOn(s3) })
  await registry.register('churn', packageNamed('first'))
  s3.asked.length = 0
  // One of its four blobs is new.
  await registry.register('churn', packageNamed('second'))
  const count = (method: string): number => s3.asked.filter((asked) => asked.method === method).length
  expect(s3.asked.every(({ url }) => !url.searchParams.has('list-type'))).toBe(true)
  expect(count('PUT')).toBe(2)
  expect(count('GET')).toBeLessThanOrEqual(7)
  s3.asked.length = 0
  await registry.setAlias('churn', 'champion', 2)
  expect(count('PUT')).toBe(1)
  expect(count('GET')).toBeLessThanOrEqual(1)
})
