import type { Clock } from '../core/clock.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { NumberedLog } from '../storage/numbered-log.ts'
import { isDeploymentEntry } from './check-entries.ts'
import { accountOf } from './names.ts'

/** Where a version was put to work. */
export interface DeploymentRecord {
  /** What the host calls the place, such as `checkout-api`. */
  readonly deployment: string
  /** Milliseconds since 1970 UTC. */
  readonly time: number
  readonly by: string | null
}

type DeploymentOperation = { readonly deployment: string; readonly by: string | null }
/** The places that are known, so that a process that starts again and again does not make the log longer. */
type DeploymentState = { readonly recent: readonly string[] }

export const deploymentFormat: { readonly format: string; readonly formatVersion: number } = {
  format: 'millrace-registry-deployments',
  formatVersion: 1,
}

const maxNameLength = 256
/** As many places are remembered; of more than these, one may be recorded again. */
const maxRecent = 64

/** Where one version was put to work: a small log of its own. */
export class DeploymentRecords {
  readonly #log: NumberedLog<DeploymentState, DeploymentOperation>

  constructor(options: { readonly storage: StorageAdapter; readonly prefix: string; readonly clock: Clock; readonly random: Random }) {
    this.#log = new NumberedLog<DeploymentState, DeploymentOperation>({
      ...options,
      ...deploymentFormat,
      hint: false,
      check: isDeploymentEntry,
      initial: { recent: [] },
      reduce: reduceDeployments,
    })
  }

  /** Keeps that the version is at work there; a place that is known already is not recorded again. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
  async add(options: { readonly deployment: string; readonly by?: string; readonly signal?: AbortSignal }): Promise<void> {
    const { deployment, signal } = options
    if (typeof deployment !== 'string' || deployment === '' || deployment.length > maxNameLength)
      throw invalidArgument('deployment', `a name of 1 to ${maxNameLength} characters`, JSON.stringify(deployment) ?? typeof deployment)
    const { by } = accountOf(options)
    await this.#log.append<'known'>(
      ({ recent }) => (recent.includes(deployment) ? { existing: 'known' } : { operation: { deployment, by } }),
      signal === undefined ? {} : { signal },
    )
  }

  /** Newest first. */
  async list(limit: number, options: { readonly signal?: AbortSignal }): Promise<readonly DeploymentRecord[]> {
    const newest = (await this.#log.head(options))?.generation ?? 0
    const records: DeploymentRecord[] = []
    for await (const { operation, time } of this.#log.entries({ ...options, from: Math.max(1, newest - limit + 1), to: newest }))
      records.unshift({ deployment: operation.deployment, time, by: operation.by })
    return records
  }
}

/** The places after one more. Pure. */
function reduceDeployments({ recent }: DeploymentState, { deployment }: DeploymentOperation): DeploymentState {
  return { recent: [...recent, deployment].slice(-maxRecent) }
}
