import { Pipeline, Stage } from 'millrace/pipeline'

/** What a random pipeline is made of; values that flow are whole numbers. */
export type StepSpec =
  | { readonly kind: 'plain' | 'effect' | 'random' | 'unstable'; readonly name: string; readonly add: number }
  | { readonly kind: 'branch'; readonly name: string; readonly left: readonly StepSpec[]; readonly right: readonly StepSpec[] }
  | {
      readonly kind: 'map'
      readonly name: string
      readonly items: number
      readonly body: readonly StepSpec[]
      readonly concurrency: number
    }
  | { readonly kind: 'when'; readonly name: string; readonly divisor: number; readonly body: readonly StepSpec[] }
  | { readonly kind: 'nested'; readonly name: string; readonly body: readonly StepSpec[] }

/** One way into the world for all stages of a life of a run. */
export interface World {
  /** Called by each stage before it does anything; it may throw, or never answer where the process is dead. */
  readonly enter: (stage: string) => Promise<void>
  /** Called when a stage has done what it does. */
  readonly act: (stage: string, idempotencyKey: string) => void
  /** Another number at each call. */
  readonly unstable: () => number
}

/** Turns a list of numbers into a pipeline: the same numbers, the same pipeline; fewer numbers, a smaller one. */
export function specOf(numbers: readonly number[]): readonly StepSpec[] {
  let at = 0
  let names = 0
  const next = (below: number): number => (numbers[at++] ?? 0) % below
  const name = (kind: string): string => `${kind}-${names++}`
  const sequence = (depth: number): readonly StepSpec[] => Array.from({ length: 1 + next(3) }, () => step(depth))
  const step = (depth: number): StepSpec => {
    const kind = next(depth > 0 ? 10 : 5)
    const add = next(7)
    switch (kind) {
      case 1:
      case 2:
        return { kind: 'effect', name: name('effect'), add }
      case 3:
        return { kind: 'random', name: name('random'), add }
      case 4:
        return { kind: 'unstable', name: name('unstable'), add }
      case 5:
      case 6:
        return { kind: 'map', name: name('map'), items: next(4), body: sequence(depth - 1), concurrency: 1 + next(3) }
      case 7:
        return { kind: 'branch', name: name('branch'), left: sequence(depth - 1), right: sequence(depth - 1) }
      case 8:
        return { kind: 'when', name: name('when'), divisor: 1 + next(3), body: sequence(depth - 1) }
      case 9:
        return { kind: 'nested', name: name('nested'), body: sequence(depth - 1) }
      default:
        return { kind: 'plain', name: name('plain'), add }
    }
  }
  return sequence(2)
}

/** Whether what it gives depends on the input alone. */
export function isStable(steps: readonly StepSpec[]): boolean {
  return steps.every((step) => {
    if (step.kind === 'unstable') return false
    if (step.kind === 'branch') return isStable(step.left) && isStable(step.right)
    return 'body' in step ? isStable(step.body) : true
  })
}

export function hasRandom(steps: readonly StepSpec[]): boolean {
  return steps.some((step) => {
    if (step.kind === 'random') return true
    if (step.kind === 'branch') return hasRandom(step.left) || hasRandom(step.right)
    return 'body' in step && hasRandom(step.body)
  })
}

/** What a pipeline gives, without any pipeline. For specs without unstable and random steps. */
export function modelOutput(steps: readonly StepSpec[], input: number): number {
  return steps.reduce((value, step) => {
    switch (step.kind) {
      case 'branch':
        return modelOutput(step.left, value) * 3 - modelOutput(step.right, value)
      case 'map':
        return itemsOf(value, step.items).reduce((sum, item) => sum + modelOutput(step.body, item), 1)
      case 'when':
        return value % step.divisor === 0 ? modelOutput(step.body, value) : value
      case 'nested':
        return modelOutput(step.body, value)
      default:
        return value * 2 + step.add
    }
  }, input)
}

/** The pipeline of a spec, in a world. Its functions close over the world, and their texts are always the same: so are its identities. */
export function pipelineOf(name: string, steps: readonly StepSpec[], world: World): Pipeline<number, number> {
  let pipeline: Pipeline<number, number> = new Pipeline<number>(name)
  for (const step of steps) pipeline = addStep(pipeline, step, world)
  return pipeline
}

function addStep(pipeline: Pipeline<number, number>, step: StepSpec, world: World): Pipeline<number, number> {
  switch (step.kind) {
    case 'branch': {
      const branches = { left: pipelineOf(`${step.name}-l`, step.left, world), right: pipelineOf(`${step.name}-r`, step.right, world) }
      return pipeline
        .branch(branches)
        .pipe(plain(`${step.name}-join`, ({ left, right }: { left: number; right: number }) => left * 3 - right, world))
    }
    case 'map': {
      const { items, concurrency } = step
      return pipeline
        .pipe(plain(`${step.name}-list`, (value: number) => itemsOf(value, items), world, { items }))
        .map(pipelineOf(step.name, step.body, world), { concurrency })
        .pipe(plain(`${step.name}-sum`, (values: readonly number[]) => values.reduce((sum, value) => sum + value, 1), world))
    }
    case 'when': {
      const { divisor } = step
      return pipeline.when((value) => value % divisor === 0, pipelineOf(step.name, step.body, world))
    }
    case 'nested':
      return pipeline.pipe(pipelineOf(step.name, step.body, world))
    default:
      return pipeline.pipe(leaf(step, world))
  }
}

function plain<Input, Output>(name: string, work: (input: Input) => Output, world: World, parameters?: unknown): Stage<Input, Output> {
  return new Stage<Input, Output>({
    name,
    version: '1',
    parameters,
    run: async (input) => {
      await world.enter(name)
      return work(input)
    },
  })
}

function leaf(step: Extract<StepSpec, { readonly add: number }>, world: World): Stage<number, number> {
  const { kind, name, add } = step
  return new Stage<number, number>({
    name,
    version: '1',
    parameters: { kind, add },
    effect: kind === 'effect',
    ...(kind === 'unstable' ? { fingerprint: async () => undefined } : {}),
    run: async (input, { idempotencyKey, random }) => {
      await world.enter(name)
      world.act(name, idempotencyKey)
      const drawn = kind === 'random' ? random.int(1000) : kind === 'unstable' ? world.unstable() : 0
      return input * 2 + add + drawn
    },
  })
}

/** All different, so that no two items are the same work. */
function itemsOf(value: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => (value % 1000) * 10 + index)
}
