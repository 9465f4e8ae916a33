import type { StorageAdapter } from 'millrace/storage'
import { FileStorage } from 'millrace/storage/file'
import { S3Storage } from 'millrace/storage/s3'

/** How a process opens the storage; plain data, so that it can be handed to one. */
export type StorageSpec =
  | { readonly kind: 'file'; readonly root: string }
  | {
      readonly kind: 's3'
      readonly endpoint: string
      readonly bucket: string
      readonly prefix: string
      readonly accessKeyId: string
      readonly secretAccessKey: string
    }

export async function openStorage(spec: StorageSpec): Promise<StorageAdapter> {
  if (spec.kind === 'file') return FileStorage.open(spec.root)
  const { endpoint, bucket, prefix, accessKeyId, secretAccessKey } = spec
  return S3Storage.open({ endpoint, bucket, prefix, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey } })
}
