import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import { isPlainObject } from '../core/json.ts'
import type { Flow, SplitPart } from '../data/flow.ts'
import type { EvaluatedPart, GatedPart, PreparedPart, RegisteredPart, TrainedPart, Verdict } from '../model/flow.ts'
import type { ModelPackage } from '../model/model-package.ts'
import type { ModelRegistry, ModelVersion } from '../model/model-registry.ts'
import { packageModel } from '../model/package-model.ts'
import { Stage } from '../pipeline/stage.ts'
import type { StageContext } from '../pipeline/stage-definition.ts'
import { assertName, maxReasonLength } from './names.ts'

export interface RegisterOptions {
  readonly registry: ModelRegistry
  /** Of the model. */
  readonly name: string
  /** Moved to the new version when every gate passed; left out, the version is registered and that is all. */
  readonly alias?: string
  /** Versions of the packages that the model was made with, for its lineage; what the learner tells of its own is added. */
  readonly packages?: Readonly<Record<string, string>>
  /** Recorded as who moved the alias; default the run's id. */
  readonly by?: string
}

/** What must have flowed through a pipeline before a model can be registered. */
export type Registrable = Flow & SplitPart & PreparedPart & TrainedPart & EvaluatedPart & GatedPart

/**
 * Packages the trained model with its lineage and registers it as the next version; moves the alias only when the verdict passed.
 *
 * Guarantee: the same model, data and figures are registered once, however often the stage is run. An alias that somebody else moved while this stage worked is
 * left where it is (a warning says so, `promoted` is false), since the verdict was about another champion. A version that did not pass is registered
 * all the same: its figures are worth keeping.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a name or alias that does not fit: here and never at run time.
 * @example
 * pipeline.pipe(gate([atLeast('auc', 0.7)])).pipe(register({ registry, name: 'flight-delay', alias: 'champion' }))
 */
export function register<F extends Registrable>(options: RegisterOptions): Stage<F, F & RegisteredPart> {
  const { registry } = options
  const name = assertName('name', options.name)
  const alias = options.alias === undefined ? undefined : assertName('alias', options.alias)
  return new Stage<F, F & RegisteredPart>({
    name: 'register',
    version: '1',
    parameters: { name, alias: alias ?? null, packages: options.packages ?? {} },
    effect: true,
    async run(input: F, context: StageContext): Promise<F & RegisteredPart> {
      const { signal } = context
      // Read before the work, so that a champion that changes meanwhile is noticed.
      const before = alias === undefined ? undefined : await registry.alias(name, alias, { signal })
      const modelPackage = await packageOf(input, context, options.packages ?? {})
      const version = await registry.register(name, modelPackage, { idempotencyKey: contentKey(modelPackage), signal })
      context.artifact({ kind: 'model-version', name, reference: String(version.version) })
      const promoted = alias !== undefined && (await promote({ ...options, alias }, input.verdict, version, before, context))
      return { ...input, version, promoted }
    },
  })
}

function packageOf(input: Registrable, context: StageContext, packages: Readonly<Record<string, string>>): Promise<ModelPackage> {
  const { plan, target, task, model, trainingProfile, test, evaluation, training } = input
  const { storage, signal } = context
  const lineage = {
    runId: context.runId,
    dataDigest: input.dataset.digest,
    trainDigest: input.train.digest,
    testDigest: test.digest,
    codeVersion: context.codeVersion ?? null,
    packages: { ...packagesIn(training.details), ...packages },
  }
  return packageModel({ plan, target, task, model, trainingProfile, test, evaluation, training, lineage, storage, signal })
}

/**
 * The same model on the same data with the same figures is one version, whichever run made it and however the verdict about it is worded: the
 * stage's own key would change with the champion that the gate looked at.
 */
function contentKey({ manifest }: ModelPackage): string {
  const { runId: _runId, codeVersion: _codeVersion, ...lineage } = manifest.lineage
  return digestOfJson({ ...manifest, lineage })
}

/** What a learner tells of the libraries it used, under `packages` in its details. */
function packagesIn(details: unknown): Readonly<Record<string, string>> {
  const packages = isPlainObject(details) ? details.packages : undefined
  if (!isPlainObject(packages)) return {}
  return Object.fromEntries(Object.entries(packages).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** Whether the alias points at the version afterwards. */
async function promote(
  options: RegisterOptions & { readonly alias: string },
  verdict: Verdict,
  version: ModelVersion,
  before: ModelVersion | undefined,
  context: StageContext,
): Promise<boolean> {
  const { registry, name, alias } = options
  if (before?.version === version.version) return true
  if (!verdict.passed) {
    const gates = verdict.gates.filter((gate) => gate.outcome !== 'passed').map((gate) => `${gate.name}: ${gate.reason}`)
    context.logger.warn('alias not moved: the gate did not pass', { model: name, version: version.version, alias, gates })
    return false
  }
  const reason = (verdict.gates.map((gate) => `${gate.name}: ${gate.reason}`).join('; ') || 'no gates').slice(0, maxReasonLength)
  const move = { expectedVersion: before?.version ?? 0, reason, by: options.by ?? `run ${context.runId}`, signal: context.signal }
  try {
    await registry.setAlias(name, alias, version.version, move)
    return true
  } catch (error) {
    if (!MillraceError.is(error, 'ALIAS_MOVED')) throw error
    context.logger.warn('alias not moved: somebody else moved it meanwhile', { model: name, version: version.version, alias, error })
    return false
  }
}
