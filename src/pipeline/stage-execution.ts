import { MillraceError, messageOf } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { createRandom } from '../core/random.ts'
import { AttemptsFailed, recordError, runAttempts } from './attempts.ts'
import type { CacheMiss, CacheRequest } from './cache.ts'
import type { KeyParts } from './cache-key.ts'
import { cacheKeyOf, keyPartsOf } from './cache-key.ts'
import type { Place, RunScope, Valued } from './run-scope.ts'
import { nameOf, whereOf } from './run-scope.ts'
import type { AnyStage } from './stage.ts'
import type { Codec, CodecOptions, StageContext, StageDefinition } from './stage-definition.ts'
import { stageLogger } from './stage-logger.ts'

/** A stage whose type arguments the graph has checked already. */
type Definition = StageDefinition<unknown, unknown>

/**
 * Runs one stage on one input: from the cache where nothing changed, else by its function, and then its output is stored.
 *
 * @param needsDigest - whether anything comes after it that is keyed by its output.
 * @throws {@link MillraceError} `STAGE_FAILED` with what the stage threw as its cause; the run's `signal.reason` when stopped.
 */
export async function executeStage(scope: RunScope, place: Place, stage: AnyStage, input: Valued, needsDigest: boolean): Promise<Valued> {
  const startedMs = scope.clock.monotonicMs()
  const elapsedMs = (): number => scope.clock.monotonicMs() - startedMs
  try {
    return await new StageExecution(scope, place, stage, input, elapsedMs).run(needsDigest)
  } catch (error) {
    // Whatever a stage throws once it was told to stop is a stop.
    if (scope.signal.aborted) throw scope.signal.reason
    const [attempts, cause] = error instanceof AttemptsFailed ? [error.attempts, error.error] : [1, error]
    scope.emit({ type: 'stage-failed', ...whereOf(place), durationMs: elapsedMs(), attempts, error: recordError(cause) })
    throw new MillraceError('STAGE_FAILED', {
      message: `Expected stage "${nameOf(place)}" to succeed. Received on attempt ${attempts}: ${messageOf(cause)}`,
      details: { stage: place.stage, attempt: attempts },
      cause,
    })
  }
}

class StageExecution {
  readonly #scope: RunScope
  readonly #place: Place
  readonly #definition: Definition
  readonly #stage: AnyStage
  readonly #input: Valued
  readonly #codec: Codec<unknown>
  readonly #elapsedMs: () => number
  #drewRandom = false

  constructor(scope: RunScope, place: Place, stage: AnyStage, input: Valued, elapsedMs: () => number) {
    this.#scope = scope
    this.#place = place
    this.#stage = stage
    this.#definition = stage.definition as Definition
    this.#input = input
    this.#codec = this.#definition.codec ?? scope.codec
    this.#elapsedMs = elapsedMs
  }

  async run(needsDigest: boolean): Promise<Valued> {
    const { cache, runId, clock } = this.#scope
    const where = whereOf(this.#place)
    const { parts, miss: early } = await this.#keyParts()
    const request = this.#request(parts)
    const found = early === undefined ? await cache.look(request) : { miss: early }
    const cacheKey = cacheKeyOf(parts)
    if ('hit' in found) {
      const { digest, from } = found.hit
      this.#scope.emit({
        type: 'stage-cached',
        ...where,
        reason: 'unchanged',
        from,
        cacheKey,
        outputDigest: digest,
        durationMs: this.#elapsedMs(),
      })
      return found.hit
    }
    this.#scope.emit({ type: 'stage-missed', ...where, ...found.miss, cacheKey })
    const isStored = this.#definition.effect !== true && found.miss.reason !== 'no fingerprint'
    if (isStored) await cache.begin(request, runId)
    this.#scope.emit({ type: 'stage-started', ...where })
    const { output, attempts } = await this.#attempt(cacheKey)
    // Not cancellable from here: what a stage has finished is kept, also when the run is being stopped.
    const encoded = isStored || needsDigest ? await this.#codec.encode(output, this.#codecOptions(undefined)) : undefined
    if (isStored && encoded !== undefined) {
      const seed = this.#drewRandom ? this.#scope.seed : null
      await cache.store({ ...request, codecOptions: this.#codecOptions(undefined) }, { ...encoded, runId, createdAt: clock.now(), seed })
    }
    const digest = encoded?.digest
    this.#scope.emit({
      type: 'stage-succeeded',
      ...where,
      durationMs: this.#elapsedMs(),
      attempts,
      ...(digest === undefined ? {} : { outputDigest: digest }),
    })
    return { value: output, digest }
  }

  /** The parts of the key, and why the cache is not even looked at, where that is so. */
  async #keyParts(): Promise<{ readonly parts: KeyParts; readonly miss?: CacheMiss }> {
    const parts = keyPartsOf(this.#stage, this.#codec, this.#input.digest ?? '')
    const { fingerprint, effect } = this.#definition
    const outside =
      fingerprint === undefined ? null : await fingerprint(this.#input.value, this.#context(cacheKeyOf(parts), this.#scope.signal))
    const known: KeyParts = { ...parts, fingerprint: outside ?? null }
    if (effect === true) return { parts: known, miss: { reason: 'effect' } }
    // Before the question whether it is forced: what has no fingerprint must not be stored either.
    if (outside === undefined) return { parts: known, miss: { reason: 'no fingerprint' } }
    return this.#scope.isForced(this.#place.path) ? { parts: known, miss: { reason: 'forced' } } : { parts: known }
  }

  #request(parts: KeyParts): CacheRequest {
    const { path, item } = this.#place
    const { seed, signal } = this.#scope
    return { node: path, parts, codec: this.#codec, codecOptions: this.#codecOptions(signal), seed, isItem: item !== undefined }
  }

  #codecOptions(signal: AbortSignal | undefined): CodecOptions {
    const { storage, portables } = this.#scope
    return signal === undefined ? { storage, portables } : { storage, portables, signal }
  }

  #attempt(cacheKey: string): Promise<{ readonly output: unknown; readonly attempts: number }> {
    const { retries = 0, timeoutMs, run } = this.#definition
    const random = createRandom(this.#scope.seed).split(cacheKey).split('retries')
    return runAttempts(this.#scope, this.#place, { retries, timeoutMs, random }, (signal) =>
      run(this.#input.value, this.#context(cacheKey, signal)),
    )
  }

  #context(cacheKey: string, signal: AbortSignal): StageContext {
    const { storage, clock, runId, codeVersion, seed, logger } = this.#scope
    return Object.freeze({
      signal,
      logger: stageLogger(logger, { run: runId, ...whereOf(this.#place) }),
      random: this.#watched(createRandom(seed).split(cacheKey)),
      clock,
      storage,
      runId,
      codeVersion,
      idempotencyKey: cacheKey,
      progress: (done: number, total?: number, unit?: string, fields?: Readonly<Record<string, number>>): void => {
        this.#scope.emit({
          type: 'stage-progress',
          ...whereOf(this.#place),
          done,
          ...(total === undefined ? {} : { total }),
          ...(unit === undefined ? {} : { unit }),
          ...(fields === undefined ? {} : { fields }),
        })
      },
    })
  }

  /** Notes whether the output may depend on the seed. */
  #watched(random: Random): Random {
    const draw = (): Random => {
      this.#drewRandom = true
      return random
    }
    return { next: () => draw().next(), int: (below) => draw().int(below), split: (name) => draw().split(name) }
  }
}
