/** How objects lie in the one object store: a small entry each, which `list` reads without the bytes, and the bytes beside it. */

export interface EntryRecord {
  readonly sizeBytes: number
  /** By the clock of whoever wrote it. */
  readonly modifiedAt: number
  /** A segment's bytes are in so many parts, one for each append; undefined for an object in one piece. */
  readonly parts?: number
}

export function entryKey(key: string): string {
  return `e/${key}`
}

export function bytesKey(key: string): string {
  return `b/${key}`
}

export function partKey(key: string, part: number): string {
  return `p/${key}/${String(part).padStart(10, '0')}`
}

/** All parts of a segment, in order. */
export function partsRange(key: string): IDBKeyRange {
  return below(`p/${key}`)
}

/** All entries below a prefix of whole segments. */
export function entriesBelow(prefix: string): IDBKeyRange {
  return below(prefix === '' ? 'e' : `e/${prefix}`)
}

/** The part of a range behind a key; undefined when there is none. */
export function behind(range: IDBKeyRange, key: string): IDBKeyRange | undefined {
  if (key >= range.upper) return undefined
  return key < range.lower ? range : IDBKeyRange.bound(key, range.upper, true, true)
}

/** `0` is the character after `/`. */
function below(folder: string): IDBKeyRange {
  return IDBKeyRange.bound(`${folder}/`, `${folder}0`, true, true)
}
