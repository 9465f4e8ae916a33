import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const examplePath = `${root}test/types/example.ts`
const directive = '// @ts-expect-error '

/** What must not compile in test/types/example.ts, in order, and what a user must read in the first message. */
const expectedMessages: readonly (readonly [what: string, message: string | RegExp])[] = [
  ['out of order', "is missing the following properties from type 'SplitPart<object>': train, validation, test"],
  ['out of order', "is missing the following properties from type 'SplitPart<object>': train, validation, test"],
  ['misspelled column', `Did you mean '"origin"'?`],
  ['misspelled column', `Did you mean '"delay"'?`],
  ['misspelled feature', "'distanc' does not exist in type 'Features<"],
  ['the label among the features', "'delay' does not exist in type 'Features<"],
  ['the label in a cross', /'"cancelled"' is not assignable to type '"date" \| "delay"/],
  ['wrong type', "Type 'string' is not assignable to type 'number'"],
  ['not a number', "'Transform<string, string>' is not assignable to type 'Transform<string, number>"],
  ['nulls unhandled', "Type 'number | null' is not assignable to type 'number'"],
  ['misspelled column in a cross', `Did you mean '"origin"'?`],
  ['not a time', `Type '"origin"' is not assignable to type '"date"'`],
  ['derived after the split', "Types of property 'train' are incompatible"],
  ['misspelled metric', `Type '"acu"' is not assignable to type 'MetricName | Metric'`],
  ['not gated', "The types of 'verdict.passed' are incompatible"],
  ['wrong request', /is missing the following properties from type .*: date, distance, cancelled/],
  ['the derived column has another type', "Types of parameters 'delay' and"],
  ['input needed', "Type 'void' is not assignable to type 'number'"],
  ['input needed', "Property 'input' is missing"],
  ['a branch of another input', "Property 'bytes' is missing"],
  ['not a list', "missing the following properties from type 'readonly"],
  ['the stage would change what flows', "Type 'string' is not assignable to type 'number'"],
  ['an input where none is taken', "Type 'number' is not assignable to type 'undefined'"],
  ['registered before it was gated', "is not assignable to type 'Registrable'"],
]

interface Snippet {
  readonly what: string
  readonly line: number
  readonly messages: string[]
}

/** The snippets of the example with what the compiler says of each, and what it says of the rest. */
function compileExample(): { readonly snippets: readonly Snippet[]; readonly elsewhere: readonly string[] } {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} }
  const options = ts.getParsedCommandLineOfConfigFile(`${root}tsconfig.json`, { incremental: false, composite: false }, host)?.options ?? {}
  // Without the directives the compiler says what it would say to a user; the lines stay where they are.
  const text = readFileSync(examplePath, 'utf8')
  const compilerHost = ts.createCompilerHost(options)
  const { getSourceFile } = compilerHost
  compilerHost.getSourceFile = (name, languageVersion, ...rest) =>
    name === examplePath
      ? ts.createSourceFile(name, text.replaceAll(directive, '// must not compile: '), languageVersion, true)
      : getSourceFile(name, languageVersion, ...rest)
  const program = ts.createProgram([examplePath], options, compilerHost)
  const source = program.getSourceFile(examplePath)
  const snippets: Snippet[] = []
  text.split('\n').forEach((line, index) => {
    if (line.startsWith(directive)) snippets.push({ what: line.slice(directive.length), line: index + 1, messages: [] })
  })
  const elsewhere: string[] = []
  for (const diagnostic of program.getSemanticDiagnostics(source)) {
    const line = source === undefined ? 0 : source.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')
    const snippet = snippets.findLast((candidate) => candidate.line <= line)
    if (snippet === undefined) elsewhere.push(`${line + 1}: ${message}`)
    else snippet.messages.push(message)
  }
  return { snippets, elsewhere }
}

describe('what a user reads', () => {
  let compiled: ReturnType<typeof compileExample>
  beforeAll(() => {
    compiled = compileExample()
  }, 120_000)

  it('is nothing for what must compile', () => {
    expect(compiled.elsewhere).toEqual([])
  })

  it('is asserted for every snippet that must not compile', () => {
    expect(compiled.snippets.map(({ what }) => what)).toEqual(expectedMessages.map(([what]) => what))
  })

  it.each(expectedMessages.map(([what, message], index) => ({ index, what, message })))(
    'is clear for $what ($index)',
    ({ index, message }) => {
      const first = compiled.snippets[index]?.messages[0] ?? 'It compiles.'
      if (typeof message === 'string') expect(first).toContain(message)
      else expect(first).toMatch(message)
    },
  )
})
