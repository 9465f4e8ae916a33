import { MillraceError } from '../core/error.ts'
import { graphInput } from './graph.ts'

/** Where a node stands. The last five are final. */
export type NodeState = 'pending' | 'ready' | 'running' | 'succeeded' | 'cached' | 'failed' | 'skipped' | 'abandoned'

/** What the planner must know of a graph's node. */
export interface PlannedNode {
  readonly id: string
  readonly inputs: readonly string[]
  readonly conditions: readonly string[]
}

/** What happened, as whoever runs the nodes tells it. */
export type PlannerEvent =
  | { readonly type: 'started'; readonly id: string }
  /** `holds` is the answer of a condition. */
  | { readonly type: 'succeeded'; readonly id: string; readonly holds?: boolean }
  | { readonly type: 'cached'; readonly id: string }
  | { readonly type: 'failed'; readonly id: string }
  /** A running node was stopped and did not come to an end. */
  | { readonly type: 'stopped'; readonly id: string }
  /** Nothing new is to start. */
  | { readonly type: 'cancelled' }

/** A node that changed its state though nobody ran it. */
export interface Decided {
  readonly id: string
  readonly state: 'skipped' | 'abandoned'
}

/**
 * Decides which nodes of a graph may start, as a state machine without I/O, time or randomness: it takes what happened and answers what may be
 * done. The same events give the same states, so it can be rebuilt from a journal.
 *
 *     pending -> ready -> running -> succeeded | cached | failed | abandoned
 *     pending | ready -> skipped | abandoned
 *
 * Guarantees: a node is ready only when all its inputs are done; every node ends in exactly one final state once those running have ended;
 * with `failFast` nothing starts after a failure; without, only what depends on a failed node is abandoned.
 *
 * @example
 * const planner = new Planner([{ id: 'a', inputs: [], conditions: [] }, { id: 'b', inputs: ['a'], conditions: [] }], { failFast: true })
 * planner.ready // ['a']
 * planner.apply({ type: 'started', id: 'a' })
 * planner.apply({ type: 'succeeded', id: 'a' })
 * planner.ready // ['b']
 */
export class Planner {
  readonly #nodes: ReadonlyMap<string, PlannedNode>
  readonly #states = new Map<string, NodeState>()
  readonly #failFast: boolean
  /** Conditions that were decided, and how. */
  readonly #decisions = new Map<string, boolean>()

  constructor(nodes: readonly PlannedNode[], options: { readonly failFast: boolean }) {
    this.#nodes = new Map(nodes.map((node) => [node.id, node]))
    this.#failFast = options.failFast
    for (const node of nodes) this.#states.set(node.id, 'pending')
    this.#settle()
  }

  /** What may start now, in the order of the graph. */
  get ready(): readonly string[] {
    return this.#inState('ready')
  }

  get running(): readonly string[] {
    return this.#inState('running')
  }

  /** True when every node is in a final state. */
  get finished(): boolean {
    return [...this.#states.values()].every((state) => state !== 'pending' && state !== 'ready' && state !== 'running')
  }

  state(id: string): NodeState {
    const state = this.#states.get(id)
    if (state === undefined) throw refused(id, 'a node of the graph', 'another name')
    return state
  }

  /** Takes what happened; what comes back are the nodes that are skipped or abandoned because of it. */
  apply(event: PlannerEvent): readonly Decided[] {
    if (event.type === 'cancelled') return this.#abandonAll()
    this.#move(event)
    if (event.type === 'succeeded' && event.holds !== undefined) this.#decisions.set(event.id, event.holds)
    if (event.type === 'failed' && this.#failFast) return this.#abandonAll()
    return this.#settle()
  }

  #move(event: Exclude<PlannerEvent, { type: 'cancelled' }>): void {
    const from: NodeState = event.type === 'started' ? 'ready' : 'running'
    const state = this.state(event.id)
    if (state !== from) throw refused(event.id, `to be ${from} when it is "${event.type}"`, state)
    this.#states.set(event.id, event.type === 'started' ? 'running' : event.type === 'stopped' ? 'abandoned' : event.type)
  }

  #abandonAll(): readonly Decided[] {
    const decided: Decided[] = []
    for (const [id, state] of this.#states) {
      if (state === 'pending' || state === 'ready') decided.push(this.#decide(id, 'abandoned'))
    }
    return decided
  }

  /** The graph's order is one in which nodes could run, so one pass carries a change all the way. */
  #settle(): readonly Decided[] {
    const decided: Decided[] = []
    for (const node of this.#nodes.values()) {
      if (this.#states.get(node.id) !== 'pending') continue
      if (node.conditions.some((id) => this.#decisions.get(id) === false)) decided.push(this.#decide(node.id, 'skipped'))
      else if (this.#dependsOn(node, isLost)) decided.push(this.#decide(node.id, 'abandoned'))
      else if (!this.#dependsOn(node, (state) => !isDone(state))) this.#states.set(node.id, 'ready')
    }
    return decided
  }

  #decide(id: string, state: 'skipped' | 'abandoned'): Decided {
    this.#states.set(id, state)
    return { id, state }
  }

  #dependsOn(node: PlannedNode, test: (state: NodeState) => boolean): boolean {
    return [...node.inputs, ...node.conditions].some((id) => id !== graphInput && test(this.state(id)))
  }

  #inState(wanted: NodeState): readonly string[] {
    const ids: string[] = []
    for (const [id, state] of this.#states) if (state === wanted) ids.push(id)
    return ids
  }
}

/** What comes after may go on: a skipped node hands on what it was given. */
function isDone(state: NodeState): boolean {
  return state === 'succeeded' || state === 'cached' || state === 'skipped'
}

function isLost(state: NodeState): boolean {
  return state === 'failed' || state === 'abandoned'
}

function refused(id: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected "${id}" ${expected}. Received ${received}.`,
    details: { argument: id, expected, received },
  })
}
