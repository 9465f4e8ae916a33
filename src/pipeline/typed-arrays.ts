/** The arrays of numbers that JavaScript has, by name; and bare buffers. */
const makers: Readonly<Record<string, (buffer: ArrayBuffer) => ArrayBufferView | ArrayBuffer>> = {
  Int8Array: (buffer) => new Int8Array(buffer),
  Uint8Array: (buffer) => new Uint8Array(buffer),
  Uint8ClampedArray: (buffer) => new Uint8ClampedArray(buffer),
  Int16Array: (buffer) => new Int16Array(buffer),
  Uint16Array: (buffer) => new Uint16Array(buffer),
  Int32Array: (buffer) => new Int32Array(buffer),
  Uint32Array: (buffer) => new Uint32Array(buffer),
  Float32Array: (buffer) => new Float32Array(buffer),
  Float64Array: (buffer) => new Float64Array(buffer),
  BigInt64Array: (buffer) => new BigInt64Array(buffer),
  BigUint64Array: (buffer) => new BigUint64Array(buffer),
  ArrayBuffer: (buffer) => buffer,
}

/** The name under which an array or buffer is stored, and its bytes (little-endian, as every platform that runs JavaScript today has them). */
export function bytesOfArray(value: object): { readonly array: string; readonly bytes: Uint8Array } | undefined {
  const array = Object.prototype.toString.call(value).slice(8, -1)
  if (!Object.hasOwn(makers, array)) return undefined
  if (value instanceof ArrayBuffer) return { array, bytes: new Uint8Array(value) }
  if (!ArrayBuffer.isView(value)) return undefined
  return { array, bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) }
}

/** The array again; undefined for a name that is not known or bytes that are no whole number of elements. */
export function arrayOfBytes(array: string, bytes: Uint8Array): ArrayBufferView | ArrayBuffer | undefined {
  if (!Object.hasOwn(makers, array)) return undefined
  try {
    return makers[array]?.(new Uint8Array(bytes).buffer)
  } catch {
    return undefined
  }
}
