import { MillraceError, messageOf } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { createRandom } from '../core/random.ts'
import type { Acknowledgement } from './acknowledged.ts'
import { placeOf } from './acknowledged.ts'
import { AttemptsFailed, recordError, runAttempts } from './attempts.ts'
import type { CacheHit, CacheMiss, CacheRequest } from './cache.ts'
import type { KeyParts } from './cache-key.ts'
import { cacheKeyOf, keyPartsOf } from './cache-key.ts'
import type { StageCached, StageSucceeded } from './pipeline-event.ts'
import type { Place, RunScope, Valued } from './run-scope.ts'
import { nameOf, whereOf } from './run-scope.ts'
import type { AnyStage } from './stage.ts'
import type { Codec, CodecOptions, StageDefinition } from './stage-definition.ts'
import { StageTelling } from './stage-telling.ts'

/** A stage whose type arguments the graph has checked already. */
type Definition = StageDefinition<unknown, unknown>

/** How a stage's output is known and kept. */
interface Plan {
  /** Also the key under which an effect is done once. */
  readonly cacheKey: string
  readonly request: CacheRequest
  readonly miss: CacheMiss
  /** In the cache, for every run. */
  readonly isCached: boolean
  /** With the run, for its resumption. */
  readonly isKept: boolean
}

