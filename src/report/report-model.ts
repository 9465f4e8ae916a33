/** The version that a report is about, which need not be the one that serves. */
export interface ReportModel {
  readonly name: string
  readonly version: number
  /** The version that the champion alias points at when the report is made; undefined where there is none. */
  readonly champion: number | undefined
}

/** Such as `Version 4 of flight-delay, a candidate: the champion is version 3.` */
export function modelWords({ name, version, champion }: ReportModel): string {
  const words = `Version ${version} of ${name}`
  if (champion === version) return `${words}, the champion.`
  return champion === undefined ? `${words}; there is no champion.` : `${words}, a candidate: the champion is version ${champion}.`
}

/** Which versions answered in the periods, such as `Served by version 3, not by version 4 that Training and Evaluation are about.`; undefined when unknown. */
export function servedWords(served: readonly (number | undefined)[], model: ReportModel | undefined): string | undefined {
  const versions = [...new Set(served)].filter((version) => version !== undefined).sort((a, b) => a - b)
  if (versions.length === 0) return undefined
  const list = versions.length === 1 ? `version ${versions[0]}` : `versions ${versions.slice(0, -1).join(', ')} and ${versions.at(-1)}`
  const words = `Served by ${list}${model === undefined ? '' : ` of ${model.name}`}`
  if (model === undefined || versions.includes(model.version)) return `${words}.`
  return `${words}, not by version ${model.version} that the report is about.`
}
