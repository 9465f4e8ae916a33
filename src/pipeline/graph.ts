import { MillraceError } from '../core/error.ts'
import type { Portable } from '../storage/portable.ts'
import type { AnyStage } from './stage.ts'
import type { Step } from './steps.ts'
import { stepsOf } from './steps.ts'

/** The input of the whole graph, as an id among `inputs`. */
export const graphInput = '#input'

interface NodeBase {
  /** Unique in the graph. Names of stages inside pipelines and branches follow the name around them: `nightly/ingest`. */
  readonly id: string
  /** Whose outputs it takes, in order; `#input` is the input of the graph. */
  readonly inputs: readonly string[]
  /** Conditions that must hold, or the node is skipped. */
  readonly conditions: readonly string[]
}
/** Runs a stage on one value. */
export interface StageNode extends NodeBase {
  readonly kind: 'stage'
  readonly stage: AnyStage
}
/** Runs a graph for each item of a list. */
export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly body: Graph
  readonly concurrency: number | undefined
}
/** Gathers the outputs of branches in a record. */
export interface CollectNode extends NodeBase {
  readonly kind: 'collect'
  readonly names: readonly string[]
}
/** Decides whether the nodes that name it are run. */
export interface ConditionNode extends NodeBase {
  readonly kind: 'condition'
  /** How it is named to people. */
  readonly label: string
  readonly predicate: (value: never) => boolean
}
/** Hands on the first input, or the second where the first was skipped. */
export interface JoinNode extends NodeBase {
  readonly kind: 'join'
}
export type GraphNode = StageNode | MapNode | CollectNode | ConditionNode | JoinNode

/** A pipeline flattened: nested pipelines, branches and conditions are nodes of one graph, in an order in which they could run. */
export interface Graph {
  readonly nodes: readonly GraphNode[]
  /** The node whose output is the graph's, or `#input` for an empty pipeline. */
  readonly output: string
}

/**
 * Flattens steps.
 *
 * @throws {@link MillraceError} `STAGE_INVALID` when two stages have one name.
 * @example
 * buildGraph(pipeline.name, pipeline.steps).nodes.map(({ id }) => id).slice(0, 3) // ['flow/ingest', 'flow/derive-late', 'flow/split']
 */
export function buildGraph(pipeline: string, steps: readonly Step[]): Graph {
  const builder = new GraphBuilder(pipeline)
  const output = builder.add(steps, { input: graphInput, prefix: '', conditions: [] })
  return Object.freeze({ nodes: Object.freeze(builder.nodes), output })
}

interface Place {
  readonly input: string
  readonly prefix: string
  readonly conditions: readonly string[]
}

class GraphBuilder {
  readonly nodes: GraphNode[] = []
  readonly #ids = new Set<string>()
  readonly #pipeline: string

  constructor(pipeline: string) {
    this.#pipeline = pipeline
  }

  /** Adds the steps one after the other; what comes back is the id of the last output. */
  add(steps: readonly Step[], place: Place): string {
    let input = place.input
    steps.forEach((step, index) => {
      input = this.#addStep(step, { ...place, input }, `${place.prefix}#${index}`)
    })
    return input
  }

  #addStep(step: Step, place: Place, hidden: string): string {
    const { prefix, conditions } = place
    const inputs = [place.input]
    switch (step.kind) {
      case 'pipe':
        return this.#addStage(step.stage, place)
      case 'branch': {
        const outputs = Object.entries(step.branches).map(([name, stage]) => {
          const plain = stage.name === name && stepsOf(stage) === undefined
          return this.#addStage(stage, { ...place, prefix: plain ? prefix : `${prefix}${name}/` })
        })
        return this.#push({ kind: 'collect', id: hidden, inputs: outputs, conditions, names: Object.keys(step.branches) })
      }
      case 'map': {
        const body = buildGraph(step.stage.name, [{ kind: 'pipe', stage: step.stage }])
        return this.#push({ kind: 'map', id: `${prefix}${step.stage.name}`, inputs, conditions, body, concurrency: step.concurrency })
      }
      case 'when': {
        const label = `when(${prefix}${step.stage.name})`
        const condition = this.#push({ kind: 'condition', id: `${hidden}?`, label, inputs, conditions, predicate: step.predicate })
        const output = this.#addStage(step.stage, { ...place, conditions: [...conditions, condition] })
        return this.#push({ kind: 'join', id: hidden, inputs: [output, place.input], conditions })
      }
    }
  }

  #addStage(stage: AnyStage, place: Place): string {
    const { input, prefix, conditions } = place
    const steps = stepsOf(stage)
    if (steps !== undefined) return this.add(steps, { ...place, prefix: `${prefix}${stage.name}/` })
    return this.#push({ kind: 'stage', id: `${prefix}${stage.name}`, inputs: [input], conditions, stage })
  }

  #push(node: GraphNode): string {
    if (this.#ids.has(node.id)) {
      throw new MillraceError('STAGE_INVALID', {
        message: `Expected names that are unique in pipeline "${this.#pipeline}". Received "${node.id}" twice: give one of the two another name.`,
        details: { stage: node.id, reason: 'duplicate name' },
      })
    }
    this.#ids.add(node.id)
    this.nodes.push(Object.freeze(node))
    return node.id
  }
}

/** The nodes that people know: those that run a stage. */
export function workNodes(graph: Graph): readonly (StageNode | MapNode)[] {
  return graph.nodes.filter((node) => node.kind === 'stage' || node.kind === 'map')
}

/** The portables of all stages, those inside maps too; the first of a kind counts. */
export function portablesOf(graph: Graph): readonly Portable[] {
  const byKind = new Map<string, Portable>()
  const visit = (inner: Graph): void => {
    for (const node of inner.nodes) {
      if (node.kind === 'map') visit(node.body)
      if (node.kind !== 'stage') continue
      for (const portable of node.stage.definition.portables ?? []) if (!byKind.has(portable.kind)) byKind.set(portable.kind, portable)
    }
  }
  visit(graph)
  return [...byKind.values()]
}
