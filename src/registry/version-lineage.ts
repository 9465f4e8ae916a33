import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { Catalog } from '../data/catalog.ts'
import type { RunOutcome } from '../pipeline/run-record.ts'
import { readRun } from '../pipeline/run-store.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { DeploymentRecord } from './deployment-records.ts'
import { aliasIn } from './registry-state.ts'
import type { RegisterEntry, RegistryEntry } from './version-log.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'
import { signalOf } from './version-reader.ts'

/** Data by its content, and what the storage's catalog calls it. */
export interface DataLineage {
  readonly digest: string
  readonly names: readonly { readonly name: string; readonly version: number; readonly tag: string | null }[]
}

/** The run that made a version, as far as its record tells. */
export interface RunLineage {
  readonly id: string
  readonly pipeline: string
  readonly outcome: RunOutcome
  /** Milliseconds since 1970 UTC. */
  readonly startedAt: number
  readonly finishedAt: number | null
  readonly tags: Readonly<Record<string, string>>
}

/** A time during which an alias was at a version. */
export interface AliasTerm {
  readonly alias: string
  /** Milliseconds since 1970 UTC. */
  readonly from: number
  /** Null: it is there now. */
  readonly to: number | null
  readonly reason: string | null
  readonly by: string | null
}

/** Where a version came from, and what became of it. */
export interface VersionLineage {
  readonly name: string
  readonly version: number
  readonly manifestDigest: string
  readonly createdAt: number
  /** The whole data, and the parts that it was trained and tested on. */
  readonly data: { readonly dataset: DataLineage; readonly train: DataLineage; readonly test: DataLineage }
  readonly codeVersion: string | null
  readonly packages: Readonly<Record<string, string>>
  readonly learner: string
  readonly parameters: Json
  readonly runId: string
  /** Null where the storage has no record of the run. */
  readonly run: RunLineage | null
  /** Oldest first. */
  readonly aliases: readonly AliasTerm[]
  /** Newest first, at most 100. */
  readonly deployments: readonly DeploymentRecord[]
}

const maxDeployments = 100

/** Up from a version to data, code and run, and down to the aliases that it served under and the places where it was at work. */
export async function lineageOf(
  reader: VersionReader,
  name: string,
  made: RegisterEntry,
  head: RegistryEntry,
  options: SignalOption,
): Promise<VersionLineage> {
  const io = signalOf(options)
  const { storage } = reader.shared
  const { manifest, manifestDigest } = await reader.open(name, made, io)
  const { runId, dataDigest, trainDigest, testDigest, codeVersion, packages, learner, parameters } = manifest.lineage
  const version = made.state.lastVersion
  const [dataset, train, test] = await dataOf(storage, [dataDigest, trainDigest, testDigest], io)
  return {
    name,
    version,
    manifestDigest,
    createdAt: made.time,
    data: { dataset, train, test } as VersionLineage['data'],
    codeVersion,
    packages,
    learner,
    parameters,
    runId,
    run: await runOf(storage, runId, io),
    aliases: await termsOf(reader, name, made, head, io),
    deployments: await reader.deploymentsOf(name, version).list(maxDeployments, io),
  }
}

async function dataOf(storage: StorageAdapter, digests: readonly string[], options: SignalOption): Promise<readonly DataLineage[]> {
  const catalog = new Catalog({ storage })
  const found = digests.map((digest) => ({ digest, names: [] as DataLineage['names'][number][] }))
  for (const name of await catalog.names(options)) {
    for (const { digest, version, tag } of await catalog.list(name, options)) {
      for (const data of found) if (data.digest === digest) data.names.push({ name, version, tag })
    }
  }
  return found
}

async function runOf(storage: StorageAdapter, runId: string, options: SignalOption): Promise<RunLineage | null> {
  try {
    const { id, pipeline, outcome, startedAt, finishedAt = null, tags } = await readRun(storage, runId, options)
    return { id, pipeline, outcome, startedAt, finishedAt, tags }
  } catch (error) {
    // A model that came from elsewhere, or a run whose record was thrown away.
    if (MillraceError.is(error, 'RUN_NOT_FOUND')) return null
    throw error
  }
}

/** From the entry that made the version on, since no alias was there before. */
async function termsOf(
  reader: VersionReader,
  name: string,
  made: RegisterEntry,
  head: RegistryEntry,
  options: SignalOption,
): Promise<readonly AliasTerm[]> {
  const version = made.state.lastVersion
  const open = new Map<string, Omit<AliasTerm, 'to'>>()
  const terms: AliasTerm[] = []
  for await (const { operation, state, time } of reader
    .logOf(name)
    .log.entries({ ...options, from: made.generation, to: head.generation })) {
    if (operation.type !== 'set-alias' && operation.type !== 'rollback-alias' && operation.type !== 'remove-alias') continue
    const { alias, reason, by } = operation
    const before = open.get(alias)
    const isHere = aliasIn(state, alias)?.version === version
    if (isHere && before === undefined) open.set(alias, { alias, from: time, reason, by })
    if (isHere || before === undefined) continue
    terms.push({ ...before, to: time })
    open.delete(alias)
  }
  for (const term of open.values()) terms.push({ ...term, to: null })
  return terms.sort((left, right) => left.from - right.from)
}
