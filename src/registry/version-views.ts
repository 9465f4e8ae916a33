import type { VersionComparison } from '../model/model-registry.ts'
import { modelCardOf } from './model-card.ts'
import { aliasesAt } from './registry-state.ts'
import type { DescribedVersion } from './version-comparison.ts'
import { compareVersions } from './version-comparison.ts'
import type { VersionLineage } from './version-lineage.ts'
import { lineageOf } from './version-lineage.ts'
import type { RegistryEntry } from './version-log.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'

// What people look at, and a page or service that trains and serves does not need: loaded when it is asked for.

export async function comparison(
  reader: VersionReader,
  name: string,
  [left, right]: readonly [number, number],
  options: SignalOption,
): Promise<VersionComparison> {
  return compareVersions(await described(reader, name, left, options), await described(reader, name, right, options))
}

export async function card(reader: VersionReader, name: string, version: number, options: SignalOption): Promise<string> {
  const shown = await described(reader, name, version, options)
  const head = await reader.head(name, options)
  return modelCardOf(shown, { aliases: head === undefined ? [] : aliasesAt(head.state, version) })
}

export async function lineage(reader: VersionReader, name: string, version: number, options: SignalOption): Promise<VersionLineage> {
  const head = await reader.head(name, options)
  const made = await reader.entryAsOf(name, version, head, options)
  return lineageOf(reader, name, made, head as RegistryEntry, options)
}

async function described(reader: VersionReader, name: string, version: number, options: SignalOption): Promise<DescribedVersion> {
  const made = await reader.entryOf(name, version, options)
  const { manifest } = await reader.open(name, made, options)
  return { version: await reader.versionOf(name, made, options), manifest }
}
