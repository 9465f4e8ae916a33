/** A fenced block of a Markdown file. */
export interface CodeBlock {
  readonly language: string
  /** `file=path` of the fence: the block is that file. */
  readonly file: string | undefined
  readonly text: string
  /** Of its first line, from 1. */
  readonly line: number
  /** What `// prints ...` says that it prints, line by line. */
  readonly prints: readonly string[]
}

export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = []
  for (const match of markdown.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm)) {
    const [, language = '', file, text = ''] = match
    blocks.push({
      language,
      file,
      text,
      line: markdown.slice(0, match.index).split('\n').length + 1,
      prints: [...text.matchAll(/^\/\/ prints (.*)$/gm)].map((print) => print[1] as string),
    })
  }
  return blocks
}
