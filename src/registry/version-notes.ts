import type { Clock } from '../core/clock.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import { canonicalJson } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { NumberedLog } from '../storage/numbered-log.ts'
import { isNotesEntry } from './check-entries.ts'
import { assertDescription, assertObject } from './names.ts'

/** What people say of one version. */
export type Notes = { readonly tags: { readonly [tag: string]: string }; readonly description: string }
/** Null takes a tag off. */
export type TagChanges = { readonly [tag: string]: string | null }
/** What is left out stays. */
export type NotesChange = { readonly tags?: TagChanges; readonly description?: string }

type NotesOperation = { readonly tags: TagChanges; readonly description: string | null }

export const noNotes: Notes = { tags: {}, description: '' }
export const notesFormat: { readonly format: string; readonly formatVersion: number } = {
  format: 'millrace-registry-notes',
  formatVersion: 1,
}

/** Each entry holds all notes of its version, so they are bounded. */
const maxNotesLength = 32_768
const maxTagLength = 256
const reserved: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** The folder of a version among those of all: sorted as the versions are. */
export function versionFolder(version: number): string {
  return String(version).padStart(16, '0')
}

/**
 * The tags and the description of one version are a small log of their own, so that an entry of the model's log need not hold those of all versions
 * and writing them races with nothing else.
 */
export class VersionNotes {
  readonly #log: NumberedLog<Notes, NotesOperation>

  constructor(options: { readonly storage: StorageAdapter; readonly prefix: string; readonly clock: Clock; readonly random: Random }) {
    this.#log = new NumberedLog<Notes, NotesOperation>({
      ...options,
      ...notesFormat,
      hint: false,
      check: isNotesEntry,
      initial: noNotes,
      reduce: reduceNotes,
    })
  }

  async read(options: { readonly signal?: AbortSignal } = {}): Promise<Notes> {
    return (await this.#log.head(options))?.state ?? noNotes
  }

  /** The notes after it. Nothing is written when they say so already. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
  async change(change: NotesChange, options: { readonly signal?: AbortSignal } = {}): Promise<Notes> {
    const operation = operationOf(change)
    const { existing, entry } = await this.#log.append<Notes>((notes) => {
      const next = reduceNotes(notes, operation)
      const text = canonicalJson(next)
      if (text === canonicalJson(notes)) return { existing: notes }
      assertLength(text)
      return { operation }
    }, options)
    return entry === undefined ? existing : entry.state
  }
}

/** The notes after a change. Pure. */
export function reduceNotes(notes: Notes, { tags, description }: NotesOperation): Notes {
  const next = new Map(Object.entries(notes.tags))
  for (const [tag, value] of Object.entries(tags)) {
    if (value === null) next.delete(tag)
    else next.set(tag, value)
  }
  return { tags: Object.fromEntries(next), description: description ?? notes.description }
}

/** That a version without notes can have these. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertNotes(notes: Notes): void {
  assertLength(canonicalJson(reduceNotes(noNotes, operationOf(notes))))
}

function assertLength(text: string): void {
  if (text.length > maxNotesLength)
    throw invalidArgument('tags and description of a version', `at most ${maxNotesLength} characters as JSON`, `${text.length}`)
}

function operationOf({ tags = {}, description }: NotesChange): NotesOperation {
  assertObject('tags', tags)
  for (const [tag, value] of Object.entries(tags)) {
    if (tag === '' || tag.length > maxTagLength || reserved.has(tag))
      throw invalidArgument('tag', `1 to ${maxTagLength} characters, no name of a prototype`, JSON.stringify(tag))
    if (value !== null && typeof value !== 'string') throw invalidArgument(`value of tag "${tag}"`, 'text or null', typeof value)
  }
  return { tags, description: description === undefined ? null : assertDescription(description) }
}
