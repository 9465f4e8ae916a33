/** An element: its local name, its children, and the text that is directly in it. */
export interface XmlElement {
  readonly name: string
  readonly children: readonly XmlElement[]
  readonly text: string
}

interface OpenElement {
  readonly name: string
  readonly children: XmlElement[]
  text: string
}

const maxDepth = 32
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * Reads the XML that object stores answer with: elements, text, CDATA, comments, the five named entities and those of code points. Attributes and the
 * prefixes of names are left out. There are no document types, so that nothing can expand.
 *
 * @throws Error for what is not well formed, or nested deeper than 32.
 */
export function parseXml(xml: string): XmlElement {
  const root: OpenElement = { name: '', children: [], text: '' }
  const open: OpenElement[] = [root]
  const top = (): OpenElement => open.at(-1) as OpenElement
  let position = xml.startsWith('\uFEFF') ? 1 : 0
  const upTo = (end: string, from: number): number => {
    const at = xml.indexOf(end, from)
    if (at === -1) throw new Error(`the XML ends before "${end}"`)
    return at
  }
  while (position < xml.length) {
    const tag = xml.indexOf('<', position)
    const text = xml.slice(position, tag === -1 ? xml.length : tag)
    if (open.length > 1) top().text += decodeEntities(text)
    else if (text.trim() !== '') throw new Error('the XML has text outside of its root')
    if (tag === -1) break
    if (xml.startsWith('<!--', tag)) position = upTo('-->', tag + 4) + 3
    else if (xml.startsWith('<![CDATA[', tag)) {
      const end = upTo(']]>', tag + 9)
      top().text += xml.slice(tag + 9, end)
      position = end + 3
    } else if (xml.startsWith('<?', tag)) position = upTo('?>', tag + 2) + 2
    else if (xml.startsWith('<!', tag)) throw new Error('the XML has a document type')
    else if (xml.startsWith('</', tag)) {
      const end = upTo('>', tag + 2)
      const name = localName(xml.slice(tag + 2, end).trim())
      const closed = open.pop() as OpenElement
      if (open.length === 0 || closed.name !== name) throw new Error(`the XML closes "${name}" where "${closed.name}" is open`)
      top().children.push(closed)
      position = end + 1
    } else {
      const end = endOfTag(xml, tag + 1)
      const inside = xml.slice(tag + 1, end)
      const name = localName(/^[^\s/]*/.exec(inside)?.[0] ?? '')
      const element: OpenElement = { name, children: [], text: '' }
      if (name === '') throw new Error('the XML has an element without a name')
      if (inside.endsWith('/')) top().children.push(element)
      else open.push(element)
      if (open.length > maxDepth) throw new Error(`the XML is nested deeper than ${maxDepth}`)
      position = end + 1
    }
  }
  const [element, ...others] = root.children
  if (open.length !== 1 || element === undefined || others.length > 0) throw new Error('the XML is not one whole element')
  return element
}

/** The text of the first child of that name. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text
}

/** A `>` may stand in the value of an attribute. */
function endOfTag(xml: string, from: number): number {
  let quote = ''
  for (let at = from; at < xml.length; at++) {
    const character = xml[at] as string
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === '>') return at
  }
  throw new Error('the XML ends inside of a tag')
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]{1,12});/g, (whole, entity: string) => {
    if (!entity.startsWith('#')) return entities[entity] ?? whole
    const isHexadecimal = entity[1] === 'x' || entity[1] === 'X'
    const digits = entity.slice(isHexadecimal ? 2 : 1)
    if (!(isHexadecimal ? /^[0-9a-f]+$/i : /^[0-9]+$/).test(digits)) return whole
    const code = Number.parseInt(digits, isHexadecimal ? 16 : 10)
    return code <= 0x10_ffff ? String.fromCodePoint(code) : whole
  })
}
