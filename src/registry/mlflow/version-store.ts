import type { MlflowConnection, SignalOption } from './connection.ts'
import type { ServerModel, ServerVersion } from './wire.ts'
import { listOf, modelFrom, textIn, versionFrom } from './wire.ts'

const versionsAtOnce = 200
const modelsAtOnce = 100
const notThere = ['RESOURCE_DOES_NOT_EXIST']

export interface NewVersion extends SignalOption {
  readonly name: string
  readonly source: string
  readonly runId: string
  readonly tags: ReadonlyMap<string, string>
}

/** The server's registry, call by call: what it answers, without a meaning. Names are checked by the caller. */
export class VersionStore {
  readonly #connection: MlflowConnection

  constructor(connection: MlflowConnection) {
    this.#connection = connection
  }

  async version(name: string, version: number, options: SignalOption): Promise<ServerVersion | undefined> {
    if (!Number.isSafeInteger(version) || version < 1) return undefined
    const query = { name, version }
    return this.#versionIn(await this.#get('/mlflow/model-versions/get', query, notThere, options))
  }

  async model(name: string, options: SignalOption): Promise<ServerModel | undefined> {
    const answer = await this.#get('/mlflow/registered-models/get', { name }, notThere, options)
    return answer === undefined ? undefined : modelFrom(answer.registered_model, this.#connection.label)
  }

  /** By name; those without versions too. */
  async *models(options: SignalOption): AsyncGenerator<ServerModel, void, undefined> {
    let token: string | undefined
    do {
      const query = { order_by: 'name ASC', max_results: modelsAtOnce, page_token: token }
      const answer = await this.#get('/mlflow/registered-models/search', query, [], options)
      for (const model of listOf(answer?.registered_models)) yield modelFrom(model, this.#connection.label)
      token = tokenOf(answer)
    } while (token !== undefined)
  }

  /**
   * Those above `after`, oldest first. Each page is asked for by the last number of the one before, so that what is made or deleted meanwhile moves none out of
   * sight.
   */
  async *versions(name: string, after: number, options: SignalOption): AsyncGenerator<ServerVersion, void, undefined> {
    let last = after
    for (;;) {
      const page = await this.#search(`name = '${name}' and version_number > ${last}`, 'version_number ASC', versionsAtOnce, options)
      for (const version of page) yield version
      if (page.length < versionsAtOnce) return
      last = page.at(-1)?.version ?? last
    }
  }

  /** Of one label's value, oldest first. */
  async tagged(name: string, tag: string, value: string, options: SignalOption): Promise<readonly ServerVersion[]> {
    return this.#search(`name = '${name}' and tags.\`${tag}\` = '${value}'`, 'version_number ASC', versionsAtOnce, options)
  }

  async newest(name: string, options: SignalOption): Promise<ServerVersion | undefined> {
    return (await this.#search(`name = '${name}'`, 'version_number DESC', 1, options))[0]
  }

  /** Undefined for an alias or a model that is not there. */
  async alias(name: string, alias: string, options: SignalOption): Promise<ServerVersion | undefined> {
    // The one is a 400 there, the other a 404.
    const absent = [...notThere, 'INVALID_PARAMETER_VALUE']
    return this.#versionIn(await this.#get('/mlflow/registered-models/alias', { name, alias }, absent, options))
  }

  async artifactUri(name: string, version: number, options: SignalOption): Promise<string> {
    const answer = await this.#get('/mlflow/model-versions/get-download-uri', { name, version }, [], options)
    return textIn(answer?.artifact_uri)
  }

  async createModel(name: string, options: SignalOption): Promise<void> {
    await this.#change('POST', '/mlflow/registered-models/create', { name }, { absent: ['RESOURCE_ALREADY_EXISTS'], ...options })
  }

  /** Undefined where there is no such model. Not to be repeated blindly: each time makes a version. */
  async createVersion({ name, source, runId, tags, ...options }: NewVersion): Promise<ServerVersion | undefined> {
    const body = { name, source, run_id: runId, tags: [...tags].map(([key, value]) => ({ key, value })) }
    const path = '/mlflow/model-versions/create'
    const answer = await this.#connection.json({ method: 'POST', path, body, repeatable: false, absent: notThere, ...options })
    return this.#versionIn(answer)
  }

  /** False where there is none: another deleted it, or this very request whose answer was lost. Its aliases go with it. */
  async deleteVersion(name: string, version: number, options: SignalOption): Promise<boolean> {
    return this.#change('DELETE', '/mlflow/model-versions/delete', { name, version: String(version) }, { absent: notThere, ...options })
  }

  async describe(name: string, version: number, description: string, options: SignalOption): Promise<boolean> {
    const body = { name, version: String(version), description }
    return this.#change('PATCH', '/mlflow/model-versions/update', body, { absent: notThere, ...options })
  }

  /** Null takes the label off. */
  async tagVersion(name: string, version: number, key: string, value: string | null, options: SignalOption): Promise<boolean> {
    const of = { name, version: String(version), key }
    if (value === null) return this.#change('DELETE', '/mlflow/model-versions/delete-tag', of, { absent: notThere, ...options })
    return this.#change('POST', '/mlflow/model-versions/set-tag', { ...of, value }, { absent: notThere, ...options })
  }

  async tagModel(name: string, key: string, value: string | null, options: SignalOption): Promise<void> {
    if (value === null) await this.#change('DELETE', '/mlflow/registered-models/delete-tag', { name, key }, options)
    else await this.#change('POST', '/mlflow/registered-models/set-tag', { name, key, value }, options)
  }

  /** False where there is no such version. */
  async setAlias(name: string, alias: string, version: number, options: SignalOption): Promise<boolean> {
    const body = { name, alias, version: String(version) }
    return this.#change('POST', '/mlflow/registered-models/alias', body, { absent: notThere, ...options })
  }

  async removeAlias(name: string, alias: string, options: SignalOption): Promise<void> {
    await this.#change('DELETE', '/mlflow/registered-models/alias', { name, alias }, { absent: notThere, ...options })
  }

  #get(
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
    absent: readonly string[],
    options: SignalOption,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    return this.#connection.json({ method: 'GET', path, query, repeatable: true, absent, ...options })
  }

  async #change(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body: Readonly<Record<string, unknown>>,
    options: SignalOption & { readonly absent?: readonly string[] },
  ): Promise<boolean> {
    return (await this.#connection.json({ method, path, body, repeatable: true, ...options })) !== undefined
  }

  async #search(filter: string, order: string, limit: number, options: SignalOption): Promise<readonly ServerVersion[]> {
    const query = { filter, order_by: order, max_results: limit }
    const answer = await this.#get('/mlflow/model-versions/search', query, [], options)
    return listOf(answer?.model_versions).map((version) => versionFrom(version, this.#connection.label))
  }

  #versionIn(answer: Readonly<Record<string, unknown>> | undefined): ServerVersion | undefined {
    return answer === undefined ? undefined : versionFrom(answer.model_version, this.#connection.label)
  }
}

function tokenOf(answer: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const token = answer?.next_page_token
  return typeof token === 'string' && token !== '' ? token : undefined
}
