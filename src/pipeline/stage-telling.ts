import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { createRandom } from '../core/random.ts'
import { mergeArtifacts, mergeMetrics } from './fold-record.ts'
import type { RecordedArtifact } from './run-record.ts'
import type { Place, RunScope } from './run-scope.ts'
import { whereOf } from './run-scope.ts'
import type { StageContext } from './stage-definition.ts'
import { stageLogger } from './stage-logger.ts'

/** What one stage is given beside its input, and what it tells through that. */
export class StageTelling {
  readonly #scope: RunScope
  readonly #place: Place
  readonly #name: string
  #drewRandom = false
  #metrics: Readonly<Record<string, number>> = {}
  #artifacts: readonly RecordedArtifact[] = []

  constructor(scope: RunScope, place: Place, name: string) {
    this.#scope = scope
    this.#place = place
    this.#name = name
  }

  /** Whether the output may depend on the seed. */
  get drewRandom(): boolean {
    return this.#drewRandom
  }

  /** The last value of each figure, of the attempt that is under way. */
  get metrics(): Readonly<Record<string, number>> {
    return this.#metrics
  }

  get artifacts(): readonly RecordedArtifact[] {
    return this.#artifacts
  }

  /** What an attempt before told is not of the output. */
  begin(): void {
    this.#metrics = {}
    this.#artifacts = []
  }

  context(cacheKey: string, signal: AbortSignal): StageContext {
    const { storage, clock, runId, codeVersion, seed, logger } = this.#scope
    const where = whereOf(this.#place)
    return Object.freeze({
      signal,
      logger: stageLogger(logger, { run: runId, ...where }),
      random: this.#watched(createRandom(seed).split(cacheKey)),
      clock,
      storage,
      runId,
      codeVersion,
      idempotencyKey: cacheKey,
      progress: (done: number, total?: number, unit?: string, fields?: Readonly<Record<string, number>>): void => {
        this.#scope.emit({
          type: 'stage-progress',
          ...where,
          done,
          ...(total === undefined ? {} : { total }),
          ...(unit === undefined ? {} : { unit }),
          ...(fields === undefined ? {} : { fields }),
        })
      },
      metrics: (values: Readonly<Record<string, number>>, step?: number): void => {
        const checked = checkedMetrics(this.#name, values)
        this.#metrics = mergeMetrics(this.#metrics, checked)
        this.#scope.emit({ type: 'stage-metrics', ...where, values: checked, ...(step === undefined ? {} : { step }) })
      },
      artifact: (artifact: RecordedArtifact): void => {
        const told = { kind: String(artifact.kind), name: String(artifact.name), reference: String(artifact.reference) }
        this.#artifacts = mergeArtifacts(this.#artifacts, [told])
        this.#scope.emit({ type: 'stage-artifact', ...where, ...told })
      },
    })
  }

  #watched(random: Random): Random {
    const draw = (): Random => {
      this.#drewRandom = true
      return random
    }
    return { next: () => draw().next(), int: (below) => draw().int(below), split: (name) => draw().split(name) }
  }
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID` for what is no number. */
function checkedMetrics(stage: string, values: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'number') continue
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected metric "${name}" of stage "${stage}" to be a number. Received ${typeof value}.`,
      details: { argument: name, expected: 'a number', received: typeof value },
    })
  }
  return { ...values }
}
