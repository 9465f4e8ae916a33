import type { MlflowConnection, SignalOption } from './connection.ts'
import type { ServerRun } from './wire.ts'
import { listOf, runFrom } from './wire.ts'

/** Which request made a run: it is looked for where the answer to that request was lost. */
export const requestTag = 'millrace.request'
export type RunStatus = 'FINISHED' | 'FAILED' | 'KILLED'

export interface NewRun extends SignalOption {
  readonly experimentId: string
  /** Letters and digits, new. */
  readonly requestId: string
  readonly runName: string
  readonly startedAt: number
  readonly tags: Iterable<readonly [string, string]>
}

/** Makes a run once, although the answer may get lost. */
export async function createRun(connection: MlflowConnection, run: NewRun): Promise<ServerRun> {
  const signal = run.signal === undefined ? {} : { signal: run.signal }
  const tags = [[requestTag, run.requestId] as const, ...run.tags].map(([key, value]) => ({ key, value }))
  const body = { experiment_id: run.experimentId, run_name: run.runName, start_time: run.startedAt, tags }
  const wanted = { experimentId: run.experimentId, tag: requestTag, value: run.requestId }
  let isRepeated = false
  return connection.persist(
    async () => {
      const found = isRepeated ? await findRun(connection, wanted, signal) : undefined
      isRepeated = true
      if (found !== undefined) return found
      const made = await connection.json({ method: 'POST', path: '/mlflow/runs/create', body, repeatable: false, ...signal })
      return runFrom(made?.run, connection.label)
    },
    undefined,
    run.signal,
  )
}

/** The newest run with that value of a tag. @param value - letters, digits and hyphens: it is not escaped. */
export async function findRun(
  connection: MlflowConnection,
  of: { readonly experimentId: string; readonly tag: string; readonly value: string },
  options: SignalOption,
): Promise<ServerRun | undefined> {
  const body = { experiment_ids: [of.experimentId], filter: `tags.\`${of.tag}\` = '${of.value}'`, max_results: 1 }
  const answer = await connection.json({ method: 'POST', path: '/mlflow/runs/search', body, repeatable: true, ...options })
  const [found] = listOf(answer?.runs)
  return found === undefined ? undefined : runFrom(found, connection.label)
}

export async function getRun(connection: MlflowConnection, runId: string, options: SignalOption): Promise<ServerRun | undefined> {
  const query = { run_id: runId }
  const absent = ['RESOURCE_DOES_NOT_EXIST']
  const answer = await connection.json({ method: 'GET', path: '/mlflow/runs/get', query, repeatable: true, absent, ...options })
  return answer === undefined ? undefined : runFrom(answer.run, connection.label)
}

/** A run that had ended goes on. */
export async function resumeRun(connection: MlflowConnection, runId: string, options: SignalOption): Promise<void> {
  await connection.json({
    method: 'POST',
    path: '/mlflow/runs/update',
    body: { run_id: runId, status: 'RUNNING' },
    repeatable: true,
    ...options,
  })
}

/** @param options.runName - where it was not known when the run was made. */
export async function endRun(
  connection: MlflowConnection,
  runId: string,
  status: RunStatus,
  { runName, ...options }: SignalOption & { readonly runName?: string },
): Promise<void> {
  const named = runName === undefined ? {} : { run_name: runName }
  const body = { run_id: runId, status, end_time: Math.floor(connection.clock.now()), ...named }
  await connection.json({ method: 'POST', path: '/mlflow/runs/update', body, repeatable: true, ...options })
}

/** Deleted there is: out of sight, and gone with the server's own garbage collection, its artifacts too. */
export async function deleteRun(connection: MlflowConnection, runId: string, options: SignalOption): Promise<void> {
  await connection.json({ method: 'POST', path: '/mlflow/runs/delete', body: { run_id: runId }, repeatable: true, ...options })
}

export async function tagRun(
  connection: MlflowConnection,
  runId: string,
  tag: { readonly key: string; readonly value: string },
  options: SignalOption,
): Promise<void> {
  const absent = ['RESOURCE_DOES_NOT_EXIST']
  await connection.json({
    method: 'POST',
    path: '/mlflow/runs/set-tag',
    body: { run_id: runId, ...tag },
    repeatable: true,
    absent,
    ...options,
  })
}

/** A label that is not there is none that is to be taken off. */
export async function untagRun(connection: MlflowConnection, runId: string, key: string, options: SignalOption): Promise<void> {
  const absent = ['RESOURCE_DOES_NOT_EXIST']
  const body = { run_id: runId, key }
  await connection.json({ method: 'POST', path: '/mlflow/runs/delete-tag', body, repeatable: true, absent, ...options })
}
