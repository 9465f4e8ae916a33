import fc from 'fast-check'
import { marked } from 'marked'
import { describe, expect, test } from 'vitest'
import { escapeMarkdown, markdownParagraphs } from '../../../src/registry/markdown.ts'
import { modelCardOf } from '../../../src/registry/model-card.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { packageNamed } from './registry-fixtures.ts'

/** A reader of Markdown that is not ours: GitHub's dialect, with tables, strikethrough, raw HTML and links that are found in text. */
const markdown = { render: (text: string): string => marked.parse(text, { async: false }) as string }
/** What people would see: text without tags, its entities as characters. */
function textOf(html: string): string {
  const entities: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"', '&#39;': "'" }
  return html.replace(/<[^>]*>/g, '').replace(/&(?:lt|gt|amp|quot|#39);/g, (entity) => entities[entity] ?? entity)
}

const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'\\`*_{}[]()<>#|!&~$@:+-=.1 \n\t"\'/a'),
    fc.constantFrom('http://', 'www.', '](', '<b>', '&amp;', '~~', '---'),
  ),
  maxLength: 40,
})

describe('Markdown that others wrote', () => {
  test('is text in a line, whatever it is', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const html = markdown.render(escapeMarkdown(text)).trim()
        const expected = text.replace(/\s+/g, ' ').trim()
        expect(html.replace(/^<p>|<\/p>$/g, ''), text).not.toMatch(/<[a-z]/i)
        expect(textOf(html)).toBe(expected)
      }),
      { numRuns: 2_000 },
    )
  })

  test('is text in the cell of a table', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const html = markdown.render(`| a | b |\n| --- | --- |\n| ${escapeMarkdown(text)} | x |`)
        const cells = [...html.matchAll(/<td>(.*?)<\/td>/g)].map(([, cell]) => textOf(cell ?? ''))
        expect(cells).toEqual([text.replace(/\s+/g, ' ').trim(), 'x'])
      }),
      { numRuns: 1_000 },
    )
  })

  test('is paragraphs and lines, and nothing else, in a description', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const tags = [...markdown.render(markdownParagraphs(text)).matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag)
        for (const tag of tags) expect(['p', 'br'], text).toContain(tag)
      }),
      { numRuns: 1_000 },
    )
  })

  test('has no signs that are not seen', () => {
    expect(escapeMarkdown('a\u0000\u202eb\u0007\u0085c')).toBe('abc')
  })
})

describe('a model card', () => {
  test('tells what it takes, how good it is, where it came from and what people say', async () => {
    const registry = new Registry({ storage: new MemoryStorage() })
    await registry.register('flight-delay', packageNamed('a', { metrics: { auc: 0.8125, 'log-loss': 0.5 } }))
    await registry.setAlias('flight-delay', 'champion', 1)
    await registry.tag('flight-delay', 1, { stage: '<i>approved</i>' })
    await registry.describe('flight-delay', 1, 'Late flights.\n\nAsk *ann*.')
    const card = await registry.modelCard('flight-delay', 1)
    const html = markdown.render(card)
    expect(html).toContain('<h1>flight-delay, version 1</h1>')
    expect(html).toContain('<p>Late flights.</p>\n<p>Ask *ann*.</p>')
    for (const title of ['Takes', 'Answers', 'Figures', 'Where it came from', 'Parameters', 'Tags'])
      expect(html).toContain(`<h2>${title}</h2>`)
    const rows = [...html.matchAll(/<tr>\n(.*?)\n<\/tr>/gs)].map(([, row]) => textOf((row ?? '').replaceAll('\n', ' = ')))
    expect(rows).toEqual(
      expect.arrayContaining(['x = number', 'auc = 0.8125', 'log-loss = 0.5', 'stage = <i>approved</i>', 'Aliases = champion']),
    )
    expect(rows).toContain(`dataDigest = ${packageNamed('a').manifest.lineage.dataDigest}`)
  })

  test('leaves out what there is nothing to tell of', async () => {
    const registry = new Registry({ storage: new MemoryStorage() })
    const version = await registry.register('m', packageNamed('a', { metrics: {} }))
    const card = modelCardOf({ version, manifest: packageNamed('a').manifest }, { aliases: [] })
    for (const title of ['Figures', 'Tags', 'Packages']) expect(card).not.toContain(`## ${title}`)
  })
})
