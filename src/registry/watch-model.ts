import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import type { RegistryEvent, WatchOptions } from '../model/model-registry.ts'
import { assertName } from './names.ts'
import type { RegistryState } from './registry-state.ts'
import { aliasIn, initialRegistryState } from './registry-state.ts'
import type { RegistryEntry } from './version-log.ts'
import type { VersionReader } from './version-reader.ts'
import { signalOf } from './version-reader.ts'

const longestDelayMs = 30_000

/**
 * Looks at the log of a model again and again, and tells in its order what was added since the first look: each version, each move of the alias. One failed
 * read a look while nothing moves, in a model without versions too. When a later look fails since the storage cannot be reached, it is waited for, longer each
 * time; what happened meanwhile is told afterwards. When the first one fails, that is thrown: from where on to tell is not known.
 */
export async function* watchModel(
  reader: VersionReader,
  name: string,
  alias: string,
  options: WatchOptions & { readonly clock: Clock },
): AsyncGenerator<RegistryEvent, void, undefined> {
  const { clock, intervalMs = 1_000, signal } = options
  assertName('name', name)
  assertName('alias', alias)
  if (!(intervalMs > 0)) throw invalidArgument('intervalMs', 'a number of milliseconds above 0', String(intervalMs))
  const { log } = reader.logOf(name)
  const io = signalOf(options)
  throwIfAborted(signal)
  // Not waited for: whoever is told nothing would believe that what happens from now on is seen.
  let seen = await reader.head(name, io)
  const next = (): Promise<RegistryEntry | undefined> => log.entry((seen?.generation ?? 0) + 1, io)
  let failures = 0
  while (true) {
    await clock.sleep(failures === 0 ? intervalMs : Math.max(intervalMs, Math.min(longestDelayMs, intervalMs * 2 ** failures)), signal)
    try {
      // One by one, so that a storage that often fails still gets on; generations have no gaps, so the first that is absent is the end.
      for (let entry = await next(); entry !== undefined; entry = await next()) {
        failures = 0
        const event = eventOf(name, alias, seen?.state ?? initialRegistryState, entry)
        seen = entry
        if (event !== undefined) yield event
      }
      failures = 0
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_UNAVAILABLE')) throw error
      failures++
    }
  }
}

/** What an entry tells whoever watches the alias, after the state before it. Pure. */
function eventOf(name: string, alias: string, before: RegistryState, entry: RegistryEntry): RegistryEvent | undefined {
  const { operation, state, time } = entry
  if (operation.type === 'register') return { type: 'version-registered', name, time, version: state.lastVersion }
  const isMove = operation.type === 'set-alias' || operation.type === 'rollback-alias' || operation.type === 'remove-alias'
  if (!isMove || operation.alias !== alias) return undefined
  const [from, to] = [aliasIn(before, alias)?.version ?? null, aliasIn(state, alias)?.version ?? null]
  return { type: 'alias-moved', name, time, alias, from, to, reason: operation.reason, by: operation.by }
}
