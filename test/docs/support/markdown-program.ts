// A program that a document shows piece by piece, with the text between the pieces.
import { format } from 'node:util'
import { vi } from 'vitest'

export interface MarkdownProgram {
  /** All pieces, in their order. */
  readonly code: string
  /** What its comments `// prints ...` say that it prints, line by line. */
  readonly prints: readonly string[]
}

/** The blocks in TypeScript whose fence has `program=NAME`; without a name all blocks in TypeScript that have nothing else in their fence. */
export function markdownProgram(markdown: string, name?: string): MarkdownProgram {
  const blocks = [...markdown.matchAll(/^```ts(?: program=(\S+))?\n([\s\S]*?)^```$/gm)].filter(([, program]) => program === name)
  const code = blocks.map(([, , text]) => text).join('\n')
  return { code, prints: [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, line]) => line as string) }
}

/** What the work prints by `console.log`. */
export async function printedBy(work: () => Promise<unknown>): Promise<readonly string[]> {
  const lines: string[] = []
  const log = vi
    .spyOn(console, 'log')
    .mockImplementation((...values: readonly unknown[]) => void lines.push(...format(...values).split('\n')))
  try {
    await work()
  } finally {
    log.mockRestore()
  }
  return lines
}
