// Type-checks code that is in no file, as a user's own file would be.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './root.ts'

/** Where the code pretends to be, so that `millrace/...` and packages resolve as they do in tests. */
const folder = join(root, 'test', 'docs', 'virtual')

/** By name of the file, what the compiler has to say; all files are in one program, and those without a fault are left out. */
export function typeFaults(files: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const options = compilerOptions()
  const texts = new Map([...files].map(([name, text]) => [join(folder, name).replaceAll('\\', '/'), text]))
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (path) => texts.has(path) || fileExists.call(host, path)
  host.readFile = (path) => texts.get(path) ?? readFile.call(host, path)
  host.getSourceFile = (path, language, ...rest) => {
    const text = texts.get(path)
    return text === undefined ? getSourceFile.call(host, path, language, ...rest) : ts.createSourceFile(path, text, language, true)
  }
  const program = ts.createProgram([...texts.keys()], options, host)
  const faults = new Map<string, string[]>()
  for (const [path] of texts) {
    const source = program.getSourceFile(path)
    for (const diagnostic of [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]) {
      const name = path.slice(folder.length + 1)
      faults.set(name, [...(faults.get(name) ?? []), ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')])
    }
  }
  return faults
}

function compilerOptions(): ts.CompilerOptions {
  const path = join(root, 'test', 'tsconfig.json')
  const parsed = ts.parseJsonConfigFileContent(
    ts.parseConfigFileTextToJson(path, readFileSync(path, 'utf8')).config,
    ts.sys,
    join(root, 'test'),
  )
  const { tsBuildInfoFile: _tsBuildInfoFile, ...options } = parsed.options
  // An example ends where it has shown what it shows: its last names are not used, and a test may add imports that are types.
  return { ...options, incremental: false, noEmit: true, noUnusedLocals: false, noUnusedParameters: false, verbatimModuleSyntax: false }
}
