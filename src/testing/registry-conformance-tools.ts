import { createIdentifierSource } from '../core/identifiers.ts'
import type { ModelRegistry, ModelVersion } from '../model/model-registry.ts'
import type { SamplePackageOptions } from './sample-package.ts'
import { samplePackage } from './sample-package.ts'

const newId = createIdentifierSource()

/** A name that no other case, run or registry has. */
export function newModelName(): string {
  return `conformance-${newId()}`
}

/** A new model with so many versions, and its name. */
export async function withVersions(registry: ModelRegistry, count: number): Promise<string> {
  const name = newModelName()
  for (let version = 1; version <= count; version++) await registerSample(registry, name, `v${version}`)
  return name
}

/** Registers a sample package. */
export async function registerSample(
  registry: ModelRegistry,
  name: string,
  sample: string,
  options: SamplePackageOptions = {},
): Promise<ModelVersion> {
  return await registry.register(name, samplePackage(sample, options))
}

export async function versionsOf(registry: ModelRegistry, name: string): Promise<readonly number[]> {
  const numbers: number[] = []
  for await (const { version } of registry.versions(name)) numbers.push(version)
  return numbers
}
