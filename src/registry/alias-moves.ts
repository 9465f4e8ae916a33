import { isAbortOf, raceAbort } from '../core/abort.ts'
import { MillraceError, messageOf } from '../core/error.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { ModelVersion, SetAliasOptions } from '../model/model-registry.ts'
import type { AliasDecision, AliasMove, AliasTarget } from './alias-decisions.ts'
import { decideProtection, decideRemoveAlias, decideRollback, decideSetAlias } from './alias-decisions.ts'
import type { ModelChanges } from './model-changes.ts'
import { accountOf, assertName, assertObject, assertWholeNumber } from './names.ts'
import type { RegistryState } from './registry-state.ts'
import type { RegistryEntry } from './version-log.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'
import { aliasNotFound, signalOf } from './version-reader.ts'

/** An alias that is about to be moved, as the hook `beforeAliasMove` is told of it. */
export interface AliasMoveRequest {
  readonly kind: 'set' | 'remove' | 'rollback'
  readonly name: string
  readonly alias: string
  /** Where it is; undefined: nowhere yet. */
  readonly from: ModelVersion | undefined
  /** Where it goes; undefined: it is taken away. */
  readonly to: ModelVersion | undefined
  readonly reason: string | null
  readonly by: string | null
  readonly signal?: AbortSignal
}

/** Throwing, or rejecting, refuses the move. It may be asked more than once for one move, when others change the model meanwhile. */
export type BeforeAliasMove = (request: AliasMoveRequest) => void | Promise<void>

/** Moves aliases, protects them, and asks the host's hook before. */
export class AliasMoves {
  readonly #reader: VersionReader
  readonly #changes: ModelChanges
  readonly #before: BeforeAliasMove | undefined
  readonly #logger: LogTarget | undefined

  constructor(
    reader: VersionReader,
    changes: ModelChanges,
    options: { readonly beforeAliasMove?: BeforeAliasMove; readonly logger?: LogTarget },
  ) {
    this.#reader = reader
    this.#changes = changes
    this.#before = options.beforeAliasMove
    this.#logger = options.logger
  }

  async set(name: string, alias: string, version: number, options: SetAliasOptions): Promise<void> {
    const move = moveOf(name, alias, options)
    await this.#move(
      move,
      async (_state, head) => {
        const { generation: versionGeneration } = await this.#reader.entryAsOf(name, version, head, options)
        const target = { version, versionGeneration }
        const decision = decideSetAlias((head as RegistryEntry).state, move, target)
        return 'operation' in decision ? this.#allowed('set', move, head, target, decision, options) : decision
      },
      options,
    )
  }

  async remove(name: string, alias: string, options: SetAliasOptions): Promise<void> {
    const move = moveOf(name, alias, options)
    await this.#move(
      move,
      async (state, head) => {
        const decision = decideRemoveAlias(state, move)
        return 'operation' in decision ? this.#allowed('remove', move, head, undefined, decision, options) : decision
      },
      options,
    )
  }

  async rollback(name: string, alias: string, options: SetAliasOptions): Promise<ModelVersion> {
    const move = moveOf(name, alias, options)
    const io = signalOf(options)
    const log = this.#reader.logOf(name)
    let rolledBackTo: ModelVersion | undefined
    await this.#move(
      move,
      async (state, head) => {
        const past = {
          stateAt: async (generation: number): Promise<RegistryState | undefined> => (await log.log.entry(generation, io))?.state,
          isDeleted: (version: number): Promise<boolean> => log.isDeleted(state, version, io),
        }
        const { operation, target } = await decideRollback(state, move, past)
        // Read before the move: once it is made, no fault may say that nothing was done.
        rolledBackTo = await this.#reader.versionOf(name, await log.registerAt(target.versionGeneration, io), options)
        return this.#allowed('rollback', move, head, target, { operation }, options)
      },
      options,
    )
    if (rolledBackTo === undefined) throw aliasNotFound(name, alias)
    return rolledBackTo
  }

  async protect(name: string, alias: string, isProtected: boolean, options: SetAliasOptions): Promise<void> {
    const move = moveOf(name, alias, options)
    await this.#move(move, (state) => decideProtection(state, move, isProtected), options)
  }

  async #move(
    move: AliasMove,
    decide: (state: RegistryState, head: RegistryEntry | undefined) => AliasDecision | Promise<AliasDecision>,
    options: SignalOption,
  ): Promise<RegistryEntry | undefined> {
    const { entry } = await this.#changes.append(move.name, decide, { ...signalOf(options), look: this.#before !== undefined })
    if (entry !== undefined) this.#tell(move.name, entry)
    return entry
  }

  /** The decision, if the hook lets it pass: on the very state that it rests on, since who comes second decides again. */
  async #allowed(
    kind: AliasMoveRequest['kind'],
    move: AliasMove,
    head: RegistryEntry | undefined,
    target: AliasTarget | undefined,
    decision: AliasDecision,
    options: SignalOption,
  ): Promise<AliasDecision> {
    const before = this.#before
    if (before === undefined) return decision
    const { name, alias, reason, by } = move
    const [from, to] = await Promise.all([
      this.#reader.aliasEntry(name, alias, head, options),
      target === undefined ? undefined : this.#reader.logOf(name).registerAt(target.versionGeneration, signalOf(options)),
    ])
    const request: AliasMoveRequest = {
      kind,
      name,
      alias,
      from: from && (await this.#reader.versionOf(name, from, options)),
      to: to && (await this.#reader.versionOf(name, to, options)),
      reason,
      by,
      ...signalOf(options),
    }
    try {
      // What is thrown at once refuses as well; a hook that never answers ends with the signal.
      await raceAbort((async () => before(request))(), options.signal)
    } catch (cause) {
      if (isAbortOf(options.signal, cause)) throw cause
      throw refused(move, target?.version ?? null, cause)
    }
    return decision
  }

  #tell(model: string, entry: RegistryEntry): void {
    const { type, ...fields } = entry.operation
    const messages: Readonly<Record<string, string>> = {
      'set-alias': 'alias set',
      'remove-alias': 'alias removed',
      'rollback-alias': 'alias rolled back',
      'protect-alias': 'alias protected',
      'unprotect-alias': 'alias no longer protected',
    }
    this.#logger?.info(messages[type] ?? type, { model, ...fields })
  }
}

function moveOf(name: string, alias: string, options: SetAliasOptions): AliasMove {
  assertObject('options', options)
  const { expectedVersion } = options
  return {
    name: assertName('name', name),
    alias: assertName('alias', alias),
    ...accountOf(options),
    ...(expectedVersion === undefined ? {} : { expectedVersion: assertWholeNumber('expectedVersion', expectedVersion, 0) }),
  }
}

function refused(move: AliasMove, version: number | null, cause: unknown): MillraceError<'ALIAS_MOVE_REFUSED'> {
  const { name, alias } = move
  const wanted = version === null ? 'be removed' : `move to version ${version}`
  return new MillraceError('ALIAS_MOVE_REFUSED', {
    message: `Expected alias "${alias}" of model "${name}" to be allowed to ${wanted}. Received a refusal: ${messageOf(cause)}.`,
    details: { name, alias, version },
    cause,
  })
}
