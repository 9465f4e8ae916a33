import { yieldToEventLoop } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { digestOfJson } from '../core/digest.ts'
import { MillraceError, messageOf } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'
import { createRandom } from '../core/random.ts'
import { buildGraph, portablesOf } from '../pipeline/graph.ts'
import { createJsonCodec } from '../pipeline/json-codec.ts'
import type { AnyStage, Stage } from '../pipeline/stage.ts'
import type { Codec, CodecOptions, StageContext, StageDefinition } from '../pipeline/stage-definition.ts'
import { silentLogger } from '../pipeline/stage-logger.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { MemoryStorage } from '../storage/memory.ts'
import type { Portable } from '../storage/portable.ts'

export interface StageCheckOptions<Input> {
  readonly input: Input
  /** Default: memory. */
  readonly storage?: StorageAdapter
  /** Of what stands in the input beside the stage's own portables. */
  readonly portables?: readonly Portable[]
  readonly seed?: number
  /** How long the stage may take to settle after its signal aborted, in milliseconds. Default 1,000. */
  readonly settleMs?: number
  readonly clock?: Clock
}

/** One promise of every stage, as a case for any test runner. */
export interface StageCase {
  readonly name:
    | 'leaves its input as it was'
    | 'settles after an abort'
    | 'is deterministic under a seed'
    | 'has an output that can be stored'
  /** @throws {@link MillraceError} `STAGE_CHECK_FAILED`. */
  run(): Promise<void>
}
export interface StageReport {
  readonly passed: boolean
  readonly checks: readonly { readonly name: StageCase['name']; readonly passed: boolean; readonly reason?: string }[]
}

/**
 * The promises that a pipeline relies on, as cases to give to a test runner: the stage leaves its input as it was, settles after its signal
 * aborted, makes the same output from the same input and seed, and its output can be stored, digested and read back equal.
 *
 * @example
 * const double = new Stage({ name: 'double', version: '1', run: (value: number) => value * 2 })
 * describe('double', () => {
 *   for (const { name, run } of stageCases(double, { input: 21 })) it(name, run)
 * })
 */
export function stageCases<Input>(stage: Stage<Input, unknown>, options: StageCheckOptions<Input>): readonly StageCase[] {
  const trial = new Trial(stage as AnyStage, options)
  return [
    { name: 'leaves its input as it was', run: () => trial.pureInput() },
    { name: 'settles after an abort', run: () => trial.settlesAfterAbort() },
    { name: 'is deterministic under a seed', run: () => trial.deterministic() },
    { name: 'has an output that can be stored', run: () => trial.storable() },
  ]
}

/**
 * Runs all {@link stageCases} and says how each went; it rejects for none of them.
 *
 * @example
 * const double = new Stage({ name: 'double', version: '1', run: (value: number) => value * 2 })
 * const report = await checkStage(double, { input: 21 })
 * report.passed // true
 */
export async function checkStage<Input>(stage: Stage<Input, unknown>, options: StageCheckOptions<Input>): Promise<StageReport> {
  const checks: { readonly name: StageCase['name']; readonly passed: boolean; readonly reason?: string }[] = []
  for (const { name, run } of stageCases(stage, options)) {
    try {
      await run()
      checks.push({ name, passed: true })
    } catch (error) {
      checks.push({ name, passed: false, reason: messageOf(error) })
    }
  }
  return { passed: checks.every((check) => check.passed), checks }
}

class Trial {
  readonly #name: string
  readonly #definition: StageDefinition<unknown, unknown>
  readonly #input: unknown
  readonly #seed: number
  readonly #settleMs: number
  readonly #clock: Clock
  readonly #codecOptions: CodecOptions

  constructor(stage: AnyStage, options: StageCheckOptions<unknown>) {
    this.#name = stage.name
    this.#definition = stage.definition as StageDefinition<unknown, unknown>
    this.#input = options.input
    this.#seed = options.seed ?? 0
    this.#settleMs = options.settleMs ?? 1000
    this.#clock = options.clock ?? systemClock
    const own = portablesOf(buildGraph(stage.name, [{ kind: 'pipe', stage }]))
    this.#codecOptions = { storage: options.storage ?? new MemoryStorage(), portables: [...own, ...(options.portables ?? [])] }
  }

