import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'

/** Longer arrays are blobs. */
const mostInline = 256

interface StoredArrays {
  readonly uint8: Uint8Array
  readonly uint16: Uint16Array
  readonly uint32: Uint32Array
  readonly float32: Float32Array
  readonly float64: Float64Array
}
export type StoredArrayType = keyof StoredArrays
export type StoredArray = StoredArrays[StoredArrayType]

type ArrayClasses = {
  readonly [Type in StoredArrayType]: {
    new (values: readonly number[] | ArrayBuffer): StoredArrays[Type]
    readonly BYTES_PER_ELEMENT: number
  }
}
const arrayClasses: ArrayClasses = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
}

/** Gathers a plan's large tables while its JSON is written. Arrays are little-endian. */
export class BlobWriter {
  readonly blobs: Record<string, Uint8Array> = {}

  array(name: string, array: StoredArray): Json {
    const type = typeOf(array)
    if (array.length <= mostInline) return { type, values: [...array] }
    this.blobs[name] = new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice()
    return { type, blob: name, length: array.length }
  }

  /** Whole numbers in the smallest type that holds them; other numbers as doubles. */
  numbers(name: string, numbers: ArrayLike<number>): Json {
    return this.array(name, compact(numbers))
  }

  list(name: string, values: readonly (string | number)[]): Json {
    if (values.length <= mostInline) return { values: [...values] }
    this.blobs[name] = new TextEncoder().encode(JSON.stringify(values))
    return { blob: name, length: values.length }
  }
}

/** Reads what {@link BlobWriter} wrote. @throws {@link MillraceError} `MODEL_INVALID` where something is missing or does not fit. */
export class BlobReader {
  readonly #blobs: Readonly<Record<string, Uint8Array>>

  constructor(blobs: Readonly<Record<string, Uint8Array>>) {
    this.#blobs = blobs
  }

  array<Type extends StoredArrayType>(stored: unknown, ...types: readonly Type[]): StoredArrays[Type] {
    const record = recordOf(stored, 'an array')
    const type = types.find((known) => known === record.type)
    if (type === undefined) throw invalidPlan(`an array of ${types.join(' or ')}`, String(record.type))
    const ArrayClass: ArrayClasses[Type] = arrayClasses[type]
    if (record.blob === undefined) return new ArrayClass(listOf(record.values, 'numbers').map((value) => numberOf(value, 'a number')))
    const bytes = this.#bytes(record.blob)
    if (bytes.byteLength !== ArrayClass.BYTES_PER_ELEMENT * numberOf(record.length, 'a length')) {
      throw invalidPlan(`${record.length} numbers in blob "${record.blob}"`, `${bytes.byteLength} bytes`)
    }
    return new ArrayClass(bytes.slice().buffer)
  }

  /** Numbers of whatever type was smallest. */
  numbers(stored: unknown): StoredArray {
    return this.array(stored, 'uint8', 'uint16', 'uint32', 'float64')
  }

  list(stored: unknown): readonly (string | number)[] {
    const record = recordOf(stored, 'a list')
    if (record.blob === undefined) return listOf(record.values, 'values') as readonly (string | number)[]
    const values = listOf(JSON.parse(new TextDecoder().decode(this.#bytes(record.blob))), 'values') as readonly (string | number)[]
    if (values.length !== record.length) throw invalidPlan(`${record.length} values in blob "${record.blob}"`, String(values.length))
    return values
  }

  #bytes(name: unknown): Uint8Array {
    const bytes = typeof name === 'string' ? this.#blobs[name] : undefined
    if (bytes === undefined) throw invalidPlan(`a blob "${String(name)}"`, 'none')
    return bytes
  }
}

/** Whole numbers in the smallest type that holds them; other numbers as doubles. */
export function compact(numbers: ArrayLike<number>): StoredArray {
  let greatest = 0
  let whole = true
  for (let index = 0; index < numbers.length && whole; index++) {
    const number = numbers[index] as number
    whole = number >= 0 && Number.isInteger(number) && !Object.is(number, -0)
    if (number > greatest) greatest = number
  }
  if (!whole || greatest > 0xffff_ffff) return Float64Array.from(numbers)
  if (greatest <= 0xff) return Uint8Array.from(numbers)
  return greatest <= 0xffff ? Uint16Array.from(numbers) : Uint32Array.from(numbers)
}

function typeOf(array: StoredArray): StoredArrayType {
  if (array instanceof Uint8Array) return 'uint8'
  if (array instanceof Uint16Array) return 'uint16'
  if (array instanceof Uint32Array) return 'uint32'
  return array instanceof Float32Array ? 'float32' : 'float64'
}

export function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (isPlainObject(value)) return value
  throw invalidPlan(what, typeof value)
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw invalidPlan(`a list of ${what}`, typeof value)
}

export function numberOf(value: unknown, what: string): number {
  if (typeof value === 'number') return value
  throw invalidPlan(what, typeof value)
}

export function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw invalidPlan(what, typeof value)
}

export function invalidPlan(expected: string, received: string): MillraceError<'MODEL_INVALID'> {
  return new MillraceError('MODEL_INVALID', {
    message: `Expected ${expected} in the stored feature plan. Received ${received}.`,
    details: { reason: `expected ${expected}` },
  })
}
