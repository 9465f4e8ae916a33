import type { DeploymentRecorder, ModelRegistry } from '../model/model-registry.ts'
import type { Reporter } from './reporter.ts'
import type { VersionSource } from './version-source.ts'

/** Tells the registry which versions are at work here, beside the calls: nobody waits for it, and a failure is reported. */
export class VersionRecord {
  readonly #source: VersionSource
  readonly #reporter: Reporter
  #last: Promise<void> = Promise.resolve()

  constructor(source: VersionSource, reporter: Reporter) {
    this.#source = source
    this.#reporter = reporter
  }

  /** Nothing happens where the host gave no name, or the registry keeps no deployments. */
  serves(version: number): void {
    const { registry, model, deployment } = this.#source
    if (deployment === undefined || !isRecorder(registry)) return
    this.#last = this.#last
      .then(() => registry.recordDeployment(model, version, { deployment }))
      .catch((error: unknown) => this.#reporter.recordFailed(version, error))
  }

  /** Resolves when all is told. */
  settled(): Promise<void> {
    return this.#last
  }
}

function isRecorder(registry: ModelRegistry & Partial<DeploymentRecorder>): registry is ModelRegistry & DeploymentRecorder {
  return typeof registry.recordDeployment === 'function'
}
