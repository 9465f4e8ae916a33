import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import type { Random } from '../core/random.ts'
import { systemRandom } from '../core/random.ts'
import { receivedText } from '../core/received.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { BeforeAliasMove } from './alias-moves.ts'
import { assertObject, assertWholeNumber } from './names.ts'
import type { SignalOption, VersionReaderOptions } from './version-reader.ts'

export interface RegistryOptions {
  /** Where versions and their blobs are kept; it must put if absent. */
  readonly storage: StorageAdapter
  /** Is told of each version made or deleted and each alias moved. */
  readonly logger?: LogTarget
  /** A gate before every move of an alias: what it throws refuses the move (`ALIAS_MOVE_REFUSED`). */
  readonly beforeAliasMove?: BeforeAliasMove
  readonly clock?: Clock
  /** For the jitter between attempts and the ids of operations. */
  readonly random?: Random
  /** How often a change is tried against other writers before `REGISTRY_BUSY`, 1 or more; default 100. */
  readonly attempts?: number
}

/** Why something is done and by whom: it stays in the history. */
export interface AccountOptions extends SignalOption {
  readonly reason?: string
  readonly by?: string
}

/** What all parts of a registry share. @throws {@link MillraceError} `ARGUMENT_INVALID`, `STORAGE_CAPABILITY_MISSING`. */
export function sharedOptions(options: RegistryOptions): VersionReaderOptions {
  assertObject('options', options)
  const { storage, beforeAliasMove, clock = systemClock, random = systemRandom, attempts } = options
  if (typeof storage?.capabilities !== 'object') throw invalidArgument('storage', 'a storage adapter', receivedText(storage))
  if (!storage.capabilities.putIfAbsent) {
    throw new MillraceError('STORAGE_CAPABILITY_MISSING', {
      message: `Expected a storage that can put if absent for a model registry. Received "${storage.name}", which cannot.`,
      details: { storage: storage.name, capability: 'putIfAbsent' },
    })
  }
  // A gate that is none would let everything pass, or nothing.
  if (beforeAliasMove !== undefined && typeof beforeAliasMove !== 'function')
    throw invalidArgument('beforeAliasMove', 'a function', receivedText(beforeAliasMove))
  return { storage, clock, random, ...(attempts === undefined ? {} : { attempts: assertWholeNumber('attempts', attempts, 1) }) }
}
