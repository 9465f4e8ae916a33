import { mapConcurrently } from '../core/concurrency.ts'
import { digestOfJson } from '../core/digest.ts'
import { MillraceError, messageOf } from '../core/error.ts'
import { isStop, recordError } from './attempts.ts'
import type { AbandonReason } from './cache-reason.ts'
import type { ConditionNode, Graph, GraphNode, MapNode } from './graph.ts'
import { graphInput } from './graph.ts'
import type { Decided } from './planner.ts'
import { Planner } from './planner.ts'
import type { Place, RunScope, Valued } from './run-scope.ts'
import { nameOf, whereOf } from './run-scope.ts'
import { executeStage } from './stage-execution.ts'

/** Where a graph runs: the pipeline itself, or for one item of a map. */
export interface GraphPlace {
  /** Of a node in this graph. */
  readonly placeOf: (node: string) => Place
  /** Whether the graph's output is keyed on. */
  readonly needsDigest: boolean
}

/**
 * Runs a graph: starts what the planner says may start, tells it what happened, and holds values only as long as something still needs them.
 *
 * @throws {@link MillraceError} `STAGE_FAILED`, the first; the run's `signal.reason` when stopped; both only once all that was under way has settled.
 */
export function executeGraph(scope: RunScope, graph: Graph, input: Valued, at: GraphPlace): Promise<Valued> {
  return new GraphExecution(scope, graph, input, at).run()
}

class GraphExecution {
  readonly #scope: RunScope
  readonly #graph: Graph
  readonly #at: GraphPlace
  readonly #nodes: ReadonlyMap<string, GraphNode>
  readonly #planner: Planner
  readonly #values = new Map<string, Valued>()
  /** How many nodes still need a value. */
  readonly #consumers = new Map<string, number>()
  #failure: { readonly error: unknown } | undefined

  constructor(scope: RunScope, graph: Graph, input: Valued, at: GraphPlace) {
    this.#scope = scope
    this.#graph = graph
    this.#at = at
    this.#nodes = new Map(graph.nodes.map((node) => [node.id, node]))
    this.#planner = new Planner(graph.nodes, { failFast: scope.failFast })
    this.#values.set(graphInput, input)
    for (const node of graph.nodes) for (const id of node.inputs) this.#consumers.set(id, (this.#consumers.get(id) ?? 0) + 1)
  }

