// A real MLflow server: a tracking server with its registry and its artifact proxy, and nothing else of MLflow.
import { join } from 'node:path'
import { answers, freePorts, startProcess, temporaryFolder } from './process.ts'
import { pythonEnvironment } from './python.ts'

const packages: readonly string[] = [
  'mlflow-skinny==3.17.2',
  'Flask<4',
  'Flask-CORS<7',
  'sqlalchemy<3',
  'alembic!=1.10.0,<2',
  'aiohttp<4',
  'numpy<3',
  'pandas<3',
]
/** No telemetry, and no process for jobs that nobody gives it. */
const environment = { MLFLOW_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: 'true', MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' }

export interface MlflowServer {
  readonly url: string
  /** Of the server; its workers are in the process group of that number. */
  readonly pid: number
  /** A Python with MLflow's own client, told where the server is. */
  readonly python: { readonly command: string; readonly env: Readonly<Record<string, string>> }
  /** What the server printed, the last of it. */
  readonly output: () => string
  readonly stop: () => Promise<void>
}

/** Started on an empty SQLite database. `serveArtifacts: false`: artifacts are the client's business, as where they are in a bucket. */
export async function startMlflow(options: { readonly serveArtifacts?: boolean } = {}): Promise<MlflowServer> {
  const { serveArtifacts = true } = options
  const programs = pythonEnvironment('mlflow', packages)
  const [port] = (await freePorts(1)) as [number]
  const url = `http://127.0.0.1:${port}`
  const folder = temporaryFolder('mlflow')
  const artifacts = join(folder.path, 'artifacts')
  const server = ['server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1']
  const store = ['--backend-store-uri', `sqlite:///${join(folder.path, 'mlflow.db')}`]
  const proxy = serveArtifacts
    ? ['--serve-artifacts', '--artifacts-destination', artifacts]
    : ['--no-serve-artifacts', '--default-artifact-root', artifacts]
  try {
    const running = await startProcess({
      name: 'MLflow',
      command: join(programs, 'mlflow'),
      args: [...server, ...store, ...proxy],
      env: environment,
      cwd: folder.path,
      // It starts its workers as processes of their own.
      group: true,
      isReady: () => answers(`${url}/health`),
      readyWithinMs: 120_000,
    })
    return {
      url,
      pid: running.pid,
      python: { command: join(programs, 'python'), env: { ...environment, MLFLOW_TRACKING_URI: url } },
      output: running.output,
      stop: async () => {
        await running.stop()
        folder.remove()
      },
    }
  } catch (error) {
    folder.remove()
    throw error
  }
}
