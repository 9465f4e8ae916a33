import type { Champion, ChampionSource } from '../model/model-registry.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'

/** The model to beat, for gates: what the alias points at when it is asked. */
export function championSource(reader: VersionReader, name: string, alias: string): ChampionSource {
  return {
    label: `${name}@${alias}`,
    champion: async (options: SignalOption = {}): Promise<Champion | undefined> => {
      const made = await reader.currentOf(name, alias, options)
      if (made === undefined) return undefined
      const { manifest, manifestDigest } = await reader.open(name, made, options)
      const { metrics, lineage, model } = manifest
      return { version: made.state.lastVersion, metrics, manifestDigest, testDigest: lineage.testDigest, modelDigest: model.digest }
    },
  }
}