  async run(): Promise<Valued> {
    const running = new Map<string, Promise<void>>()
    while (!this.#planner.finished) {
      if (this.#scope.signal.aborted) this.#tell(this.#planner.apply({ type: 'cancelled' }))
      for (const id of this.#planner.ready)
        running.set(
          id,
          this.#start(id).finally(() => running.delete(id)),
        )
      if (running.size > 0) await Promise.race(running.values())
    }
    if (this.#failure !== undefined) throw this.#failure.error
    const output = this.#values.get(this.#graph.output)
    if (output === undefined) throw this.#scope.signal.reason
    return output
  }

  /** Never rejects: what a node does becomes an event of the planner. */
  async #start(id: string): Promise<void> {
    const node = this.#nodes.get(id) as GraphNode
    this.#planner.apply({ type: 'started', id })
    try {
      const output = await this.#execute(node)
      this.#values.set(id, output)
      this.#release(node)
      if (node.kind === 'condition') this.#tell(this.#planner.apply({ type: 'succeeded', id, holds: output.value === true }))
      else this.#tell(this.#planner.apply({ type: output.from === undefined ? 'succeeded' : 'cached', id }))
    } catch (error) {
      this.#release(node)
      if (isStop(this.#scope, error)) this.#tell([{ id, state: 'abandoned' }, ...this.#planner.apply({ type: 'stopped', id })])
      else {
        this.#failure ??= { error }
        // A stage has told so itself.
        if (node.kind === 'condition') emitFailed(this.#scope, { ...this.#at.placeOf(id), stage: node.label }, error, 0)
        this.#tell(this.#planner.apply({ type: 'failed', id }))
        // After the planner knows what failed, so that what was to come after it is told apart from the rest.
        if (this.#scope.failFast) this.#scope.stop()
      }
    }
  }

  async #execute(node: GraphNode): Promise<Valued> {
    const inputs = node.inputs.map((id) => this.#values.get(id))
    const first = inputs[0] as Valued
    switch (node.kind) {
      case 'stage':
        return await this.#scope.limiter.run(
          () => executeStage(this.#scope, this.#at.placeOf(node.id), node.stage, first, this.#needsDigest(node.id)),
          this.#scope.signal,
        )
      case 'map':
        return await executeMap(this.#scope, this.#at.placeOf(node.id), node, first, this.#needsDigest(node.id))
      case 'collect': {
        const values = inputs as readonly Valued[]
        const value = Object.fromEntries(node.names.map((name, index) => [name, values[index]?.value]))
        return { value, digest: joinDigests(values, node.names) }
      }
      case 'condition':
        return { value: decide(node, first.value), digest: undefined }
      case 'join': {
        // Its origin stays with the stage that made it; the join itself ran.
        const { value, digest } = inputs[0] ?? (inputs[1] as Valued)
        return { value, digest }
      }
    }
  }

  /** Whether a stage after this node is keyed by its output, directly or through what only hands it on. */
  #needsDigest(id: string): boolean {
    if (id === this.#graph.output && this.#at.needsDigest) return true
    return this.#graph.nodes.some((node) => {
      if (!node.inputs.includes(id)) return false
      return node.kind === 'stage' || node.kind === 'map' || (node.kind !== 'condition' && this.#needsDigest(node.id))
    })
  }

  /** Drops the inputs of a node that has ended where no other node needs them. */
  #release(node: Pick<GraphNode, 'inputs'>): void {
    for (const id of node.inputs) {
      const left = (this.#consumers.get(id) ?? 0) - 1
      this.#consumers.set(id, left)
      if (left === 0 && id !== this.#graph.output) this.#values.delete(id)
    }
  }

  #tell(decided: readonly Decided[]): void {
    for (const { id, state } of decided) {
      const node = this.#nodes.get(id) as GraphNode
      if (state === 'skipped') this.#release(node)
      if (node.kind !== 'stage' && node.kind !== 'map') continue
      const where = whereOf(this.#at.placeOf(id))
      if (state === 'skipped') this.#scope.emit({ type: 'stage-skipped', ...where, reason: 'its condition does not hold' })
      else this.#scope.emit({ type: 'stage-abandoned', ...where, reason: this.#abandonReason(node) })
    }
  }

  #abandonReason(node: GraphNode): AbandonReason {
    if (this.#scope.isCancelled()) return 'the run was cancelled'
    return this.#comesAfterFailure(node) ? 'a stage before it failed' : 'another stage failed'
  }

  /** Each node is visited once: through a row of conditions there are exponentially many ways. */
  #comesAfterFailure(node: GraphNode, visited: Set<string> = new Set()): boolean {
    return [...node.inputs, ...node.conditions].some((id) => {
      const before = this.#nodes.get(id)
      if (before === undefined || visited.has(id)) return false
      visited.add(id)
      return this.#planner.state(id) === 'failed' || this.#comesAfterFailure(before, visited)
    })
  }
}

/** Runs the body for each item; each item is keyed by its own content, so only changed ones run again. */
async function executeMap(scope: RunScope, place: Place, node: MapNode, input: Valued, needsDigest: boolean): Promise<Valued> {
  const startedMs = scope.clock.monotonicMs()
  const elapsedMs = (): number => scope.clock.monotonicMs() - startedMs
  const isPlain = node.body.nodes.length === 1 && node.body.nodes[0]?.kind === 'stage'
  const failures: unknown[] = []
  scope.emit({ type: 'stage-started', ...whereOf(place), inputDigest: input.digest ?? '' })
  const executeItem = async (value: unknown, index: number): Promise<Valued | undefined> => {
    const at = itemPlaces(place, index, isPlain)
    try {
      const { storage, portables, signal } = scope
      const { digest } = await scope.codec.encode(value, { storage, portables, signal })
      const output = await executeGraph(scope, node.body, { value, digest }, { placeOf: at.placeOf, needsDigest })
      if (!isPlain) emitDone(scope, at.item, output, elapsedMs())
      return output
    } catch (error) {
      if (isStop(scope, error)) throw error
      failures.push(error)
      if (!isPlain) emitFailed(scope, at.item, error, elapsedMs())
      if (scope.failFast) throw error
      return undefined
    }
  }
  try {
    const items = listOf(place, input.value)
    const outputs = await mapConcurrently(items, node.concurrency ?? scope.concurrency, executeItem, scope.signal)
    if (failures.length > 0) throw failures[0]
    const done = outputs as readonly Valued[]
    const digest = joinDigests(done)
    const from = done.every((item) => item.from !== undefined) ? done.at(-1)?.from : undefined
    const output: Valued = { value: done.map(({ value }) => value), digest, ...(from === undefined ? {} : { from }) }
    emitDone(scope, place, output, elapsedMs())
    return output
  } catch (error) {
    // An item that failed may have stopped the others before it was heard of here.
    const cause = failures[0] ?? error
    if (isStop(scope, cause)) throw cause
    emitFailed(scope, place, cause, elapsedMs())
    throw MillraceError.is(cause, 'STAGE_FAILED') ? cause : stageFailed(nameOf(place), place.stage, cause)
  }
}

function emitDone(scope: RunScope, place: Place, output: Valued, durationMs: number): void {
  const { digest, from } = output
  const where = whereOf(place)
  if (from !== undefined && digest !== undefined) {
    scope.emit({ type: 'stage-cached', ...where, reason: 'unchanged', from, outputDigest: digest, durationMs })
  } else {
    scope.emit({ type: 'stage-succeeded', ...where, durationMs, attempts: 1, ...(digest === undefined ? {} : { outputDigest: digest }) })
  }
}

function emitFailed(scope: RunScope, place: Place, error: unknown, durationMs: number): void {
  scope.emit({ type: 'stage-failed', ...whereOf(place), durationMs, attempts: 1, error: recordError(error) })
}

/** Places of one item: the item itself, and the stages inside it where the map runs a pipeline. */
function itemPlaces(place: Place, index: number, isPlain: boolean): { readonly item: Place; readonly placeOf: (node: string) => Place } {
  const nested = place.item
  const item: Place =
    nested === undefined
      ? { stage: place.stage, item: { index }, path: place.path }
      : { ...place, item: { index: nested.index, stage: `${nested.stage ?? ''}[${index}]` } }
  if (isPlain) return { item, placeOf: () => item }
  const placeOf = (node: string): Place => {
    const inner = item.item?.stage === undefined ? node : `${item.item.stage}/${node}`
    return { stage: place.stage, item: { index: nested?.index ?? index, stage: inner }, path: `${place.path}/${node}` }
  }
  return { item, placeOf }
}

function listOf(place: Place, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected a list as the input of map "${nameOf(place)}". Received ${value === null ? 'null' : typeof value}.`,
    details: { argument: 'input', expected: 'a list', received: typeof value },
  })
}

function decide(node: ConditionNode, value: unknown): boolean {
  try {
    return node.predicate(value as never) === true
  } catch (error) {
    throw stageFailed(node.label, node.label, error)
  }
}

/** Undefined where one of them is. */
function joinDigests(values: readonly Valued[], names?: readonly string[]): string | undefined {
  const digests: string[] = []
  for (const { digest } of values) {
    if (digest === undefined) return undefined
    digests.push(digest)
  }
  return digestOfJson(names === undefined ? { list: digests } : { names, digests })
}

function stageFailed(name: string, stage: string, cause: unknown): MillraceError<'STAGE_FAILED'> {
  return new MillraceError('STAGE_FAILED', {
    message: `Expected stage "${name}" to succeed. Received: ${messageOf(cause)}`,
    details: { stage, attempt: 1 },
    cause,
  })
}
