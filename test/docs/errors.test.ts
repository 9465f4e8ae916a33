// docs/guides/errors.md lists exactly the codes of src/core/error-codes.ts, in its words. `-u` writes the tables anew.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { root } from './support/root.ts'
import { sourceFiles } from './support/source-examples.ts'

interface Code {
  readonly room: string
  readonly code: string
  readonly meaning: string
  readonly details: readonly string[]
}

const table = 'src/core/error-codes.ts'
const path = join(root, 'docs', 'guides', 'errors.md')
const codes = readCodes()

function readCodes(): readonly Code[] {
  const source = ts.createSourceFile(table, readFileSync(join(root, table), 'utf8'), ts.ScriptTarget.ES2023, true)
  const details = source.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === 'ErrorDetails')
  if (details === undefined || !ts.isInterfaceDeclaration(details)) throw new Error(`Expected ErrorDetails in ${table}.`)
  let room = ''
  return details.members.filter(ts.isPropertySignature).map((member) => {
    room = /^\s*\/\/ (.+)$/m.exec(member.getFullText(source))?.[1] ?? room
    const comment = ts.getJSDocCommentsAndTags(member).find(ts.isJSDoc)?.comment
    const type = member.type
    return {
      room,
      code: member.name.getText(source),
      meaning: ts.getTextOfJSDocComment(comment) ?? '',
      details: type === undefined || !ts.isTypeLiteralNode(type) ? [] : type.members.filter(ts.isPropertySignature).map(detailOf),
    }
  })

  function detailOf(member: ts.PropertySignature): string {
    return `\`${member.name.getText(source)}${member.questionToken === undefined ? '' : '?'}\``
  }
}

/** With columns of one width, as the formatter has them. */
function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n')
}

function tables(): string {
  const rooms = [...new Set(codes.map(({ room }) => room))]
  return rooms
    .map((room) => {
      const rows = codes
        .filter((code) => code.room === room)
        .map(({ code, meaning, details }) => [`\`${code}\``, meaning, details.join(', ')])
      return `### ${room}\n\n${markdownTable([['code', 'what happened', 'details'], ...rows])}`
    })
    .join('\n\n')
}

describe('docs/guides/errors.md', () => {
  test('lists exactly the codes that there are', async () => {
    const [head, rest] = readFileSync(path, 'utf8').split(/(?<=<!-- made from [^\n]*\n)/) as [string, string]
    const end = rest.slice(rest.indexOf('<!-- end -->'))
    await expect(`${head}\n${tables()}\n\n${end}`).toMatchFileSnapshot(path)
  })
})

describe('the codes', () => {
  test.each(codes)('$code says what happened and has details', ({ meaning, details }) => {
    expect(meaning).toMatch(/\.$/)
    expect(details.length).toBeGreaterThan(0)
  })

  test('are thrown somewhere', () => {
    const source = sourceFiles()
      .filter((file) => file !== table)
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join('\n')
    expect(codes.filter(({ code }) => !source.includes(`'${code}'`)).map(({ code }) => code)).toEqual([])
  })
})
