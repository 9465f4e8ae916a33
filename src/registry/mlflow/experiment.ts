import { artifactPath, checkArtifactRoute } from './artifacts.ts'
import type { MlflowConnection, SignalOption } from './connection.ts'
import type { ServerExperiment } from './wire.ts'
import { experimentFrom } from './wire.ts'

/** MLflow makes it with its database, with the place where artifacts of experiments without one of their own go. */
const firstExperiment = '0'

/** The experiment that runs are made in; it is made with the first of them. */
export class Experiment {
  readonly #connection: MlflowConnection
  readonly #name: string
  #id: string | undefined

  constructor(connection: MlflowConnection, name: string) {
    this.#connection = connection
    this.#name = name
  }

  /** Its id, for runs with artifacts. @throws MillraceError `REGISTRY_UNSUPPORTED` where these do not go through the server; nothing was made then. */
  async open(options: SignalOption): Promise<string> {
    this.#id ??= await this.#find(options)
    return this.#id
  }

  /** Its id, for runs that can do without artifacts. */
  async openWithoutArtifacts(options: SignalOption): Promise<string> {
    return ((await this.#get(options)) ?? (await this.#create(options))).experimentId
  }

  async #find(options: SignalOption): Promise<string> {
    await checkArtifactRoute(this.#connection, options)
    const found = await this.#get(options)
    if (found === undefined) await this.#checkDefaultLocation(options)
    const experiment = found ?? (await this.#create(options))
    artifactPath(this.#connection, experiment.artifactLocation)
    return experiment.experimentId
  }

  async #create(options: SignalOption): Promise<ServerExperiment> {
    const absent = ['RESOURCE_ALREADY_EXISTS']
    const body = { name: this.#name }
    await this.#connection.json({ method: 'POST', path: '/mlflow/experiments/create', body, repeatable: true, absent, ...options })
    const made = await this.#get(options)
    if (made !== undefined) return made
    throw new TypeError('unreachable: an experiment that was made is there')
  }

  async #get(options: SignalOption): Promise<ServerExperiment | undefined> {
    const query = { experiment_name: this.#name }
    return this.#read('/mlflow/experiments/get-by-name', query, options)
  }

  async #checkDefaultLocation(options: SignalOption): Promise<void> {
    const first = await this.#read('/mlflow/experiments/get', { experiment_id: firstExperiment }, options)
    if (first !== undefined) artifactPath(this.#connection, first.artifactLocation)
  }

  async #read(path: string, query: Readonly<Record<string, string>>, options: SignalOption): Promise<ServerExperiment | undefined> {
    const absent = ['RESOURCE_DOES_NOT_EXIST']
    const answer = await this.#connection.json({ method: 'GET', path, query, repeatable: true, absent, ...options })
    return answer === undefined ? undefined : experimentFrom(answer.experiment, this.#connection.label)
  }
}
