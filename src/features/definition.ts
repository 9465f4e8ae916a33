import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { nearestName } from '../core/suggest.ts'
import type { ColumnKind, ColumnType } from '../data/column-type.ts'
import type { CrossPart, UntypedCross, UntypedFeatures } from './features.ts'
import { timeParts } from './time-part.ts'
import type { AnyTransform, TransformStep } from './transform.ts'

/** What a plan is fitted to: which transforms of which columns. */
export interface PlanDefinition {
  readonly target: string
  readonly features: UntypedFeatures
  readonly crosses?: Readonly<Record<string, UntypedCross>> | undefined
}

/** One transform of one column or of one cross. */
export interface FeatureDefinition {
  /** Of the column or the cross. */
  readonly name: string
  readonly of: readonly CrossPart[]
  readonly steps: readonly TransformStep[]
}

/** A definition as plain JSON: the parameters of the stage that fits it. */
export function definitionJson(definition: PlanDefinition): Json {
  const features: Record<string, Json> = {}
  for (const [name, transforms] of Object.entries(definition.features)) {
    if (transforms !== undefined) features[name] = listOfTransforms(transforms).map((transform) => stepsJson(transform))
  }
  const crosses: Record<string, Json> = {}
  for (const [name, cross] of Object.entries(definition.crosses ?? {})) {
    crosses[name] = {
      of: cross.of.map((part) => (typeof part === 'string' ? part : { time: part.time, part: part.part })),
      as: stepsJson(cross.as),
    }
  }
  return { target: definition.target, features, crosses }
}

/**
 * The definition against the columns that there are: what the compiler says to users of TypeScript, said at run time.
 *
 * @throws {@link MillraceError} `FEATURE_INVALID`, with the nearest name for a misspelled column.
 */
export function featureDefinitionsOf(definition: PlanDefinition, columns: readonly ColumnType[]): readonly FeatureDefinition[] {
  const { target } = definition
  const kinds = new Map(columns.map((column) => [column.name, column.kind]))
  if (!kinds.has(target)) throw unknownColumn('target', target, kinds)
  const definitions: FeatureDefinition[] = []
  for (const [name, transforms] of Object.entries(definition.features)) {
    if (transforms === undefined) continue
    const kind = kindOf(name, name, target, kinds)
    for (const { steps } of listOfTransforms(transforms)) {
      checkSteps(name, steps, kind)
      definitions.push({ name, of: [name], steps })
    }
  }
  for (const [name, cross] of Object.entries(definition.crosses ?? {})) {
    if (cross.of.length === 0) throw invalid(name, 'Expected at least one column in a cross. Received none')
    for (const part of cross.of) checkPart(name, part, target, kinds)
    if (categorySteps.has(cross.as.steps[0]?.kind ?? '')) checkSteps(name, cross.as.steps, 'text')
    else throw invalid(name, `Expected a cross to be one-hot or target encoded. Received ${cross.as.name}`)
    definitions.push({ name, of: cross.of, steps: cross.as.steps })
  }
  if (definitions.length === 0) throw invalid('features', 'Expected at least one feature. Received none')
  return definitions
}

const categorySteps: ReadonlySet<string> = new Set(['one-hot', 'target-encode'])
const numberSteps: ReadonlySet<string> = new Set(['impute', 'logarithm', 'standardize', 'min-max'])
const kindsOfFirstStep: Readonly<Record<TransformStep['kind'], readonly ColumnKind[]>> = {
  impute: ['number', 'integer'],
  logarithm: ['number', 'integer'],
  standardize: ['number', 'integer'],
  'min-max': ['number', 'integer'],
  cyclic: ['time'],
  'one-hot': ['text', 'boolean'],
  'target-encode': ['text', 'boolean'],
}

function checkSteps(name: string, steps: readonly TransformStep[], kind: ColumnKind): void {
  for (const [position, step] of steps.entries()) {
    if (position === 0) {
      const kinds = kindsOfFirstStep[step.kind]
      if (!kinds.includes(kind)) throw invalid(name, `Expected a column of kind ${kinds.join(' or ')} for ${step.kind}. Received ${kind}`)
    } else if (!numberSteps.has(step.kind))
      throw invalid(name, `Expected ${step.kind} first in its chain. Received it after a step that gives numbers`)
    else if (step.kind === 'impute') throw invalid(name, 'Expected impute first in its chain: after another step nothing is missing')
  }
}

function checkPart(name: string, part: CrossPart, target: string, kinds: ReadonlyMap<string, ColumnKind>): void {
  const kind = kindOf(name, typeof part === 'string' ? part : part.time, target, kinds)
  if (typeof part === 'string') {
    if (kind === 'time')
      throw invalid(name, `Expected a part of "${part}", such as { time: '${part}', part: 'hour' }. Received the moment itself`)
    return
  }
  if (kind !== 'time') throw invalid(name, `Expected "${part.time}" to be of kind time. Received ${kind}`)
  if (!timeParts.includes(part.part)) throw invalid(name, `Expected one of ${timeParts.join(', ')}. Received "${String(part.part)}"`)
}

function kindOf(feature: string, column: string, target: string, kinds: ReadonlyMap<string, ColumnKind>): ColumnKind {
  if (column === target) throw invalid(feature, `Expected features without the target "${target}". Received it among them`)
  const kind = kinds.get(column)
  if (kind === undefined) throw unknownColumn(feature, column, kinds)
  return kind
}

function unknownColumn(feature: string, column: string, kinds: ReadonlyMap<string, ColumnKind>): MillraceError<'FEATURE_INVALID'> {
  const nearest = nearestName(column, kinds.keys())
  const known = [...kinds.keys()].map((name) => `"${name}"`).join(', ')
  return invalid(
    feature,
    `Expected one of the columns ${known}. Received "${column}"${nearest === undefined ? '' : `. Did you mean "${nearest}"?`}`,
  )
}

/** `reason` is a sentence without its full stop. */
export function invalid(feature: string, reason: string): MillraceError<'FEATURE_INVALID'> {
  return new MillraceError('FEATURE_INVALID', {
    message: `${reason}${reason.endsWith('?') ? '' : '.'} (Feature "${feature}".)`,
    details: { feature, reason },
  })
}

function listOfTransforms(transforms: AnyTransform | readonly AnyTransform[]): readonly AnyTransform[] {
  return Array.isArray(transforms) ? transforms : [transforms as AnyTransform]
}

function stepsJson(transform: AnyTransform): Json {
  return transform.steps.map((step) => ({ ...step }))
}
