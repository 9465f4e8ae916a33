import { MillraceError } from '../core/error.ts'
import { receivedText } from '../core/received.ts'
import { nearestName } from '../core/suggest.ts'
import type { Graph } from './graph.ts'
import type { RunStarted } from './pipeline-event.ts'
import type { RunOptions } from './run.ts'
import { isRunId } from './run-store.ts'

/** @throws {@link MillraceError} `ARGUMENT_INVALID` naming the option. */
export function checkRunOptions(id: string, graph: Graph, options: RunOptions): void {
  const { concurrency, seed, force = [], resume, leaseMs, maxEntryBytes } = options
  if (resume === undefined && !isRunId(id)) throw invalid('id', '1 to 100 lower-case letters, digits and hyphens', receivedText(id))
  if (resume !== undefined && options.id !== undefined && options.id !== resume)
    throw invalid('id', `left out with "resume", or the same (${receivedText(resume)})`, receivedText(options.id))
  if (leaseMs !== undefined && !(leaseMs > 0 && Number.isFinite(leaseMs)))
    throw invalid('leaseMs', 'a number of milliseconds above 0', receivedText(leaseMs))
  if (maxEntryBytes !== undefined && !(maxEntryBytes > 0)) throw invalid('maxEntryBytes', 'a number above 0', receivedText(maxEntryBytes))
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1))
    throw invalid('concurrency', '1 or more', receivedText(concurrency))
  if (seed !== undefined && !Number.isFinite(seed)) throw invalid('seed', 'a number', receivedText(seed))
  const paths = pathsOf(graph)
  for (const name of force) {
    if (typeof name === 'string' && paths.some((path) => isForcedBy([name], path))) continue
    const nearest = nearestName(name, paths)
    const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`
    throw invalid('force', `names of stages: ${paths.join(', ')}`, `${receivedText(name)}.${hint}`)
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

/** @throws {@link MillraceError} `ARGUMENT_INVALID` when the run is one of another pipeline. */
export function checkResumedPipeline({ runId, pipeline }: RunStarted, now: string): void {
  if (pipeline !== now) throw invalid('resume', `a run of pipeline "${now}"`, `"${runId}", a run of "${pipeline}"`)
}

/**
 * What belongs to the run and not to the process that goes on with it.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` naming what is not the run's own.
 */
export function checkResumedOptions(started: RunStarted, now: { readonly inputDigest: string | null; readonly options: RunOptions }): void {
  const { runId } = started
  const { seed, force } = now.options
  if (started.inputDigest !== now.inputDigest)
    throw invalid('input', `that of run "${runId}", of digest ${started.inputDigest}`, `one of digest ${now.inputDigest}`)
  if (seed !== undefined && seed !== started.seed)
    throw invalid('seed', `left out with "resume", or the run's (${started.seed})`, receivedText(seed))
  if (force !== undefined && [...force].sort().join() !== [...started.force].sort().join())
    throw invalid('force', `left out with "resume", or the run's (${started.force.join(', ') || 'nothing'})`, force.join(', ') || 'nothing')
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  const end = received.endsWith('?') ? '' : '.'
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected "${argument}" to be ${expected}. Received ${received}${end}`,
    details: { argument, expected, received },
  })
}
