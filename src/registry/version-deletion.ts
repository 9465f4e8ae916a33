import { MillraceError } from '../core/error.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { ModelChanges } from './model-changes.ts'
import { accountOf, assertName } from './names.ts'
import { aliasesAt } from './registry-state.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'
import { signalOf, versionNotFound } from './version-reader.ts'

/**
 * Puts up a tombstone: the number stays taken, the record stays in the history, and the blobs may be collected. Whether an alias points at the version is
 * decided on the very state that the tombstone follows.
 */
export async function deleteVersion(
  name: string,
  version: number,
  options: { readonly reason?: string; readonly by?: string } & SignalOption,
  parts: { readonly reader: VersionReader; readonly changes: ModelChanges; readonly logger: LogTarget | undefined },
): Promise<void> {
  const { reader, changes, logger } = parts
  const log = reader.logOf(assertName('name', name))
  const io = signalOf(options)
  const account = accountOf(options)
  const { entry } = await changes.append<'deleted'>(
    name,
    async (state, head) => {
      if ((await log.entryOf(version, head, io)) === undefined) throw versionNotFound(name, version, state)
      if (await log.isDeleted(state, version, io)) return { existing: 'deleted' }
      const aliases = aliasesAt(state, version)
      if (aliases.length > 0) throw inUse(name, version, aliases)
      const nodes = await log.deletionNodes(state, version, io)
      return { operation: { type: 'delete-version', version, nodes, ...account } }
    },
    io,
  )
  if (entry !== undefined) logger?.info('version deleted', { model: name, version, ...account })
}

function inUse(name: string, version: number, aliases: readonly string[]): MillraceError<'VERSION_IN_USE'> {
  return new MillraceError('VERSION_IN_USE', {
    message: `Expected version ${version} of model "${name}" to be under no alias, to delete it. Received one under ${aliases.join(', ')}.`,
    details: { name, version, aliases },
  })
}
