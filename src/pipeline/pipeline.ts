import { MillraceError } from '../core/error.ts'
import type { Graph } from './graph.ts'
import { buildGraph } from './graph.ts'
import { LocalRunner } from './local-runner.ts'
import type { Run, RunHandle, Runner, RunOptions, WithInput } from './run.ts'
import type { AnyStage, OutputOf } from './stage.ts'
import { checkName, Stage } from './stage.ts'
import type { StageContext } from './stage-definition.ts'
import type { Step } from './steps.ts'

/**
 * An immutable definition of what runs after what, typed end to end: each method returns a new pipeline. It is itself a stage. Storage,
 * logger and runner come when it is run.
 *
 * @throws {@link MillraceError} `STAGE_INVALID` for a name that does not fit, or that two stages have, or a map's concurrency below 1: here and
 * never at run time.
 * @example
 * const pipeline = new Pipeline('count')
 *   .pipe(new Stage({ name: 'list', version: '1', run: () => [1, 2, 3] }))
 *   .map(new Stage({ name: 'double', version: '1', run: (value: number) => value * 2 }))
 * const { output } = await pipeline.run({})
 * output // [2, 4, 6]
 */
export class Pipeline<in Input = void, out Output = Input> extends Stage<Input, Output> {
  /** The calls that made it. */
  readonly steps: readonly Step[]
  /** The same, flattened: for runners and for pictures. */
  readonly graph: Graph

  constructor(name: string)
  /** @internal */
  constructor(name: string, steps: readonly Step[])
  constructor(name: string, steps: readonly Step[] = []) {
    checkName(name, 'a pipeline')
    const own: { pipeline?: Pipeline<Input, Output> } = {}
    super({ name, version: '1', run: (input, context) => runAsStage(own.pipeline as Pipeline<Input, Output>, input, context) })
    own.pipeline = this
    this.steps = Object.freeze([...steps])
    this.graph = buildGraph(name, this.steps)
    Object.freeze(this)
  }

  /** Runs the stage on what flows. */
  pipe<Next>(stage: Stage<Output, Next>): Pipeline<Input, Next> {
    return this.#with({ kind: 'pipe', stage: stage as AnyStage })
  }

  /** Runs the stages side by side on the same value; their outputs come together in a record. */
  branch<Branches extends Readonly<Record<string, Stage<Output, unknown>>>>(
    branches: Branches,
  ): Pipeline<Input, { [Name in keyof Branches]: OutputOf<Branches[Name]> }> {
    return this.#with({ kind: 'branch', branches: Object.freeze({ ...branches }) as Readonly<Record<string, AnyStage>> })
  }

  /** Runs the stage on each item of a list, each cached by itself: only changed items run again. */
  map<Item, Next>(
    this: Pipeline<Input, readonly Item[]>,
    stage: Stage<Item, Next>,
    options: { readonly concurrency?: number } = {},
  ): Pipeline<Input, readonly Next[]> {
    const { concurrency } = options
    if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
      throw new MillraceError('STAGE_INVALID', {
        message: `Expected map "${stage.name}" to have a concurrency of 1, 2, 3 and so on. Received ${String(concurrency)}.`,
        details: { stage: stage.name, reason: 'concurrency' },
      })
    }
    return new Pipeline(this.name, [...this.steps, { kind: 'map', stage: stage as AnyStage, concurrency }])
  }

  /** Runs the stage where the predicate holds, else hands the value on; so what flows keeps its type. */
  when<Same extends Output>(
    this: Pipeline<Input, Same>,
    predicate: (value: Same) => boolean,
    stage: Stage<Same, Same>,
  ): Pipeline<Input, Same> {
    return new Pipeline(this.name, [...this.steps, { kind: 'when', stage: stage as AnyStage, predicate }])
  }

  /** Starts a run. Nothing is thrown here: all that goes wrong is in the handle's `result`. */
  start(options: RunOptions & WithInput<Input>): RunHandle<Output> {
    // A runner that is none is told of in the result, as every other option that cannot be worked with.
    const given: Partial<Runner> | undefined = options?.runner
    const runner = typeof given?.start === 'function' ? (given as Runner) : new LocalRunner()
    return runner.start(this, options) as RunHandle<Output>
  }

  /** The result of {@link Pipeline.start}. */
  run(options: RunOptions & WithInput<Input>): Promise<Run<Output>> {
    return this.start(options).result
  }

  #with<Next>(step: Step): Pipeline<Input, Next> {
    return new Pipeline(this.name, [...this.steps, step])
  }
}

/** Called as a function (a harness does), a pipeline is a run of its own in the caller's storage. */
async function runAsStage<Input, Output>(pipeline: Pipeline<Input, Output>, input: Input, context: StageContext): Promise<Output> {
  const { storage, logger, clock, signal, codeVersion } = context
  const options = {
    storage,
    logger,
    clock,
    signal,
    seed: context.random.int(0x1_0000_0000),
    ...(codeVersion === undefined ? {} : { codeVersion }),
  }
  const handle = new LocalRunner().start(pipeline, { ...options, input }) as RunHandle<Output>
  return (await handle.result).output
}
