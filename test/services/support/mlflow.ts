import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { MlflowServer } from '../../../scripts/services/mlflow.ts'

const script = fileURLToPath(new URL('mlflow_client.py', import.meta.url))

/** MLflow's own Python client, in a process of its own: one import of it takes seconds. */
export interface MlflowClient {
  /** What it answers to a command of mlflow_client.py. */
  ask<Answer>(command: string, values: Readonly<Record<string, unknown>>): Promise<Answer>
  stop(): Promise<void>
}

export function startClient(server: MlflowServer): MlflowClient {
  const { command: python, env } = server.python
  const child = spawn(python, [script], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let complaints = ''
  child.stderr.on('data', (chunk) => {
    complaints = `${complaints}${String(chunk)}`.slice(-4000)
  })
  let turn: Promise<unknown> = Promise.resolve()
  const answerTo = async (command: string, values: Readonly<Record<string, unknown>>): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify({ command, values })}\n`)
    const line = await lines.next()
    if (line.done === true) throw new Error(`mlflow_client.py ended: ${complaints}`)
    const { answer, error } = JSON.parse(line.value) as { readonly answer?: unknown; readonly error?: string }
    if (error !== undefined) throw new Error(`mlflow_client.py ${command}: ${error} ${complaints}`)
    return answer
  }
  return {
    ask<Answer>(command: string, values: Readonly<Record<string, unknown>>): Promise<Answer> {
      const answer = turn.then(() => answerTo(command, values))
      turn = answer.catch(() => {})
      return answer as Promise<Answer>
    },
    async stop() {
      child.stdin.end()
      await closed
    },
  }
}

export interface ClientRun {
  readonly status: string
  readonly lifecycle: string
  readonly name: string
  /** As Python prints them. */
  readonly metrics: Readonly<Record<string, string>>
  readonly params: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
}

/** The server's REST interface, without anything of ours. */
export async function callServer(
  url: string,
  method: 'GET' | 'POST',
  path: string,
  values: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const query = method === 'GET' ? `?${new URLSearchParams(values as Record<string, string>)}` : ''
  const response = await fetch(`${url}/api/2.0/mlflow/${path}${query}`, {
    method,
    ...(method === 'GET' ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(values) }),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Readonly<Record<string, unknown>>
}

/** Status and lifecycle of every run that was begun for a model, the deleted ones too. */
export async function runsOfModel(url: string, experiment: string, model: string): Promise<readonly string[]> {
  const found = (await callServer(url, 'GET', 'experiments/get-by-name', { experiment_name: experiment })) as {
    readonly experiment: { readonly experiment_id: string }
  }
  const answer = (await callServer(url, 'POST', 'runs/search', {
    experiment_ids: [found.experiment.experiment_id],
    filter: `tags.\`millrace.model\` = '${model}'`,
    run_view_type: 'ALL',
  })) as { readonly runs?: readonly { readonly info: { readonly status: string; readonly lifecycle_stage: string } }[] }
  return (answer.runs ?? []).map(({ info }) => `${info.status} ${info.lifecycle_stage}`)
}
