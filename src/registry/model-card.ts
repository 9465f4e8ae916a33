import type { Json } from '../core/json.ts'
import { canonicalJson, isPlainObject } from '../core/json.ts'
import { escapeMarkdown, markdownParagraphs, markdownTable } from './markdown.ts'
import type { DescribedVersion } from './version-comparison.ts'
import { inputType } from './version-comparison.ts'

/** What a card tells beside the version and its manifest. */
export interface ModelCardContext {
  /** Aliases at the version. */
  readonly aliases: readonly string[]
}

/**
 * A page of Markdown about a version: what it is, what it takes and answers, how good it is, where it came from. Pure. Whatever people or data put into
 * names, tags and descriptions is text there, never markup.
 *
 * Source: Mitchell et al., "Model cards for model reporting" (2019), as far as it can be told from what is recorded.
 */
export function modelCardOf({ version, manifest }: DescribedVersion, { aliases }: ModelCardContext): string {
  const { signature, model, task, target } = manifest
  const lineage = isPlainObject(version.lineage) ? (version.lineage as Readonly<Record<string, Json>>) : {}
  const { packages, parameters, details: _details, ...origin } = lineage
  const sections = [
    `# ${escapeMarkdown(version.name)}, version ${version.version}`,
    version.description === '' ? undefined : markdownParagraphs(version.description),
    markdownTable(
      ['', ''],
      [
        ['Task', task],
        ['Predicts', target],
        ['Kind of model', model.kind],
        ['Registered', new Date(version.createdAt).toISOString()],
        ['Aliases', aliases.length === 0 ? 'none' : aliases.join(', ')],
        ['Manifest', `sha-256 ${version.manifestDigest}`],
      ],
    ),
    section(
      'Takes',
      markdownTable(
        ['Column', 'Type'],
        signature.inputs.map((column) => [column.name, inputType(column)]),
      ),
    ),
    section(
      'Answers',
      markdownTable(
        ['Output', 'Type', 'Shape of one row'],
        signature.outputs.map(({ name, type, shape }) => [name, type, shape.length === 0 ? 'one number' : shape.join(' x ')]),
      ),
    ),
    section('Figures', tableOf(['Metric', 'Value'], version.metrics)),
    section('Where it came from', tableOf(['', ''], origin)),
    section('Parameters', tableOf(['Parameter', 'Value'], isPlainObject(parameters) ? (parameters as Readonly<Record<string, Json>>) : {})),
    section('Packages', tableOf(['Package', 'Version'], isPlainObject(packages) ? (packages as Readonly<Record<string, Json>>) : {})),
    section('Tags', tableOf(['Tag', 'Value'], version.tags)),
  ]
  return `${sections.filter((text) => text !== undefined).join('\n\n')}\n`
}

/** Undefined where there is nothing to tell. */
function section(title: string, body: string | undefined): string | undefined {
  return body === undefined ? undefined : `## ${title}\n\n${body}`
}

function tableOf(head: readonly string[], values: Readonly<Record<string, Json>>): string | undefined {
  const rows = Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1))
  return markdownTable(
    head,
    rows.map(([name, value]) => [name, typeof value === 'string' ? value : canonicalJson(value)]),
  )
}
