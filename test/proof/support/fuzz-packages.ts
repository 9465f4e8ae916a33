import { sha256Hex } from '../../../src/core/digest.ts'
import { isPlainObject } from '../../../src/core/json.ts'
import { digestOfManifest } from '../../../src/model/manifest.ts'
import type { BlobReference, Manifest, ModelPackage } from '../../../src/model/model-package.ts'
import { digestOfModel } from '../../../src/model/model-reference.ts'

export type Path = readonly (string | number)[]
type Node = { [key: string]: unknown } | unknown[]

/** A package taken apart: its manifest, and its blobs by where the manifest names them. */
export interface Parts {
  readonly manifest: Record<string, unknown>
  readonly blobs: ReadonlyMap<string, Uint8Array>
}

/** Where a manifest names a blob. */
function referencesOf(manifest: unknown): readonly { readonly place: string; readonly holder: Node; readonly name: string }[] {
  const found: { place: string; holder: Node; name: string }[] = []
  if (!isPlainObject(manifest)) return found
  for (const name of ['profile', 'golden']) found.push({ place: name, holder: manifest, name })
  for (const part of ['model', 'plan']) {
    const blobs = isPlainObject(manifest[part]) ? manifest[part].blobs : undefined
    if (isPlainObject(blobs)) for (const name of Object.keys(blobs)) found.push({ place: `${part}.${name}`, holder: blobs, name })
  }
  return found
}

export async function takeApart(modelPackage: ModelPackage): Promise<Parts> {
  const manifest = JSON.parse(JSON.stringify(modelPackage.manifest)) as Record<string, unknown>
  const blobs = new Map<string, Uint8Array>()
  for (const { place, holder, name } of referencesOf(manifest)) {
    const { digest } = (holder as Record<string, BlobReference>)[name] as BlobReference
    blobs.set(place, await modelPackage.blob(digest))
  }
  return { manifest, blobs }
}

/**
 * A package of the parts, with all digests and sizes made to fit again where the manifest still has a place for them: what is under test lies behind
 * those checks. With `honest: false` they stay what the manifest says.
 */
export function putTogether({ manifest, blobs }: Parts, honest = true): ModelPackage {
  const byDigest = new Map<string, Uint8Array>()
  for (const bytes of blobs.values()) byDigest.set(sha256Hex(bytes), bytes)
  const whole = structuredClone(manifest)
  if (honest) {
    for (const { place, holder, name } of referencesOf(whole)) {
      const bytes = blobs.get(place)
      const reference = (holder as Record<string, unknown>)[name]
      if (bytes !== undefined && isPlainObject(reference)) Object.assign(reference, { digest: sha256Hex(bytes), sizeBytes: bytes.length })
    }
    try {
      const { model } = whole as unknown as Manifest
      Object.assign(model, { digest: digestOfModel(model) })
    } catch {
      // There is no such place any more.
    }
  }
  let manifestDigest = '0'.repeat(64)
  try {
    manifestDigest = digestOfManifest(whole as unknown as Manifest)
  } catch {
    // What is no JSON has no digest, and must be refused for that.
  }
  return {
    manifest: whole as unknown as Manifest,
    manifestDigest,
    async blob(digest) {
      return byDigest.get(digest) ?? new Uint8Array(0)
    },
  }
}

/** Every place in a value: of a list the first, the second and the last. */
export function pathsIn(value: unknown, path: Path = []): Path[] {
  const paths: Path[] = [path]
  if (Array.isArray(value)) {
    for (const index of new Set([0, 1, value.length - 1])) if (index in value) paths.push(...pathsIn(value[index], [...path, index]))
  } else if (isPlainObject(value)) {
    for (const [key, member] of Object.entries(value)) paths.push(...pathsIn(member, [...path, key]))
  }
  return paths
}

/** A copy with another value at a place; `undefined` takes it away. */
export function withValue<Value>(whole: Value, path: Path, value: unknown): Value {
  if (path.length === 0) return value as Value
  const copy = structuredClone(whole)
  let node = copy as Node
  for (const step of path.slice(0, -1)) node = (node as Record<string | number, Node>)[step] as Node
  const last = path.at(-1) as string | number
  if (value === undefined) {
    if (Array.isArray(node)) node.splice(Number(last), 1)
    else Reflect.deleteProperty(node, last)
  } else Object.defineProperty(node, last, { value, enumerable: true, configurable: true, writable: true })
  return copy
}

export function valueAt(whole: unknown, path: Path): unknown {
  return path.reduce<unknown>((node, step) => (node as Record<string | number, unknown>)[step], whole)
}

function nested(levels: number, list: boolean): unknown {
  let value: unknown = null
  for (let level = 0; level < levels; level++) value = list ? [value] : { a: value }
  return value
}

/** What may stand where something else should: other types, sizes that overflow or cannot be had, and the names of prototypes. */
export const hostileValues: readonly unknown[] = [
  ...[undefined, null, true, false, '', 'x', 'constructor', '__proto__', '\ud800', 'x'.repeat(100_000)],
  ...[
    0,
    -0,
    1,
    -1,
    0.5,
    1e308,
    5e-324,
    65_536,
    2 ** 20,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 32 + 1,
    2 ** 40,
    2 ** 53 - 1,
    2 ** 53,
    -(2 ** 31),
  ],
  ...[
    [],
    [null],
    [[]],
    [0],
    [''],
    {},
    { a: 1 },
    { length: 2 ** 40 },
    { type: 'float64', values: [] },
    { type: 'uint8', blob: 'x', length: 2 ** 40 },
  ],
  JSON.parse('{"__proto__":{"polluted":true}}'),
  JSON.parse('{"constructor":{"prototype":{"polluted":true}},"toString":null}'),
  ...[nested(100, true), nested(100, false)],
]
/** Apart, since a copy of what nests so deep takes a stack of its own. */
export const deepValues: readonly unknown[] = [nested(1_500, true), nested(1_500, false)]

/** The longest typed array, buffer or list that was asked for while the work ran: a size that is read from a file must not be had before it is checked. */
export async function longestAllocation(work: () => Promise<unknown>): Promise<number> {
  const names = ['ArrayBuffer', 'Array', 'Uint8Array', 'Uint16Array', 'Uint32Array', 'Int32Array', 'Float32Array', 'Float64Array'] as const
  const global = globalThis as unknown as Record<string, unknown>
  const originals = names.map((name) => [name, global[name]] as const)
  let longest = 0
  for (const [name, original] of originals) {
    global[name] = new Proxy(original as new (...parameters: unknown[]) => object, {
      construct(target, parameters, newTarget) {
        const [length] = parameters
        if (typeof length === 'number') longest = Math.max(longest, length)
        return Reflect.construct(target, parameters, newTarget)
      },
    })
  }
  try {
    await work()
  } finally {
    for (const [name, original] of originals) global[name] = original
  }
  return longest
}
