import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { NumberedLog } from '../storage/numbered-log.ts'

/** The labels of one version. */
export type Tags = { readonly [tag: string]: string }
/** Null takes a label off. */
export type TagChanges = { readonly [tag: string]: string | null }

/**
 * The tags of one version are a small log of their own, so that an entry of the model's log need not hold those of all versions and tagging races
 * with nothing else.
 */
export class VersionTags {
  readonly #log: NumberedLog<Tags, TagChanges>

  constructor(options: { readonly storage: StorageAdapter; readonly prefix: string; readonly clock: Clock; readonly random: Random }) {
    this.#log = new NumberedLog<Tags, TagChanges>({
      ...options,
      format: 'millrace-registry-tags',
      formatVersion: 1,
      initial: {},
      reduce: reduceTags,
    })
  }

  async read(options: { readonly signal?: AbortSignal } = {}): Promise<Tags> {
    return (await this.#log.head(options))?.state ?? {}
  }

  async change(changes: TagChanges, options: { readonly signal?: AbortSignal } = {}): Promise<Tags> {
    const { existing, entry } = await this.#log.append<Tags>((tags) => {
      const isSame = Object.entries(changes).every(([tag, value]) => (Object.hasOwn(tags, tag) ? tags[tag] : null) === value)
      return isSame ? { existing: tags } : { operation: changes }
    }, options)
    return entry === undefined ? existing : entry.state
  }
}

/** The tags after a change. Pure. */
export function reduceTags(tags: Tags, changes: TagChanges): Tags {
  const next = new Map(Object.entries(tags))
  for (const [tag, value] of Object.entries(changes)) {
    if (value === null) next.delete(tag)
    else next.set(tag, value)
  }
  return Object.fromEntries(next)
}
