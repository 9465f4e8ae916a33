// Which names the library exports, and from where: what an example need not import, and what a table in the documentation must name.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { entryPoints } from '../../../scripts/entry-points.ts'
import { root } from './root.ts'

/** `millrace`, `millrace/core` ... with the source file of each, relative to the repository. */
export const sourceOfEntryPoint: ReadonlyMap<string, string> = new Map(
  Object.entries(entryPoints).map(([path, source]) => [path.replace(/^\./, 'millrace'), `src/${source}.ts`]),
)

/** By name, the first entry point that exports it, types included. */
export function exportedNames(): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const [specifier, file] of sourceOfEntryPoint) {
    for (const name of namesOf(file)) if (!names.has(name)) names.set(name, specifier)
  }
  return names
}

function namesOf(file: string): readonly string[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ES2023, true)
  return source.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause))
      return statement.exportClause.elements.map((element) => element.name.text)
    const isExported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some((one) => one.kind === ts.SyntaxKind.ExportKeyword)
    if (isExported !== true) return []
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map((declaration) => declaration.name.getText(source))
    const name = (statement as { readonly name?: ts.Identifier }).name
    return name === undefined ? [] : [name.text]
  })
}

/** The entry point as a module: the same one that the rest of the test sees. */
export async function importEntryPoint(specifier: string): Promise<Readonly<Record<string, unknown>>> {
  const file = sourceOfEntryPoint.get(specifier)
  if (file === undefined) return import(specifier)
  return import(join(root, file))
}
