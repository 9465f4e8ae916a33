// Finds every `@example` of a doc comment below src.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { root } from './root.ts'

export interface SourceExample {
  /** `Pipeline`, or `Pipeline.run` for a member; numbered from the second example of one symbol on. */
  readonly symbol: string
  /** Relative to the repository, with `/`. */
  readonly file: string
  readonly code: string
}

export function sourceExamples(): readonly SourceExample[] {
  const found: SourceExample[] = []
  for (const file of sourceFiles()) {
    const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ES2023, true)
    visit(source, source, '', (symbol, code) => {
      const before = found.filter((other) => other.file === file && other.symbol.replace(/ \(\d+\)$/, '') === symbol).length
      found.push({ symbol: before === 0 ? symbol : `${symbol} (${before + 1})`, file, code })
    })
  }
  return found
}

/** All files of the library, sorted, so that every machine numbers alike. */
export function sourceFiles(): readonly string[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
}

function visit(node: ts.Node, source: ts.SourceFile, owner: string, found: (symbol: string, code: string) => void): void {
  const own = nameOf(node, source)
  const symbol = own === undefined ? owner : owner === '' ? own : `${owner}.${own}`
  for (const documentation of ts.getJSDocCommentsAndTags(node)) {
    // A variable's comment is found from its statement and again from its declaration.
    if (!ts.isJSDoc(documentation) || documentation.parent !== node) continue
    for (const tag of documentation.tags ?? []) {
      if (tag.tagName.text === 'example') found(symbolOf(node, symbol, source), codeOf(tag, source))
    }
  }
  ts.forEachChild(node, (child) => {
    if (isContainer(child)) visit(child, source, symbol, found)
  })
}

function isContainer(node: ts.Node): boolean {
  return (
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isVariableStatement(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isClassElement(node) ||
    ts.isTypeElement(node)
  )
}

function nameOf(node: ts.Node, source: ts.SourceFile): string | undefined {
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  const name = (node as { readonly name?: ts.Node }).name
  return name === undefined ? undefined : name.getText(source)
}

function symbolOf(node: ts.Node, symbol: string, source: ts.SourceFile): string {
  if (ts.isSourceFile(node)) return 'module'
  return ts.isVariableStatement(node)
    ? node.declarationList.declarations.map((declaration) => declaration.name.getText(source)).join()
    : symbol
}

/** The lines below `@example` without their stars; the scanner of TypeScript would take `@` and `{` inside code for tags. */
function codeOf(tag: ts.JSDocTag, source: ts.SourceFile): string {
  const text = source.text.slice(tag.pos, tag.end)
  const lines = text
    .replace(/^@example/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
  return lines
    .join('\n')
    .replace(/\*\/\s*$/, '')
    .replace(/^\s*```(?:ts)?\n|\n```\s*$/g, '')
    .trim()
}
