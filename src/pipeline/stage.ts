import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { receivedText } from '../core/received.ts'
import { parametersToJson } from './parameters.ts'
import type { StageDefinition } from './stage-definition.ts'

/**
 * A pure function with a name, a version and parameters: one step of a pipeline, and all that a plugin author writes. What it makes is
 * stored under a key of all that it depends on, and taken from there as long as none of that changes.
 *
 * Guarantee: an instance is valid and immutable; `parameters` are read once, here.
 *
 * @throws {@link MillraceError} `STAGE_INVALID` for a name, version, parameter or limit that does not fit: here and never at run time.
 * @example
 * const double = new Stage({ name: 'double', version: '1', run: (value: number) => value * 2 })
 * const { output } = await new Pipeline<number>('example').pipe(double).run({ input: 21 })
 * output // 42
 */
export class Stage<in Input, out Output> {
  readonly name: string
  readonly definition: StageDefinition<Input, Output>
  /** The parameters as they count in the cache key: functions by their source text. */
  readonly parameters: Json

  constructor(definition: StageDefinition<Input, Output>) {
    checkDefinition(definition)
    this.name = definition.name
    this.definition = Object.freeze({ ...definition })
    this.parameters = definition.parameters === undefined ? null : parametersToJson(definition.parameters, definition.name)
    // A subclass adds its own fields and freezes itself.
    if (new.target === Stage) Object.freeze(this)
  }
}

/** Any stage, where only the graph matters. */
export type AnyStage = Stage<never, unknown>

/** What a stage makes. */
export type OutputOf<S> = S extends Stage<never, infer Output> ? Output : never

const namePattern = /^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$/
const reservedNames: ReadonlySet<string> = new Set(['constructor', 'prototype'])

function checkDefinition(definition: {
  readonly name: string
  readonly version: string
  readonly run: unknown
  readonly fingerprint?: unknown
  readonly retries?: number
  readonly timeoutMs?: number
  readonly codeDependencies?: readonly string[]
}): void {
  const { name, version, retries, timeoutMs } = definition
  checkName(name, 'a stage')
  if (typeof version !== 'string' || version === '') throw invalid(name, 'a version that is a text, such as "1"', describe(version))
  if (typeof definition.run !== 'function') throw invalid(name, 'a function "run"', describe(definition.run))
  if (definition.fingerprint !== undefined && typeof definition.fingerprint !== 'function') {
    throw invalid(name, 'a function "fingerprint"', describe(definition.fingerprint))
  }
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0)) {
    throw invalid(name, 'retries of 0, 1, 2 and so on', describe(retries))
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0))
    throw invalid(name, 'a timeoutMs above 0', describe(timeoutMs))
}

/** @throws {@link MillraceError} `STAGE_INVALID` unless the name is 1 to 100 of `[a-z0-9-]`, with a letter or digit at both ends. */
export function checkName(name: string, of: string): void {
  if (typeof name !== 'string' || !namePattern.test(name) || reservedNames.has(name)) {
    throw new MillraceError('STAGE_INVALID', {
      message: `Expected a name for ${of} of 1 to 100 lower-case letters, digits and hyphens, such as "clean-rows". Received ${describe(name)}.`,
      details: { stage: typeof name === 'string' ? name : receivedText(name), reason: 'name' },
    })
  }
}

function invalid(stage: string, expected: string, received: string): MillraceError<'STAGE_INVALID'> {
  return new MillraceError('STAGE_INVALID', {
    message: `Expected stage "${stage}" to have ${expected}. Received ${received}.`,
    details: { stage, reason: `expected ${expected}` },
  })
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : receivedText(value)
}
