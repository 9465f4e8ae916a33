import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'
import { getBlob, putBlob } from '../storage/blobs.ts'
import type { Portable } from '../storage/portable.ts'
import type { Codec, CodecOptions } from './stage-definition.ts'
import { arrayOfBytes, bytesOfArray } from './typed-arrays.ts'

/** A value in two forms: as it is stored, and as it counts in the digest, where what is stored apart stands by its own digest. */
interface Encoded {
  readonly stored: Json
  readonly counted: Json
}
interface EncodedPortable {
  readonly kind: string
  readonly stored: Json
  readonly digest: string
}

/** Marks an object that stands for something else. A key of the user's that starts with the same sign gets one more. */
const tag = '$type'

/**
 * The codec of stages that bring none: plain objects and arrays, all numbers, `undefined`, dates, big integers, arrays of numbers (as blobs)
 * and whatever the pipeline's portables know. What it makes is read back equal, and equal content has an equal digest, whatever the order of
 * keys. It remembers the live objects that it has seen, so that what flows through ten stages is stored once: one codec for each run.
 *
 * @throws {@link MillraceError} `OUTPUT_NOT_STORABLE` with the path, for a function, a Map, a class instance that no portable knows, a list
 * with properties of its own, a cycle.
 * @example
 * const codec = createJsonCodec()
 * const { stored, digest } = await codec.encode({ at: new Date(0), ids: new Uint32Array([1]) }, { storage, portables: [] })
 * await codec.decode(stored, { storage, portables: [] }) // { at: new Date(0), ids: new Uint32Array([1]) }
 */
export function createJsonCodec(): Codec<unknown> {
  const encodedObjects = new WeakMap<object, Promise<EncodedPortable>>()
  const decodedObjects = new Map<string, Promise<unknown>>()
  return {
    name: 'json',
    version: '1',
    async encode(value: unknown, options: CodecOptions): Promise<{ readonly stored: Json; readonly digest: string }> {
      const { stored, counted } = await new Encoder(options, encodedObjects).encode(value, '$')
      return { stored, digest: digestOfJson(counted) }
    },
    async decode(stored: Json, options: CodecOptions): Promise<unknown> {
      return await decode(stored, { options, encodedObjects, decodedObjects })
    },
    async blobs(stored: Json, options: CodecOptions): Promise<readonly string[]> {
      const blobs = new Set<string>()
      await collectBlobs(stored, options, blobs)
      return [...blobs]
    },
  }
}

class Encoder {
  readonly #options: CodecOptions
  readonly #encodedObjects: WeakMap<object, Promise<EncodedPortable>>
  readonly #ancestors = new Set<object>()

  constructor(options: CodecOptions, encodedObjects: WeakMap<object, Promise<EncodedPortable>>) {
    this.#options = options
    this.#encodedObjects = encodedObjects
  }

  /** At once for what is no object: a promise for each of a million numbers would take longer than all the rest. */
  encode(value: unknown, path: string): Encoded | Promise<Encoded> {
    switch (typeof value) {
      case 'boolean':
      case 'string':
        return both(value)
      case 'number':
        return both(encodeNumber(value))
      case 'undefined':
        return both({ [tag]: 'undefined' })
      case 'bigint':
        return both({ [tag]: 'bigint', value: String(value) })
      case 'object':
        return value === null ? both(null) : this.#encodeObject(value, path)
      default:
        throw notStorable(path, `a ${typeof value}`)
    }
  }