  async pureInput(): Promise<void> {
    const check = 'leaves its input as it was'
    const input = await this.#copyOfInput(check)
    const before = await this.#digestOf(input)
    freezeDeeply(input)
    await this.#run(check, input)
    // What cannot be frozen (the elements of a typed array) is compared.
    if ((await this.#digestOf(input)) !== before) throw this.#failed(check, 'its input has other content after the run than before')
  }

  async settlesAfterAbort(): Promise<void> {
    const check = 'settles after an abort'
    for (const when of ['before it starts', 'while it runs'] as const) {
      const input = await this.#copyOfInput(check)
      const controller = new AbortController()
      const reason = new Error('aborted by the harness')
      if (when === 'before it starts') controller.abort(reason)
      const outcome = Promise.resolve()
        .then(() => this.#definition.run(input, this.#context(controller.signal)))
        .then(
          () => 'resolved' as const,
          (error: unknown) => ({ error }),
        )
      // Lets it begin: what looks at its signal only once must be found out.
      if (when === 'while it runs') await yieldToEventLoop()
      const startedMs = this.#clock.monotonicMs()
      controller.abort(reason)
      const timer = new AbortController()
      const late = this.#clock.sleep(this.#settleMs, timer.signal).then(
        () => 'late' as const,
        () => 'late' as const,
      )
      const settled = await Promise.race([outcome, late])
      timer.abort()
      const tookMs = this.#clock.monotonicMs() - startedMs
      if (settled === 'late' || tookMs > this.#settleMs) {
        throw this.#failed(
          check,
          `aborted ${when}, it had not settled after ${this.#settleMs} ms; check context.signal between pieces of work and pass it on`,
        )
      }
      if (settled !== 'resolved' && settled.error !== reason) {
        throw this.#failed(check, `aborted ${when}, it rejected with "${messageOf(settled.error)}" instead of signal.reason`)
      }
    }
  }

  async deterministic(): Promise<void> {
    const check = 'is deterministic under a seed'
    const first = await this.#encode(check, await this.#run(check, await this.#copyOfInput(check)))
    const second = await this.#encode(check, await this.#run(check, await this.#copyOfInput(check)))
    if (first.digest !== second.digest) {
      throw this.#failed(
        check,
        'two runs on the same input gave outputs of different digests; draw from context.random and take the time from context.clock',
      )
    }
  }

  async storable(): Promise<void> {
    const check = 'has an output that can be stored'
    const { stored, digest } = await this.#encode(check, await this.#run(check, await this.#copyOfInput(check)))
    // Another codec instance remembers nothing, as another process would.
    const decoded = await this.#codec().decode(JSON.parse(JSON.stringify(stored)) as Json, this.#codecOptions)
    if ((await this.#encode(check, decoded)).digest !== digest)
      throw this.#failed(check, 'its output has another digest after it was read back')
  }

  async #run(check: StageCase['name'], input: unknown): Promise<unknown> {
    try {
      return await this.#definition.run(input, this.#context(new AbortController().signal))
    } catch (error) {
      throw this.#failed(check, `it threw: ${messageOf(error)}`, error)
    }
  }

  #codec(): Codec<unknown> {
    return this.#definition.codec ?? createJsonCodec()
  }

  async #encode(check: StageCase['name'], output: unknown): Promise<{ readonly stored: Json; readonly digest: string }> {
    try {
      return await this.#codec().encode(output, this.#codecOptions)
    } catch (error) {
      throw this.#failed(check, messageOf(error), error)
    }
  }

  async #digestOf(value: unknown): Promise<string> {
    return (await createJsonCodec().encode(value, this.#codecOptions)).digest
  }

  async #copyOfInput(check: StageCase['name']): Promise<unknown> {
    try {
      const { stored } = await createJsonCodec().encode(this.#input, this.#codecOptions)
      return await createJsonCodec().decode(stored, this.#codecOptions)
    } catch (error) {
      throw this.#failed(
        check,
        `the input given to the harness cannot be stored, and so not flow in a pipeline. ${messageOf(error)}`,
        error,
      )
    }
  }

  #context(signal: AbortSignal): StageContext {
    const idempotencyKey = digestOfJson({ stage: this.#name, seed: this.#seed })
    const { storage } = this.#codecOptions
    const random = createRandom(this.#seed).split(idempotencyKey)
    return {
      signal,
      logger: silentLogger,
      random,
      clock: this.#clock,
      storage,
      runId: 'harness',
      codeVersion: undefined,
      idempotencyKey,
      progress: () => {},
      metrics: () => {},
      artifact: () => {},
    }
  }

  #failed(check: StageCase['name'], reason: string, cause?: unknown): MillraceError<'STAGE_CHECK_FAILED'> {
    return new MillraceError('STAGE_CHECK_FAILED', {
      message: `Expected that stage "${this.#name}" ${check}. Received: ${reason}`,
      details: { stage: this.#name, check, reason },
      cause,
    })
  }
}

function freezeDeeply(value: unknown): void {
  if (!Array.isArray(value) && !isPlainObject(value)) return
  Object.freeze(value)
  for (const member of Object.values(value)) freezeDeeply(member)
}
