import type { ModelRegistry } from '../model/model-registry.ts'
import type { SubjectCase, SuiteOptions } from './conformance-suite.ts'

/** What a registry may be unable to do, each with the reason why its cases are skipped. */
export interface RegistryInabilities {
  /** Versions are 1, 2, 3 ... also when many register at once, and each writer gets one of its own. */
  readonly concurrentRegistrations?: string
  /** Of many who register with one idempotency key at once, one makes the version and all get it. */
  readonly concurrentKeys?: string
  /** Of many who move an alias from one expected version at once, one succeeds. */
  readonly linearizableAliases?: string
  /** A version under an alias cannot be deleted. */
  readonly versionsInUse?: string
  /** The number of a deleted version stays known as that of a deleted one, and is not used again. */
  readonly tombstones?: string
  /** What happened between two looks is told in its order, with all steps between. */
  readonly orderedEvents?: string
}

export interface RegistryConformanceOptions extends SuiteOptions<ModelRegistry> {
  /** A registry; called by each case. Others' models may be in it: a case uses names of its own. */
  open(): Promise<ModelRegistry>
  /** The same registry through another instance, as another process sees it. */
  reopen?(registry: ModelRegistry): Promise<ModelRegistry>
  /** Frees what `open` took. */
  close?(registry: ModelRegistry): Promise<void>
  readonly cannot?: RegistryInabilities
  /** By name, the cases that this registry is known to fail, and why: each passes for as long as it fails. */
  readonly expectedFailures?: Readonly<Record<string, string>>
  /** How many writers race; default 8. */
  readonly writers?: number
  /** Between two looks of `watch`; default 20 milliseconds. */
  readonly watchIntervalMs?: number
}

/** One case before it knows the registry. */
export type RegistryCase = SubjectCase<ModelRegistry>
