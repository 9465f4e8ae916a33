import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { Graph, GraphNode, MapNode, StageNode } from './graph.ts'
import { graphInput } from './graph.ts'
import type { StageIdentity } from './pipeline-event.ts'
import { rememberParameters } from './remembered.ts'

/**
 * What the stages of a graph are and how they hang together, those inside maps too: a run can be resumed by a pipeline whose identities are equal.
 * Retries and time limits are not part of it, since they change no output.
 */
export function identitiesOf(graph: Graph, prefix = ''): readonly StageIdentity[] {
  const wiring = new Wiring(graph)
  const identities: StageIdentity[] = []
  for (const node of graph.nodes) {
    if (node.kind === 'stage') identities.push(identityOfStage(node, `${prefix}${node.id}`, wiring.of(node)))
    if (node.kind !== 'map') continue
    const path = `${prefix}${node.id}`
    identities.push({ path, kind: 'map', version: '', parameters: null, code: digestOfJson({ map: path }), wiring: wiring.of(node) })
    identities.push(...identitiesOf(node.body, `${path}/`))
  }
  // A rearranged end is a change too.
  const end = digestOfJson({ output: wiring.reference(graph.output) })
  identities.push({ path: `${prefix}#end`, kind: 'end', version: '', parameters: null, code: end, wiring: end })
  return identities
}

/**
 * @throws {@link MillraceError} `CODE_MISMATCH` naming the stages that changed, came, went or take their input from elsewhere.
 */
export function checkIdentities(runId: string, before: readonly StageIdentity[], now: readonly StageIdentity[]): void {
  const changes = changesBetween(before, now)
  if (changes.length === 0) return
  const told = changes.map(({ path, change }) => `"${path}" ${change}`).join(', ')
  throw new MillraceError('CODE_MISMATCH', {
    message: `Expected the pipeline that run "${runId}" was begun with. Received another: ${told}. Start a new run: it takes from the cache what did not change.`,
    details: { runId, stages: changes.map(({ path }) => path) },
  })
}

interface Change {
  readonly path: string
  readonly kind: StageIdentity['kind']
  readonly change: string
}

function changesBetween(before: readonly StageIdentity[], now: readonly StageIdentity[]): readonly Change[] {
  const old = new Map(before.map((identity) => [identity.path, identity]))
  const changes: Change[] = []
  for (const identity of now) {
    const { path, kind } = identity
    const change = changeOf(old.get(path), identity)
    old.delete(path)
    if (change !== undefined) changes.push({ path, kind, change })
  }
  for (const { path, kind } of old.values()) changes.push({ path, kind, change: 'is gone' })
  // What a graph gives changes with whatever is at its end: told only when nothing else is.
  const stages = changes.filter(({ kind }) => kind !== 'end')
  return stages.length > 0 ? stages : changes
}

function changeOf(before: StageIdentity | undefined, now: StageIdentity): string | undefined {
  if (before === undefined) return 'is new'
  if (before.kind !== now.kind) return `is a ${now.kind}, not a ${before.kind}`
  if (before.version !== now.version) return `is of version ${now.version}, not ${before.version}`
  if (digestOfJson(before.parameters) !== digestOfJson(now.parameters)) return 'has other parameters'
  if (before.code !== now.code) return 'changed'
  return before.wiring === now.wiring ? undefined : 'takes its input from elsewhere'
}

function identityOfStage({ stage }: StageNode, path: string, wiring: string): StageIdentity {
  const { name, version, effect = false, codec, codeDependencies = [], run, fingerprint } = stage.definition
  const code = digestOfJson({
    name,
    codec: codec === undefined ? null : `${codec.name}@${codec.version}`,
    codeDependencies,
    effect,
    run: textOf(run),
    fingerprint: fingerprint === undefined ? null : textOf(fingerprint),
  })
  return { path, kind: 'stage', version, parameters: rememberParameters(stage.parameters), code, wiring }
}

/** Digests of how nodes take their inputs. Hidden nodes have ids that shift, so they count by what they are. */
class Wiring {
  readonly #nodes: ReadonlyMap<string, GraphNode>
  readonly #known = new Map<string, string>()

  constructor(graph: Graph) {
    this.#nodes = new Map(graph.nodes.map((node) => [node.id, node]))
  }

  of(node: StageNode | MapNode): string {
    return digestOfJson({
      inputs: node.inputs.map((id) => this.reference(id)),
      conditions: node.conditions.map((id) => this.reference(id)),
    })
  }

  reference(id: string): string {
    const node = this.#nodes.get(id)
    if (id === graphInput || node === undefined || node.kind === 'stage' || node.kind === 'map') return id
    let known = this.#known.get(id)
    if (known === undefined) {
      known = digestOfJson({
        kind: node.kind,
        inputs: node.inputs.map((input) => this.reference(input)),
        names: node.kind === 'collect' ? node.names : [],
        predicate: node.kind === 'condition' ? textOf(node.predicate) : '',
      })
      this.#known.set(id, known)
    }
    return known
  }
}

/** The source text. Bound functions have none, and built-in ones only their name: of those it is the name and how many arguments they take that is seen. */
function textOf(work: unknown): string {
  const text = Function.prototype.toString.call(work)
  const isNative = typeof work === 'function' && /\{\s*\[native code\]\s*\}$/.test(text)
  return isNative ? `${text} ${work.name}/${work.length}` : text
}
