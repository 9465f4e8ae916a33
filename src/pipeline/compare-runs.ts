import { digestOfJson } from '../core/digest.ts'
import type { Json } from '../core/json.ts'
import { isOpen, isSameRemembered, pathTo } from './remembered.ts'
import type { RunRecord, StageRecord } from './run-record.ts'

/** Two values that differ; null where one side has none. */
export interface Difference<Value> {
  readonly left: Value | null
  readonly right: Value | null
}

/** What differs between two runs; what is equal is left out. */
export interface RunComparison {
  readonly runs: readonly [string, string]
  /** By stage and path, such as `train.parameters.epochs`; a key with a dot or a bracket is quoted: `train.parameters["a.b"]`. Long values differ as a whole. */
  readonly parameters: Readonly<Record<string, Difference<Json>>>
  /** SHA-256 names: `input` of the run; `<stage>.input`; and `<stage>.output` where a stage that is the same made another output of the same input. */
  readonly data: Readonly<Record<string, Difference<string>>>
  /**
   * `codeVersion`, a list where a run was resumed under another; `<stage>.version`; `<stage>.code` where the stage's code or what it declares, other than
   * parameters, changed under the same version.
   */
  readonly code: Readonly<Record<string, Difference<Json>>>
  /** `<stage>.<metric>`, with how far the right one is above the left one. */
  readonly metrics: Readonly<Record<string, Difference<number> & { readonly change: number | null }>>
  /** `run`, and `<stage>.outcome`: how they ended, where that differs other than that one took from the cache what the other made. */
  readonly outcomes: Readonly<Record<string, Difference<string>>>
  readonly seed?: Difference<number>
  readonly tags: Readonly<Record<string, Difference<string>>>
}

/**
 * What differs between two runs, from their records: parameters, data, code, metrics, outcomes.
 *
 * @example
 * const left = await pipeline.run({ storage, tags: { by: 'ada' } })
 * const right = await pipeline.run({ storage, tags: { by: 'bob' } })
 * compareRuns(left.record, right.record).tags // { by: { left: 'ada', right: 'bob' } }
 */
export function compareRuns(left: RunRecord, right: RunRecord): RunComparison {
  const parameters = new Differences<Json>()
  const data = new Differences<string>()
  const code = new Differences<Json>()
  const metrics = new Differences<number>()
  const outcomes = new Differences<string>()
  const tags = new Differences<string>()
  data.add('input', left.inputDigest, right.inputDigest)
  code.add('codeVersion', codeVersionsOf(left), codeVersionsOf(right))
  outcomes.add('run', left.outcome, right.outcome)
  for (const name of keysOf(left.tags, right.tags)) tags.add(name, left.tags[name], right.tags[name])
  for (const [name, before, after] of pairsOf(left.stages, right.stages)) {
    addParameters(parameters, `${name}.parameters`, before?.parameters, after?.parameters)
    code.add(`${name}.version`, before?.version, after?.version)
    const isSameVersion = isSame(before?.version, after?.version)
    if (isSameVersion) code.add(`${name}.code`, before?.code, after?.code)
    data.add(`${name}.input`, before?.inputDigest, after?.inputDigest)
    const isSameCode = isSameVersion && isSame(before?.code, after?.code) && isSame(before?.parameters, after?.parameters)
    if (isSameCode && before?.inputDigest === after?.inputDigest) data.add(`${name}.output`, before?.outputDigest, after?.outputDigest)
    for (const metric of keysOf(before?.metrics ?? {}, after?.metrics ?? {}))
      metrics.add(`${name}.${metric}`, before?.metrics?.[metric], after?.metrics?.[metric])
    outcomes.add(`${name}.outcome`, outcomeOf(before), outcomeOf(after))
  }
  return {
    runs: [left.id, right.id],
    parameters: parameters.toRecord(),
    data: data.toRecord(),
    code: code.toRecord(),
    metrics: metrics.toRecord(({ left: from, right: to }) => ({ change: from === null || to === null ? null : to - from })),
    outcomes: outcomes.toRecord(),
    ...(left.seed === right.seed ? {} : { seed: { left: left.seed, right: right.seed } }),
    tags: tags.toRecord(),
  }
}

class Differences<Value extends Json> {
  readonly #found = new Map<string, Difference<Value>>()

  add(name: string, left: Value | null | undefined, right: Value | null | undefined): void {
    if (!isSame(left, right)) this.#found.set(name, { left: left ?? null, right: right ?? null })
  }

  toRecord(): Readonly<Record<string, Difference<Value>>>
  toRecord<More extends object>(more: (difference: Difference<Value>) => More): Readonly<Record<string, Difference<Value> & More>>
  toRecord(more: (difference: Difference<Value>) => object = () => ({})): Readonly<Record<string, Difference<Value>>> {
    return Object.fromEntries([...this.#found].map(([name, difference]) => [name, { ...difference, ...more(difference) }]))
  }
}

/** Figures may be no JSON. */
function isSame(left: unknown, right: unknown): boolean {
  if (typeof left === 'number' && typeof right === 'number') return Object.is(left, right)
  if (typeof left === 'number' || typeof right === 'number') return false
  return digestOfJson(left ?? null) === digestOfJson(right ?? null)
}

function addParameters(into: Differences<Json>, path: string, left: Json | undefined, right: Json | undefined): void {
  if (isSameRemembered(left, right)) return
  if (Array.isArray(left) && Array.isArray(right) && left.length === right.length) {
    left.forEach((item: Json, index) => {
      addParameters(into, `${path}[${index}]`, item, right[index] as Json)
    })
  } else if (isOpen(left) && isOpen(right)) {
    for (const key of keysOf(left, right)) addParameters(into, pathTo(path, key), left[key], right[key])
  } else into.add(path, left, right)
}

/** All under which it was at work, in order. */
function codeVersionsOf({ codeVersion, resumptions }: RunRecord): Json | undefined {
  const all = [codeVersion, ...resumptions.map((resumption) => resumption.codeVersion)]
  const given = all.filter((version, index): version is string => version !== undefined && all.indexOf(version) === index)
  return given.length > 1 ? given : given[0]
}

/** That one run took from the cache what another made is no difference in what they are. */
function outcomeOf(stage: StageRecord | undefined): string | undefined {
  return stage?.outcome === 'cached' ? 'succeeded' : stage?.outcome
}

function keysOf(left: object, right: object): ReadonlySet<string> {
  return new Set([...Object.keys(left), ...Object.keys(right)])
}

function pairsOf(
  left: readonly StageRecord[],
  right: readonly StageRecord[],
): readonly (readonly [string, StageRecord | undefined, StageRecord | undefined])[] {
  const before = new Map(left.map((stage) => [stage.name, stage]))
  const after = new Map(right.map((stage) => [stage.name, stage]))
  return [...new Set([...before.keys(), ...after.keys()])].map((name) => [name, before.get(name), after.get(name)] as const)
}
