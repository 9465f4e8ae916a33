import { MillraceError } from '../core/error.ts'
import { receivedText } from '../core/received.ts'
import { nearestName } from '../core/suggest.ts'
import type { Graph } from './graph.ts'
import type { RunStarted } from './pipeline-event.ts'
import type { RunOptions } from './run.ts'
import { isRunId } from './run-store.ts'

/**
 * Checked before anything is done, so that what a caller in plain JavaScript gives is never taken for something else, nor found out by a run that has a record.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` naming the option.
 */
export function checkRunOptions(graph: Graph, options: RunOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', receivedText(options))
  for (const { names, expected, isFit } of kinds)
    for (const name of names) {
      const value = options[name]
      if (value !== undefined && !isFit(value)) throw invalid(name, expected, receivedText(value))
    }
  const { id, resume, force = [] } = options
  if (resume === undefined && id !== undefined && !isRunId(id))
    throw invalid('id', '1 to 100 lower-case letters, digits and hyphens', receivedText(id))
  if (resume !== undefined && id !== undefined && id !== resume)
    throw invalid('id', `left out with "resume", or the same (${receivedText(resume)})`, receivedText(id))
  const paths = pathsOf(graph)
  for (const name of force) {
    if (typeof name === 'string' && paths.some((path) => isForcedBy([name], path))) continue
    const nearest = nearestName(name, paths)
    const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`
    throw invalid('force', `names of stages: ${paths.join(', ')}`, `${receivedText(name)}.${hint}`)
  }
}

/** What an option must be; those that are left out are. */
interface Kind {
  readonly names: readonly (keyof RunOptions)[]
  readonly expected: string
  readonly isFit: (value: unknown) => boolean
}

const kinds: readonly Kind[] = [
  withMethods(['storage'], 'a storage adapter', ['get', 'put', 'putIfAbsent', 'delete', 'list']),
  withMethods(['logger'], 'a logger', ['debug', 'info', 'warn', 'error']),
  withMethods(['runner'], 'a runner', ['start']),
  withMethods(['clock'], 'a clock', ['now', 'monotonicMs', 'sleep']),
  { names: ['signal'], expected: 'an AbortSignal', isFit: (value) => value instanceof AbortSignal },
  { names: ['id', 'resume'], expected: 'the id of a run', isFit: isText },
  { names: ['codeVersion'], expected: 'a text', isFit: isText },
  {
    names: ['tags'],
    expected: 'an object of texts',
    isFit: (value) => isObject(value) && !Array.isArray(value) && Object.values(value).every(isText),
  },
  { names: ['seed'], expected: 'a number', isFit: Number.isFinite },
  { names: ['concurrency'], expected: '1 or more', isFit: (value) => Number.isInteger(value) && Number(value) >= 1 },
  { names: ['failFast', 'takeOver'], expected: 'true or false', isFit: (value) => typeof value === 'boolean' },
  { names: ['force'], expected: 'a list of names of stages', isFit: Array.isArray },
  { names: ['leaseMs'], expected: 'a number of milliseconds above 0', isFit: (value) => Number.isFinite(value) && Number(value) > 0 },
  { names: ['maxEntryBytes'], expected: 'a number above 0', isFit: (value) => typeof value === 'number' && value > 0 },
  { names: ['onEvent'], expected: 'a function', isFit: (value) => typeof value === 'function' },
]

function withMethods(names: Kind['names'], what: string, methods: readonly string[]): Kind {
  const isFit = (value: unknown): boolean => isObject(value) && methods.every((method) => typeof value[method] === 'function')
  return { names, expected: `${what}, with ${methods.join(', ')}`, isFit }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
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
