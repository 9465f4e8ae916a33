import { MillraceError } from '../../core/error.ts'
import type { ModelRegistry } from '../../model/model-registry.ts'
import type { Account } from '../registry-state.ts'

/** An alias that an import could not move, and why: protected, refused by a gate, moved by others meanwhile, or no name for an alias here. */
export interface UnmovedAlias {
  readonly alias: string
  /** The version here that it was to be at. */
  readonly version: number
  /** `ALIAS_PROTECTED`, `ALIAS_MOVE_REFUSED`, `ALIAS_MOVED`, `VERSION_DELETED` or `ARGUMENT_INVALID`. */
  readonly fault: MillraceError
}

/** What is about one alias, and leaves the others as they are. */
const faultsOfOne = ['ALIAS_PROTECTED', 'ALIAS_MOVE_REFUSED', 'ALIAS_MOVED', 'VERSION_DELETED', 'ARGUMENT_INVALID'] as const

/** Moves each alias for itself, from where it was when the work began, as a protected one wants to be told. Those that could not be moved. */
export async function moveAliases(
  registry: ModelRegistry,
  name: string,
  targets: readonly { readonly alias: string; readonly version: number }[],
  { reason, by }: Account,
  io: { readonly signal?: AbortSignal },
): Promise<readonly UnmovedAlias[]> {
  if (targets.length === 0) return []
  const current = await registry.aliases(name, io)
  const account = { ...(reason === null ? {} : { reason }), ...(by === null ? {} : { by }) }
  const unmoved: UnmovedAlias[] = []
  for (const { alias, version } of targets) {
    try {
      await registry.setAlias(name, alias, version, { ...account, expectedVersion: current.get(alias) ?? 0, ...io })
    } catch (fault) {
      if (!MillraceError.is(fault) || !faultsOfOne.some((code) => MillraceError.is(fault, code))) throw fault
      unmoved.push({ alias, version, fault })
    }
  }
  return unmoved
}
