import { MillraceError } from '../../../src/core/error.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { packageNamed } from '../../unit/registry/registry-fixtures.ts'
import { storeRoot } from './crash-store.ts'
import type { ModelledFiles } from './modelled-files.ts'

export const modelName = 'churn'
export const aliasName = 'champion'

interface RegistryCall {
  readonly package: string
  readonly begin: number
  end: number
  /** Undefined until it is acknowledged. */
  version: number | undefined
}

interface AliasCall {
  readonly version: number
  readonly begin: number
  end: number
  /** How many moves were acknowledged when it began. */
  readonly after: number
  /** Undefined until it is acknowledged; then the how-manieth. */
  place: number | undefined
}

/** What is found of a registry after a crash, and what it says when it is used on. */
export interface FoundRegistry {
  readonly digests: readonly string[]
  readonly alias: number | undefined
  /** What each package's own idempotency key gives afterwards. */
  readonly again: ReadonlyMap<string, number>
  readonly problems: readonly string[]
}

/** Registrations and moves of an alias, with the steps of the file system at which they began and were acknowledged. */
export class RegistryHistory {
  readonly #files: ModelledFiles
  readonly #registrations: RegistryCall[] = []
  readonly #moves: AliasCall[] = []
  #acknowledgedMoves = 0

  constructor(files: ModelledFiles) {
    this.#files = files
  }

  async register(registry: Registry, name: string): Promise<number> {
    const call: RegistryCall = { package: name, begin: this.#files.steps.length, end: Number.POSITIVE_INFINITY, version: undefined }
    this.#registrations.push(call)
    call.version = (await registry.register(modelName, packageNamed(name), { idempotencyKey: name })).version
    call.end = this.#files.steps.length
    return call.version
  }

  async setAlias(registry: Registry, version: number): Promise<void> {
    const [begin, after] = [this.#files.steps.length, this.#acknowledgedMoves]
    const call: AliasCall = { version, begin, end: Number.POSITIVE_INFINITY, after, place: undefined }
    this.#moves.push(call)
    await registry.setAlias(modelName, aliasName, version)
    call.place = ++this.#acknowledgedMoves
    call.end = this.#files.steps.length
  }

  async observe(files: ModelledFiles): Promise<FoundRegistry> {
    const digests: string[] = []
    const problems: string[] = []
    const again = new Map<string, number>()
    let alias: number | undefined
    try {
      const registry = await openRegistry(files)
      for await (const { version, manifestDigest } of registry.versions(modelName)) {
        digests.push(manifestDigest)
        if (version !== digests.length) problems.push(`version ${version} is the ${digests.length}th`)
        await registry.load(modelName, version)
      }
      alias = (await registry.alias(modelName, aliasName))?.version
      // The model that was to be is used on by a process that knows nothing of the crash.
      const names = [...new Set(this.#registrations.map((call) => call.package)), 'later']
      for (const name of names) {
        const { version } = await registry.register(modelName, packageNamed(name), { idempotencyKey: name })
        again.set(name, version)
        await registry.load(modelName, version)
        await registry.setAlias(modelName, aliasName, version)
        if ((await registry.alias(modelName, aliasName))?.version !== version) problems.push(`the alias does not move to ${version}`)
      }
      const numbers = [...again.values()].sort((left, right) => left - right)
      if (numbers.some((number, index) => number !== index + 1)) problems.push(`registered again, the versions are ${numbers.join()}`)
    } catch (error) {
      problems.push(`it does not work: ${MillraceError.is(error) ? error.code : ''} ${String(error)}`)
    }
    return { digests, alias, again, problems }
  }

  judge(found: FoundRegistry, steps: number): readonly string[] {
    const wrong = [...found.problems]
    const begun = this.#registrations.filter((call) => call.begin <= steps)
    const digests = new Map(begun.map((call) => [packageNamed(call.package).manifestDigest, call.package]))
    for (const digest of found.digests) if (!digests.has(digest)) wrong.push(`there is a version of ${digest}, which nobody registered`)
    for (const call of begun.filter(({ end }) => end <= steps)) {
      const { version = 0 } = call
      if (digests.get(found.digests[version - 1] ?? '') !== call.package) wrong.push(`version ${version} was acknowledged and is not there`)
      if (found.again.get(call.package) !== version) wrong.push(`${call.package} is ${found.again.get(call.package)}, once ${version}`)
    }
    // Of the moves, one that was acknowledged before another began is past.
    const moves = this.#moves.filter((call) => call.begin <= steps)
    const acknowledged = moves.filter(({ end }) => end <= steps)
    const possible: (number | undefined)[] = moves
      .filter(({ place }) => !acknowledged.some((other) => place !== undefined && other.after >= place))
      .map(({ version }) => version)
    if (acknowledged.length === 0) possible.push(undefined)
    if (!possible.includes(found.alias)) wrong.push(`the alias is at ${found.alias}, not at one of ${possible.join()}`)
    return wrong
  }
}

export async function openRegistry(files: ModelledFiles, fileSystem = files.files): Promise<Registry> {
  return new Registry({ storage: await FileStorage.open(storeRoot, { files: fileSystem }) })
}
