import type { Json } from '../core/json.ts'
import { canonicalJson, isPlainObject } from '../core/json.ts'
import type { ColumnType } from '../data/column-type.ts'
import type { Manifest } from '../model/model-package.ts'
import type { ModelVersion, VersionComparison } from '../model/model-registry.ts'

/** A version and what its package says. */
export interface DescribedVersion {
  readonly version: ModelVersion
  readonly manifest: Manifest
}

/** Where two versions of one model differ. Pure. */
export function compareVersions(left: DescribedVersion, right: DescribedVersion): VersionComparison {
  return {
    name: left.version.name,
    versions: [left.version.version, right.version.version],
    metrics: compareMetrics(left.version.metrics, right.version.metrics),
    lineage: differences(leavesOf(left.version.lineage), leavesOf(right.version.lineage), null),
    inputs: Object.entries(differences(inputsOf(left.manifest), inputsOf(right.manifest), null)).map(([name, sides]) => ({
      name,
      ...sides,
    })),
    tags: differences(left.version.tags, right.version.tags, null),
    sameModel: modelOf(left.manifest) === modelOf(right.manifest),
  }
}

function compareMetrics(left: ModelVersion['metrics'], right: ModelVersion['metrics']): VersionComparison['metrics'] {
  const changed = Object.entries(differences(left, right, null)).map(([name, sides]) => {
    const change = sides.left === null || sides.right === null ? null : sides.right - sides.left
    return [name, { ...sides, change }] as const
  })
  return Object.fromEntries(changed)
}

/** What only one has, or has otherwise, by name; sorted. */
function differences<Value extends Json>(
  left: Readonly<Record<string, Value>>,
  right: Readonly<Record<string, Value>>,
  absent: null,
): Readonly<Record<string, { readonly left: Value | null; readonly right: Value | null }>> {
  const found: [string, { readonly left: Value | null; readonly right: Value | null }][] = []
  for (const name of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort()) {
    const sides = { left: ownOf(left, name) ?? absent, right: ownOf(right, name) ?? absent }
    const isSame = Object.hasOwn(left, name) === Object.hasOwn(right, name) && canonicalJson(sides.left) === canonicalJson(sides.right)
    if (!isSame) found.push([name, sides])
  }
  return Object.fromEntries(found)
}

function ownOf<Value>(values: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

/** The values of a lineage by their paths; a list is one value. */
function leavesOf(lineage: Json, path = ''): Readonly<Record<string, Json>> {
  if (!isPlainObject(lineage)) return path === '' ? {} : { [path]: lineage }
  const members = Object.entries(lineage) as [string, Json][]
  if (members.length === 0 && path !== '') return { [path]: {} }
  const leaves = members.map(([name, member]) => leavesOf(member, path === '' ? name : `${path}.${name}`))
  return Object.fromEntries(leaves.flatMap((found) => Object.entries(found)))
}

function inputsOf(manifest: Manifest): Readonly<Record<string, string>> {
  return Object.fromEntries(manifest.signature.inputs.map((column) => [column.name, inputType(column)]))
}

/** Such as `number or null`. */
export function inputType(column: ColumnType): string {
  return column.nullable ? `${column.kind} or null` : column.kind
}

/** Network and feature plan: what an answer depends on. */
function modelOf(manifest: Manifest): string {
  return canonicalJson({ model: manifest.model.digest, plan: manifest.plan })
}
