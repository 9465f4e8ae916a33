import type { StorageAdapter, StorageChangeOptions } from './adapter.ts'

/**
 * Names of the folders directly below a prefix that have keys in them, sorted as keys are. However many keys a folder holds, it costs one listing.
 *
 * @example
 * for await (const name of foldersBelow(storage, 'models')) console.log(name)
 */
export async function* foldersBelow(
  storage: StorageAdapter,
  prefix: string,
  options: StorageChangeOptions = {},
): AsyncGenerator<string, void, undefined> {
  if (storage.listFolders !== undefined) {
    for await (const name of storage.listFolders(prefix, options)) if (await hasKeys(storage, `${prefix}/${name}`, options)) yield name
    return
  }
  const depth = prefix.split('/').length
  let after: string | undefined
  while (true) {
    let name: string | undefined
    const behind = after === undefined ? {} : { after }
    for await (const { key } of storage.list(prefix, { ...options, ...behind, limit: 1 })) {
      const segments = key.split('/')
      // Past every key of that folder, or the object itself.
      after = segments.length > depth + 1 ? `${prefix}/${segments[depth]}/${lastSegment}` : key
      name = segments.length > depth + 1 ? segments[depth] : ''
    }
    if (name === undefined) return
    if (name !== '') yield name
  }
}

/** No segment of a key comes after it. */
const lastSegment = 'z'.repeat(128)

async function hasKeys(storage: StorageAdapter, prefix: string, options: StorageChangeOptions): Promise<boolean> {
  for await (const _ of storage.list(prefix, { ...options, limit: 1 })) return true
  return false
}
