import { MillraceError } from '../core/error.ts'
import { nearestName } from '../core/suggest.ts'
import type { Graph } from './graph.ts'
import type { RunOptions } from './run.ts'
import { isRunId } from './run-store.ts'

/** @throws {@link MillraceError} `ARGUMENT_INVALID` naming the option. */
export function checkRunOptions(id: string, graph: Graph, options: RunOptions): void {
  if (!isRunId(id)) throw invalid('id', '1 to 100 lower-case letters, digits and hyphens', JSON.stringify(id))
  const { concurrency, seed, force = [] } = options
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1))
    throw invalid('concurrency', '1 or more', String(concurrency))
  if (seed !== undefined && !Number.isFinite(seed)) throw invalid('seed', 'a number', String(seed))
  const paths = pathsOf(graph)
  for (const name of force) {
    if (paths.some((path) => isForcedBy([name], path))) continue
    const nearest = nearestName(name, paths)
    const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`
    throw invalid('force', `names of stages: ${paths.join(', ')}`, `"${name}".${hint}`)
  }
}

/** True when the name is that of the stage or of a pipeline, branch or map around it. */
export function isForcedBy(force: readonly string[], path: string): boolean {
  return force.some((name) => `/${path}/`.includes(`/${name}/`))
}

/** All stages, those inside maps behind the map's name. */
function pathsOf(graph: Graph): readonly string[] {
  const paths: string[] = []
  for (const node of graph.nodes) {
    if (node.kind !== 'stage' && node.kind !== 'map') continue
    paths.push(node.id)
    if (node.kind === 'map') for (const inner of pathsOf(node.body)) if (inner !== node.id) paths.push(`${node.id}/${inner}`)
  }
  return paths
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  const end = received.endsWith('?') ? '' : '.'
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected "${argument}" to be ${expected}. Received ${received}${end}`,
    details: { argument, expected, received },
  })
}