/**
 * Runs one stage on one input: from the cache where nothing changed, else by its function, and then its output is stored. In a run that is
 * resumed, what the journal has is not done again.
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
  readonly #inputDigest: string
  readonly #codec: Codec<unknown>
  readonly #elapsedMs: () => number
  readonly #telling: StageTelling

  constructor(scope: RunScope, place: Place, stage: AnyStage, input: Valued, elapsedMs: () => number) {
    this.#scope = scope
    this.#place = place
    this.#stage = stage
    this.#definition = stage.definition as Definition
    this.#input = input
    this.#inputDigest = input.digest ?? ''
    this.#codec = this.#definition.codec ?? scope.codec
    this.#elapsedMs = elapsedMs
    this.#telling = new StageTelling(scope, place, stage.name)
  }

  async run(needsDigest: boolean): Promise<Valued> {
    const { acknowledged, room } = this.#scope
    await room()
    const done = acknowledged?.take(whereOf(this.#place), this.#inputDigest)
    const recalled = done === undefined ? undefined : await this.#recall(done)
    if (recalled !== undefined) return recalled
    const found = await this.#look(done)
    return 'plan' in found ? await this.#make(found.plan, needsDigest) : found
  }

  /** What an earlier epoch did here: done, whatever the world outside has become since. */
  async #recall(done: Acknowledgement): Promise<Valued | undefined> {
    const { cacheKey, outputDigest, keptIn } = done
    const { cache, runId } = this.#scope
    const request = { codec: this.#codec, codecOptions: this.#codecOptions(this.#scope.signal) }
    const hit =
      (keptIn === undefined ? undefined : await this.#fromKept(keptIn, outputDigest)) ??
      (await cache.recall(request, cacheKey, outputDigest))
    if (hit === undefined) return undefined
    const { value, digest, from } = hit
    this.#emitCached({
      reason: 'done before in this run',
      from,
      cacheKey,
      outputDigest: digest,
      ...(keptIn === undefined ? {} : { keptIn }),
    })
    // It counts as made in this run where it was.
    return from === runId ? { value, digest } : { value, digest, from }
  }

  async #fromKept(epoch: number, digest: string | undefined): Promise<Pick<CacheHit, 'value' | 'digest' | 'from'> | undefined> {
    const { kept, cache, runId, signal } = this.#scope
    const output = await kept?.get(epoch, placeOf(whereOf(this.#place)), { signal })
    if (output === undefined || output.digest !== digest) return undefined
    try {
      const value = await cache.decode({ codec: this.#codec, codecOptions: this.#codecOptions(signal) }, output)
      return 'miss' in value ? undefined : { value: value.value, digest: output.digest, from: runId }
    } catch (error) {
      signal.throwIfAborted()
      if (MillraceError.is(error, 'STORAGE_UNAVAILABLE') || MillraceError.is(error, 'STORAGE_DENIED')) throw error
      return undefined
    }
  }

  /** From the cache, or how it is to be made. */
  async #look(done: Acknowledgement | undefined): Promise<Valued | { readonly plan: Plan }> {
    const { cache, acknowledged } = this.#scope
    const { effect = false } = this.#definition
    const { parts, miss: early } = await this.#keyParts()
    const request = this.#request(parts)
    const found = early === undefined ? await cache.look(request) : { miss: early }
    if ('hit' in found) {
      const { value, digest, from, metrics, artifacts } = found.hit
      const told = {
        ...(Object.keys(metrics).length === 0 ? {} : { metrics }),
        ...(artifacts.length === 0 ? {} : { artifacts }),
      }
      const cacheKey = cacheKeyOf(parts)
      // Stored by an earlier epoch that did not come to tell so.
      const isOwn = from === this.#scope.runId && cacheKey === acknowledged?.begunKey(whereOf(this.#place), this.#inputDigest)
      this.#emitCached({ reason: isOwn ? 'done before in this run' : 'unchanged', from, cacheKey, outputDigest: digest, ...told })
      return isOwn ? { value, digest } : { value, digest, from }
    }
    // What had begun before its process died is tried again as the same thing, also where its fingerprint has changed since.
    const begun = effect ? (done?.cacheKey ?? acknowledged?.begunKey(whereOf(this.#place), this.#inputDigest)) : undefined
    const isCached = !effect && found.miss.reason !== 'no fingerprint'
    const isKept = this.#scope.kept !== undefined && (!isCached || found.miss.reason === 'forced')
    return { plan: { cacheKey: begun ?? cacheKeyOf(parts), request, miss: found.miss, isCached, isKept } }
  }

  async #make(plan: Plan, needsDigest: boolean): Promise<Valued> {
    const { cache, runId, commit } = this.#scope
    const { cacheKey, request, miss, isCached } = plan
    const { effect = false } = this.#definition
    const where = whereOf(this.#place)
    this.#scope.emit({ type: 'stage-missed', ...where, ...miss, cacheKey, inputDigest: this.#inputDigest })
    if (isCached) await cache.begin(request, runId)
    this.#scope.emit({ type: 'stage-started', ...where })
    // An effect begins only under an entry of the journal: so all that came before it is acknowledged, and an owner that was taken over begins none.
    if (effect) await commit()
    const { output, attempts } = await this.#attempt(cacheKey)
    const { digest, ...kept } = await this.#store(plan, output, needsDigest)
    this.#scope.emit({
      type: 'stage-succeeded',
      ...where,
      durationMs: this.#elapsedMs(),
      attempts,
      ...(digest === undefined ? {} : { outputDigest: digest }),
      ...kept,
    })
    // Nothing that rests on an effect starts before the effect is acknowledged.
    if (effect) await commit()
    return { value: output, digest }
  }

  /** Not cancellable: what a stage has finished is kept, also when the run is being stopped. */
  async #store(
    plan: Plan,
    output: unknown,
    needsDigest: boolean,
  ): Promise<{ readonly digest?: string } & Pick<StageSucceeded, 'keptIn' | 'tooLargeBytes'>> {
    const { cache, runId, kept, epoch, seed } = this.#scope
    const { isCached, isKept } = plan
    if (!isCached && !isKept && !needsDigest) return {}
    const codecOptions = this.#codecOptions(undefined)
    const encoded = await this.#encode(output, codecOptions, isCached || needsDigest)
    if (encoded === undefined) return {}
    const { stored, digest } = encoded
    if (!isCached && !isKept) return { digest }
    const blobs = await this.#codec.blobs(stored, codecOptions)
    const { metrics, artifacts, drewRandom } = this.#telling
    const entry = { stored, digest, blobs, metrics, artifacts, runId, seed: drewRandom ? seed : null }
    const { tooLargeBytes } = isCached ? await cache.store({ ...plan.request, codecOptions }, entry) : {}
    const isTooLarge = tooLargeBytes !== undefined
    if (kept === undefined || !(isKept || isTooLarge)) return isTooLarge ? { digest, tooLargeBytes } : { digest }
    // What is too large is not kept either, but what flows on must not lose its blobs.
    await kept.keep(epoch, placeOf(whereOf(this.#place)), { stored: isTooLarge ? null : stored, digest, blobs, isWhole: !isTooLarge })
    await cache.confirm(blobs)
    return isTooLarge ? { digest, tooLargeBytes } : { digest, keptIn: epoch }
  }

  /** Undefined where the output cannot be stored and need not be: an effect at the end may return anything. */
  async #encode(
    output: unknown,
    options: CodecOptions,
    isNeeded: boolean,
  ): Promise<{ readonly stored: Json; readonly digest: string } | undefined> {
    try {
      return await this.#codec.encode(output, options)
    } catch (error) {
      if (!isNeeded && MillraceError.is(error, 'OUTPUT_NOT_STORABLE')) return undefined
      throw error
    }
  }

  /** The parts of the key, and why the cache is not even looked at, where that is so. */
  async #keyParts(): Promise<{ readonly parts: KeyParts; readonly miss?: CacheMiss }> {
    const parts = keyPartsOf(this.#stage, this.#codec, this.#inputDigest)
    const { fingerprint, effect } = this.#definition
    const outside =
      fingerprint === undefined ? null : await fingerprint(this.#input.value, this.#telling.context(cacheKeyOf(parts), this.#scope.signal))
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

  #emitCached(cached: Pick<StageCached, 'reason' | 'from' | 'cacheKey' | 'outputDigest' | 'keptIn' | 'metrics' | 'artifacts'>): void {
    const where = whereOf(this.#place)
    this.#scope.emit({ type: 'stage-cached', ...where, ...cached, inputDigest: this.#inputDigest, durationMs: this.#elapsedMs() })
  }

  #attempt(cacheKey: string): Promise<{ readonly output: unknown; readonly attempts: number }> {
    const { retries = 0, timeoutMs, run } = this.#definition
    const random = createRandom(this.#scope.seed).split(cacheKey).split('retries')
    return runAttempts(this.#scope, this.#place, { retries, timeoutMs, random }, (signal) => {
      this.#telling.begin()
      return run(this.#input.value, this.#telling.context(cacheKey, signal))
    })
  }
}
