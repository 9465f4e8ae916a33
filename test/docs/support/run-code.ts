// Runs TypeScript that is in no file: the code of a doc comment or of a document.
import ts from 'typescript'
import { expect } from 'vitest'
import { importEntryPoint } from './entry-point-names.ts'

type Compiled = (...values: readonly unknown[]) => Promise<Readonly<Record<string, unknown>>>
const AsyncFunction = (async () => {}).constructor as new (...names: readonly string[]) => Compiled

export interface RunCodeOptions {
  /** Names that the code uses and does not declare. */
  readonly scope?: Readonly<Record<string, unknown>>
  /** Instead of the module of that name, where it is not left out. */
  readonly modules?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/**
 * Runs the code as a module and returns what it declares at its top. A comment at the end of a line is an assertion on the expression statement
 * before it: a value as JavaScript writes it, `about 0.12` (equal in the digits that are written), `throws CODE` or `rejects CODE`.
 */
export async function runCode(code: string, options: RunCodeOptions = {}): Promise<Readonly<Record<string, unknown>>> {
  const scope = options.scope ?? {}
  const importModule = async (specifier: string): Promise<unknown> => options.modules?.[specifier] ?? importEntryPoint(specifier)
  const compiled = new AsyncFunction('importModule', 'check', ...Object.keys(scope), javaScriptOf(code))
  return compiled(importModule, check, ...Object.values(scope))
}

/** Names that the code uses and does not declare anywhere: keys and members are none. */
export function freeNames(code: string): ReadonlySet<string> {
  const used = new Set<string>()
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node) ||
        (ts.isBindingElement(parent) && parent.propertyName === node) ||
        ((ts.isClassElement(parent) || ts.isTypeElement(parent)) && parent.name === node) ||
        (ts.isImportSpecifier(parent) && parent.propertyName === node)
      const isDeclared =
        ((ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isBindingElement(parent)) && parent.name === node) ||
        ((ts.isFunctionDeclaration(parent) || ts.isClassDeclaration(parent) || ts.isInterfaceDeclaration(parent)) &&
          parent.name === node) ||
        ts.isTypeAliasDeclaration(parent) ||
        ts.isImportSpecifier(parent)
      if (isDeclared) declared.add(node.text)
      else if (!isMember) used.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(parse(code))
  return new Set([...used].filter((name) => !declared.has(name)))
}

/** How many assertions the code makes. */
export function assertionCount(code: string): number {
  return [...javaScriptOf(code).matchAll(/\bawait check\(/g)].length
}

function parse(code: string): ts.SourceFile {
  return ts.createSourceFile('example.ts', code, ts.ScriptTarget.ES2023, true)
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

function javaScriptOf(code: string): string {
  const source = parse(code)
  const edits: Edit[] = []
  const names: string[] = []
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) edits.push({ start: statement.getStart(source), end: statement.end, text: importOf(statement) })
    else if (ts.isExportAssignment(statement))
      edits.push({ start: statement.getStart(source), end: statement.expression.getStart(source), text: 'void ' })
    else names.push(...declaredNames(statement))
    for (const modifier of (ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined) ?? [])
      if (modifier.kind === ts.SyntaxKind.ExportKeyword) edits.push({ start: modifier.getStart(source), end: modifier.end, text: '' })
  }
  collectAssertions(source, code, edits)
  const text = edits
    .sort((a, b) => b.start - a.start)
    .reduce((rest, { start, end, text: by }) => rest.slice(0, start) + by + rest.slice(end), code)
  const { outputText } = ts.transpileModule(`${text}\nexport {}`, {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
  })
  return `${outputText.replace(/export \{\};?\s*$/, '')}\nreturn { ${names.join(', ')} }`
}

/** Types vanish, the rest comes from the module as it is in tests. */
function importOf({ importClause, moduleSpecifier }: ts.ImportDeclaration): string {
  const specifier = moduleSpecifier.getText()
  if (importClause === undefined) return `await importModule(${specifier})`
  if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return ''
  const { namedBindings } = importClause
  if (importClause.name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings))
    throw new Error(`Expected named imports only. Received one of another kind from ${specifier}.`)
  const names = namedBindings.elements
    .filter((element) => !element.isTypeOnly)
    .map((element) => (element.propertyName === undefined ? element.name.text : `${element.propertyName.text}: ${element.name.text}`))
  return `const { ${names.join(', ')} } = await importModule(${specifier})`
}

function declaredNames(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.flatMap(({ name }) => namesIn(name))
  if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name !== undefined)
    return [statement.name.text]
  return []
}

function namesIn(name: ts.BindingName): readonly string[] {
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : namesIn(element.name)))
}

/** Of statements that are in no function of their own, since only there can be waited. */
function collectAssertions(node: ts.Node, code: string, edits: Edit[]): void {
  ts.forEachChild(node, (child) => {
    if (ts.isFunctionLike(child) || ts.isClassLike(child)) return
    if (ts.isExpressionStatement(child)) {
      const [comment] = ts.getTrailingCommentRanges(code, child.end) ?? []
      if (comment === undefined) return
      const expected = code.slice(comment.pos + 2, comment.end).trim()
      const text = `await check(async () => (${child.expression.getText()}), ${JSON.stringify(expected)})`
      edits.push({ start: child.getStart(), end: child.end, text })
    } else collectAssertions(child, code, edits)
  })
}

/** Fails unless the expression does what the comment says. */
async function check(evaluate: () => Promise<unknown>, comment: string): Promise<void> {
  const code = /^(?:throws|rejects) ([A-Z_]+)$/.exec(comment)?.[1]
  if (code !== undefined) {
    await expect(evaluate(), comment).rejects.toMatchObject({ code })
    return
  }
  const received = plain(await evaluate())
  const about = /^about (-?[\d.]+(?:e[+-]?\d+)?)$/.exec(comment)?.[1]
  if (about !== undefined) {
    const digits = about
      .replace(/e.*$/, '')
      .replace(/^-?0*\.?0*/, '')
      .replace('.', '').length
    expect(Number(Number(received).toPrecision(digits)), `about ${about}`).toBe(Number(about))
    return
  }
  expect(received, comment).toEqual(valueIn(comment))
}

function valueIn(comment: string): unknown {
  try {
    return new Function(`return (${comment})`)()
  } catch (cause) {
    const kinds = 'a value, "about NUMBER", "throws CODE" or "rejects CODE"'
    throw new Error(`Expected a comment at the end of an expression statement to be ${kinds}. Received "${comment}".`, { cause })
  }
}

/** A typed array counts as the list of its numbers. */
function plain(value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as unknown as ArrayLike<unknown>) : value
}