  async #encodeObject(value: object, path: string): Promise<Encoded> {
    if (value instanceof Date) return both({ [tag]: 'date', value: encodeNumber(value.getTime()) })
    const array = bytesOfArray(value)
    if (array !== undefined)
      return both({ [tag]: 'array', array: array.array, blob: await putBlob(this.#options.storage, array.bytes, signalOf(this.#options)) })
    const portable = this.#options.portables.find((candidate) => candidate.matches(value))
    if (portable !== undefined) return await this.#encodePortable(value, portable)
    if (this.#ancestors.has(value)) throw notStorable(path, 'a cycle')
    this.#ancestors.add(value)
    const encoded = Array.isArray(value) ? await this.#encodeList(value, path) : await this.#encodeRecord(value, path)
    this.#ancestors.delete(value)
    return encoded
  }

  async #encodePortable(value: object, portable: Portable): Promise<Encoded> {
    let encoding = this.#encodedObjects.get(value)
    if (encoding === undefined) {
      encoding = portable.encode(value, this.#options).then(({ stored, digest }) => ({ kind: portable.kind, stored, digest }))
      this.#encodedObjects.set(value, encoding)
      // A failure may be the storage's: the next stage tries again.
      encoding.catch(() => this.#encodedObjects.delete(value))
    }
    const { kind, stored, digest } = await encoding
    return { stored: { [tag]: 'portable', kind, digest, stored }, counted: { [tag]: 'portable', kind, digest } }
  }

  async #encodeList(value: readonly unknown[], path: string): Promise<Encoded> {
    // Named properties come after the numbered ones. What would not be read back must not look as if it had been stored.
    const last = Object.keys(value).at(-1)
    if (last !== undefined && !/^\d+$/.test(last)) throw notStorable(path, `a list with a property "${last}"`)
    const stored: Json[] = []
    const counted: Json[] = []
    for (let index = 0; index < value.length; index++) {
      const encoding = this.encode(value[index], `${path}[${index}]`)
      const item = encoding instanceof Promise ? await encoding : encoding
      stored.push(item.stored)
      counted.push(item.counted)
    }
    return { stored, counted }
  }

  async #encodeRecord(value: object, path: string): Promise<Encoded> {
    if (!isPlainObject(value)) throw notStorable(path, `an instance of ${value.constructor?.name || 'a class'}`)
    const stored: [string, Json][] = []
    const counted: [string, Json][] = []
    for (const key of Object.keys(value)) {
      const encoding = this.encode(value[key], `${path}.${key}`)
      const member = encoding instanceof Promise ? await encoding : encoding
      const name = key.startsWith('$') ? `$${key}` : key
      stored.push([name, member.stored])
      counted.push([name, member.counted])
    }
    return { stored: Object.fromEntries(stored), counted: Object.fromEntries(counted) }
  }
}

interface Decoding {
  readonly options: CodecOptions
  readonly encodedObjects: WeakMap<object, Promise<EncodedPortable>>
  /** By kind and digest: equal content is one object. */
  readonly decodedObjects: Map<string, Promise<unknown>>
}

async function decode(stored: Json, decoding: Decoding): Promise<unknown> {
  if (stored === null || typeof stored !== 'object') return stored
  if (isList(stored)) {
    const items: unknown[] = []
    for (const item of stored) items.push(await decode(item, decoding))
    return items
  }
  if (Object.hasOwn(stored, tag)) return await decodeTagged(stored, decoding)
  const members: [string, unknown][] = []
  for (const [key, member] of Object.entries(stored))
    members.push([key.startsWith('$') ? key.slice(1) : key, await decode(member, decoding)])
  return Object.fromEntries(members)
}

async function decodeTagged(stored: { readonly [key: string]: Json }, decoding: Decoding): Promise<unknown> {
  const { options } = decoding
  const { value } = stored
  switch (stored[tag]) {
    case 'undefined':
      return undefined
    case 'number':
      return decodeNumber(value)
    case 'bigint':
      return BigInt(String(value))
    case 'date':
      return new Date(decodeNumber(value))
    case 'array': {
      const array = arrayOfBytes(String(stored.array), await getBlob(options.storage, String(stored.blob), signalOf(options)))
      if (array === undefined) throw corrupt(`an array of kind "${String(stored.array)}"`)
      return array
    }
    case 'portable':
      return await decodePortable(String(stored.kind), String(stored.digest), stored.stored ?? null, decoding)
    default:
      throw corrupt(`a value of type "${String(stored[tag])}"`)
  }
}

async function decodePortable(kind: string, digest: string, stored: Json, decoding: Decoding): Promise<unknown> {
  const known = `${kind}:${digest}`
  let value = decoding.decodedObjects.get(known)
  if (value === undefined) {
    value = portableOf(kind, decoding.options).decode(stored, decoding.options)
    decoding.decodedObjects.set(known, value)
    value.catch(() => decoding.decodedObjects.delete(known))
  }
  const decoded = await value
  if (typeof decoded === 'object' && decoded !== null) decoding.encodedObjects.set(decoded, Promise.resolve({ kind, stored, digest }))
  return decoded
}

async function collectBlobs(stored: Json, options: CodecOptions, into: Set<string>): Promise<void> {
  if (stored === null || typeof stored !== 'object') return
  if (isList(stored)) {
    for (const item of stored) await collectBlobs(item, options, into)
    return
  }
  if (stored[tag] === 'array') into.add(String(stored.blob))
  else if (stored[tag] === 'portable') {
    const blobs = await portableOf(String(stored.kind), options).blobs(stored.stored ?? null, options)
    for (const blob of blobs) into.add(blob)
  } else for (const member of Object.values(stored)) await collectBlobs(member, options, into)
}

function portableOf(kind: string, options: CodecOptions): Portable {
  const portable = options.portables.find((candidate) => candidate.kind === kind)
  if (portable !== undefined) return portable
  throw new MillraceError('FORMAT_UNSUPPORTED', {
    message: `Expected a stage of the pipeline to bring the portable of kind "${kind}". Received ${options.portables.map((known) => `"${known.kind}"`).join(', ') || 'none'}.`,
    details: { format: kind, formatVersion: 1, supportedVersion: 0 },
  })
}

function encodeNumber(value: number): Json {
  if (Object.is(value, -0)) return { [tag]: 'number', value: '-0' }
  return Number.isFinite(value) ? value : { [tag]: 'number', value: String(value) }
}

function decodeNumber(value: Json | undefined): number {
  return isPlainObject(value) ? Number(value.value) : Number(value)
}

function both(json: Json): Encoded {
  return { stored: json, counted: json }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function signalOf(options: CodecOptions): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal }
}

function notStorable(path: string, received: string): MillraceError<'OUTPUT_NOT_STORABLE'> {
  return new MillraceError('OUTPUT_NOT_STORABLE', {
    message: `Expected plain data at ${path}, or a value that a portable of the stage knows. Received ${received}. Give the stage "portables", or a codec of its own.`,
    details: { path, received },
  })
}

function corrupt(received: string): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected a stored value of the JSON codec. Received ${received}.`,
    details: { key: 'json', reason: `unknown: ${received}` },
  })
}
