const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text that is markup already. Only {@link markup} makes it, so whatever else is put into a page is escaped. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Content = Markup | string | number | undefined | readonly Content[]

/**
 * A template whose parts are escaped unless they are markup themselves: a cell of the data can never become an element.
 *
 * @example
 * markup`<td>${'<script>'}</td>`.text // '<td>&lt;script&gt;</td>'
 */
export function markup(literals: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  let text = literals[0] as string
  contents.forEach((content, index) => {
    text += render(content) + (literals[index + 1] as string)
  })
  return new Markup(text)
}

function render(content: Content): string {
  if (content === undefined) return ''
  if (content instanceof Markup) return content.text
  if (typeof content === 'object') return content.map(render).join('')
  return String(content).replace(/[&<>"']/g, (character) => escapes[character] as string)
}
