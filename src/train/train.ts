import { MillraceError } from '../core/error.ts'
import { isPlainObject, toJson } from '../core/json.ts'
import type { Json } from '../core/json-value.ts'
import { createRandom } from '../core/random.ts'
import { libraryVersion } from '../core/version.ts'
import type { Flow, SplitPart } from '../data/flow.ts'
import type { PreparedPart, TrainedPart } from '../model/flow.ts'
import type { Learner } from '../model/learner.ts'
import type { StoredModel } from '../model/model.ts'
import { modelReferencePortable, storeModel } from '../model/model-reference.ts'
import { Stage } from '../pipeline/stage.ts'
import { exampleSource } from './example-source.ts'

export interface TrainOptions {
  /** What is trained: `mlp` from millrace/tfjs, others from millrace/learners and plugins. */
  readonly learner: Learner
  /** Fixes initial weights and the order of rows. Default: drawn from the run's seed. */
  readonly seed?: number
}

/**
 * Trains the learner on the training part, with the validation part for early stopping, and stores the model. What flows on is a
 * reference: its digest, and the stored bytes when somebody opens it.
 *
 * The same learner, version, parameters, data and seed give the same model; the test part is never read. The figures of each epoch are kept as
 * metrics of the run, as the epoch ends.
 *
 * @throws {@link MillraceError} `SPLIT_EMPTY` when there is no row to train on, `LABEL_INVALID`, `FEATURE_INVALID`, `VALUE_NOT_JSON` for a
 * model whose `json` is none, and what the learner throws, such as `TRAINING_DIVERGED`.
 * @example
 * pipeline.pipe(train({ learner: mlp({ units: [64, 32], epochs: 5 }), seed: 7 }))
 */
export function train<F extends Flow & SplitPart & PreparedPart>(options: TrainOptions): Stage<F, F & TrainedPart> {
  const { learner, seed } = options
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected seed to be a whole number. Received ${seed}.`,
      details: { argument: 'seed', expected: 'a whole number', received: String(seed) },
    })
  }
  return new Stage<F, F & TrainedPart>({
    name: 'train',
    version: '1',
    parameters: { learner: learner.kind, version: learner.version, parameters: learner.parameters, seed: seed ?? null },
    portables: [modelReferencePortable([learner.loader])],
    async run(input, context) {
      const { plan, target, task } = input
      if (input.train.rowCount === 0) {
        throw new MillraceError('SPLIT_EMPTY', {
          message: 'Expected rows in the training part. Received none.',
          details: { part: 'train', rows: 0 },
        })
      }
      const data = {
        task,
        inputs: plan.inputs,
        train: exampleSource({ dataset: input.train, plan, target, task, fittedOn: true }),
        validation: exampleSource({ dataset: input.validation, plan, target, task, fittedOn: false }),
      }
      const { signal, logger, clock, storage } = context
      const random = seed === undefined ? context.random : createRandom(seed)
      /** Epochs whose figures the learner told itself. */
      const told = new Set<number>()
      const learned = await learner.learn(data, {
        signal,
        logger,
        clock,
        random,
        progress: (done, total, unit, fields) => context.progress(done, total, unit, fields),
        metrics: (values, step) => {
          if (step !== undefined) told.add(step)
          context.metrics(values, step)
        },
      })
      for (const { epoch, ...figures } of learned.history) if (!told.has(epoch)) context.metrics(figures, epoch)
      checkJson(learner, learned.model)
      const model = await storeModel(storage, learned.model, [learner.loader], { signal })
      const { history } = learned
      const details = withLibrary(learned.details)
      return { ...input, model, history, training: { learner: learner.kind, parameters: learner.parameters, details } }
    },
  })
}

/** Beside the learner's own libraries, the version of this one that made the model: a cached model keeps that of the run that made it. */
function withLibrary(details: Json): Json {
  if (!isPlainObject(details)) return details
  const packages = isPlainObject(details.packages) ? details.packages : {}
  return { ...details, packages: { millrace: libraryVersion, ...packages } } as Json
}

/** Whoever writes a learner reads which one it was, and where. */
function checkJson({ kind }: Learner, model: StoredModel): void {
  try {
    toJson(model.json)
  } catch (error) {
    if (!MillraceError.is(error, 'VALUE_NOT_JSON')) throw error
    const path = `model.json${error.details.path.slice(1)}`
    const { received } = error.details
    throw new MillraceError('VALUE_NOT_JSON', {
      message: `Expected the learner "${kind}" to give a JSON value at ${path}. Received ${received}.`,
      details: { path, received },
      cause: error,
    })
  }
}
