// Dictionaries between Arrow memory and strings. Many batches share one dictionary, so it is encoded and decoded once.
import { type Data, makeData } from 'apache-arrow/data'
import { Utf8 } from 'apache-arrow/type'
import { Vector } from 'apache-arrow/vector'

const encodedOf = new WeakMap<readonly string[], Vector<Utf8>>()
const decodedOf = new WeakMap<object, DecodedDictionary>()

/** The texts of an Arrow dictionary. */
export interface DecodedDictionary {
  readonly texts: readonly string[]
  /** No two entries are equal and none is null, so codes may be used as they are. */
  readonly distinct: boolean
}

/** Above this many bytes the texts are encoded one by one, since a string has a longest length. */
const joinLimitBytes = 1 << 26
const loneSurrogate = /\p{Surrogate}/u
const loneSurrogates = /\p{Surrogate}/gu

/** The text with U+FFFD in place of half a surrogate pair, which UTF-8 cannot say. */
export function wellFormed(text: string): string {
  return loneSurrogate.test(text) ? text.replace(loneSurrogates, '\ufffd') : text
}

/** A Utf8 vector of the texts, built in one pass: Arrow's own builder makes 0.8 million values a second. The array must not change afterwards. */
export function encodeDictionary(texts: readonly string[]): Vector<Utf8> {
  const known = encodedOf.get(texts)
  if (known !== undefined) return known
  let changed = false
  const clean = texts.map((text) => {
    const repaired = wellFormed(text)
    if (repaired !== text) changed = true
    return repaired
  })
  const valueOffsets = new Int32Array(clean.length + 1)
  let offset = 0
  for (let index = 0; index < clean.length; index++) {
    offset += utf8Length(clean[index] as string)
    valueOffsets[index + 1] = offset
  }
  const data = makeData({ type: new Utf8(), length: clean.length, nullCount: 0, valueOffsets, data: utf8Of(clean, valueOffsets) })
  const vector = new Vector([data])
  encodedOf.set(texts, vector)
  // Two texts may have become one.
  if (!changed) decodedOf.set(data, { texts, distinct: new Set(texts).size === texts.length })
  return vector
}

/**
 * Makes the UTF-8 memory known that the texts were decoded from, so that {@link encodeDictionary} has nothing to do: text i is bytes [offsets[i], offsets[i + 1]).
 * The texts are well-formed and distinct; neither they nor the memory may change afterwards.
 */
export function adoptDictionary(texts: readonly string[], utf8: { readonly bytes: Uint8Array; readonly offsets: Int32Array }): void {
  const data = makeData({ type: new Utf8(), length: texts.length, nullCount: 0, valueOffsets: utf8.offsets, data: utf8.bytes })
  encodedOf.set(texts, new Vector([data]))
  decodedOf.set(data, { texts, distinct: true })
}

/** The texts of a dictionary, decoded once for all batches that share it. A null entry reads as ''. */
export function decodeDictionary(dictionary: Vector): DecodedDictionary {
  const key = dictionary.data.length === 1 ? dictionary.data[0] : undefined
  const known = key === undefined ? undefined : decodedOf.get(key)
  if (known !== undefined) return known
  const texts = new Array<string>(dictionary.length)
  for (let index = 0; index < texts.length; index++) {
    texts[index] = key === undefined ? ((dictionary.get(index) as string | null) ?? '') : key.getValid(index) ? textAt(key, index) : ''
  }
  const decoded = { texts, distinct: dictionary.nullCount === 0 && new Set(texts).size === texts.length }
  if (key !== undefined) decodedOf.set(key, decoded)
  return decoded
}

// Arrow's own decoder drops a byte order mark, which here is a character like others: two texts would become one.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The text of a row that is not null, of Utf8 or LargeUtf8. */
export function textAt({ values, valueOffsets }: Data, row: number): string {
  const offsets = valueOffsets as ArrayLike<number | bigint>
  return decoder.decode((values as Uint8Array).subarray(Number(offsets[row]), Number(offsets[row + 1])))
}

function utf8Of(texts: readonly string[], valueOffsets: Int32Array): Uint8Array {
  const encoder = new TextEncoder()
  const sizeBytes = valueOffsets[texts.length] as number
  if (sizeBytes <= joinLimitBytes) return encoder.encode(texts.join(''))
  const bytes = new Uint8Array(sizeBytes)
  for (let index = 0; index < texts.length; index++) encoder.encodeInto(texts[index] as string, bytes.subarray(valueOffsets[index]))
  return bytes
}

/** UTF-8 length of a well-formed text. */
function utf8Length(text: string): number {
  let bytes = 0
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800) bytes += 2
    else if (unit >= 0xd800 && unit < 0xdc00) {
      bytes += 4
      index++
    } else bytes += 3
  }
  return bytes
}
