/** Whatever begins emphasis, code, links, images, tags, entities, headings, tables or strikethrough in CommonMark or GitHub's dialect. */
const special = /[\\`*_{}[\]<>#|!&~$@]|:(?!\d)/g
/** What is markup only where a line begins: lists, headings underlined, quotes. */
const lineStart = /^([-+=]|\d{1,9}[.)](?=\s|$))/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A text as one line of Markdown that shows exactly that text: nothing in it is markup. Pure. */
export function escapeMarkdown(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(control, '').trim()
  return line
    .replace(special, '\\$&')
    .replace(/www\./gi, (host) => `${host.slice(0, 3)}\\.`)
    .replace(lineStart, escapeStart)
}

/** A text of several lines, its empty lines as paragraphs and its line ends kept. Pure. */
export function markdownParagraphs(text: string): string {
  const paragraphs = text.split(/\r?\n[ \t]*(?:\r?\n[ \t]*)+/).map((paragraph) =>
    paragraph
      .split(/\r?\n/)
      .map(escapeMarkdown)
      .filter((line) => line !== '')
      .join('\\\n'),
  )
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n')
}

/** Undefined without rows: a table of nothing is noise. Pure. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string | undefined {
  if (rows.length === 0) return undefined
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`
  return [line(head), `|${head.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n')
}

/** A number is no escape: the mark behind it is. */
function escapeStart(start: string): string {
  return `${start.slice(0, -1)}\\${start.slice(-1)}`
}
