/** What an adapter can be trusted with. Whoever needs more than it has refuses it when opened (`STORAGE_CAPABILITY_MISSING`). */
export interface StorageCapabilities {
  /** `putIfAbsent` is atomic against every other writer. */
  readonly putIfAbsent: boolean
  /** Other processes (or tabs) may use the same store at the same time. */
  readonly multiProcess: boolean
  /** What an acknowledged write survives: nothing, the end of the process, the loss of power. */
  readonly durability: 'none' | 'process' | 'device'
}

export interface StoredObject {
  /** The caller owns them. With a range, the bytes of that range. */
  readonly bytes: Uint8Array
  /** Size of the whole object, also where a range was asked for. */
  readonly sizeBytes: number
}

export interface StoredEntry {
  readonly key: string
  readonly sizeBytes: number
  /** When the object was last written, in milliseconds since 1970 UTC by the store's own clock. */
  readonly modifiedAt: number
}

/** `start` inclusive, `end` exclusive; an end past the object means its end. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface StorageGetOptions {
  /** Only these bytes. */
  readonly range?: ByteRange
  readonly signal?: AbortSignal
}

export interface StorageChangeOptions {
  readonly signal?: AbortSignal
}

export interface StorageListOptions {
  /** Only keys behind this one, whether it is there or not. */
  readonly after?: string
  /** No more entries than this. */
  readonly limit?: number
  readonly signal?: AbortSignal
}

/**
 * Five methods that move bytes; every meaning lives above them, once. Every operation is atomic: a reader sees an object entire or not at
 * all, and a failed write leaves the old state. All that is acknowledged is kept as `capabilities.durability` says.
 *
 * Why this shape: put-if-absent is the one primitive that makes a registry linearizable without a server, and every store worth having
 * offers it (link on files, add in IndexedDB, `If-None-Match: *` on S3). An overwritten head or a lock file is not enough: see
 * docs/decisions/0001-numbered-log-registry.md.
 *
 * Keys are segments `[a-z0-9][a-z0-9._-]{0,126}[a-z0-9]` (or one character) joined by `/`; see `assertKey`. A key is never the folder of another.
 *
 * Every method rejects with `signal.reason` when aborted, with `STORAGE_INVALID_KEY` for a key that does not fit, with `STORAGE_UNAVAILABLE`
 * when the store cannot be reached, with `STORAGE_DENIED` when it does not let these credentials in.
 */
export interface StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  /** Undefined when there is no such object. */
  get(key: string, options?: StorageGetOptions): Promise<StoredObject | undefined>
  /**
   * Creates an object.
   *
   * @throws {@link MillraceError} `STORAGE_CONFLICT`: somebody else's is there, ours was not written. `STORAGE_OUTCOME_UNKNOWN`: it may have
   * been written; read it back. `STORAGE_NO_SPACE`.
   */
  putIfAbsent(key: string, bytes: Uint8Array, options?: StorageChangeOptions): Promise<void>
  /** Creates or replaces, atomically. For caches and hints: the last writer wins. */
  put(key: string, bytes: Uint8Array, options?: StorageChangeOptions): Promise<void>
  /** Idempotent: an absent object is no fault. */
  delete(key: string, options?: StorageChangeOptions): Promise<void>
  /** Entries below a prefix of whole segments (`''` for all), sorted by key; `after` is exclusive. */
  list(prefix: string, options?: StorageListOptions): AsyncIterable<StoredEntry>
  /**
   * Names of all folders directly below a prefix, sorted as keys are; one that has just been emptied may be among them. For storage in which to step over folders by
   * `list` with `after` reads all of them each time; where it is absent, that is what is done.
   */
  listFolders?(prefix: string, options?: StorageChangeOptions): AsyncIterable<string>
}

/**
 * Storage that can append. It is a contract of its own, since an object store has no append: files have it natively.
 */
export interface SegmentStore {
  /** Opens a new segment for this one writer. @throws {@link MillraceError} `STORAGE_CONFLICT` when the key exists. */
  createSegment(key: string, options?: StorageChangeOptions): Promise<SegmentWriter>
}

/** The one writer of a segment. */
export interface SegmentWriter {
  readonly key: string
  readonly sizeBytes: number
  /**
   * Written when it resolves, durable only after `sync`. The bytes may be reused afterwards.
   *
   * @throws {@link MillraceError} `STORAGE_NO_SPACE`: nothing of it was written, and it may be tried again. After any other fault, as after a
   * failed `sync`, the writer is of no more use but to be sealed, which closes it and fails.
   */
  append(bytes: Uint8Array): Promise<void>
  /** All that was appended is durable when it resolves. */
  sync(): Promise<void>
  /** Syncs and closes; nothing can be appended any more. */
  seal(): Promise<void>
}
