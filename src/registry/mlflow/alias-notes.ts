import { isPlainObject } from '../../core/json.ts'
import { ownPrefix } from './names.ts'
import type { ServerModel } from './wire.ts'

/** Who moved an alias and why: MLflow keeps neither, so it stands in a tag of the model, one for each alias, and counts as long as the alias is where it says. */
export interface AliasNote {
  readonly version: number
  readonly reason: string | null
  readonly by: string | null
}

export function aliasNoteTag(alias: string): string {
  return `${ownPrefix}alias.${alias}`
}

/** The note on where the alias is now; nulls where another client moved it. */
export function aliasNoteOf(model: ServerModel, alias: string): AliasNote {
  const version = model.aliases.get(alias) ?? 0
  const none = { version, reason: null, by: null }
  try {
    const note: unknown = JSON.parse(model.tags.get(aliasNoteTag(alias)) ?? 'null')
    if (!isPlainObject(note) || note.version !== version) return none
    return { version, reason: textOrNull(note.reason), by: textOrNull(note.by) }
  } catch {
    return none
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
