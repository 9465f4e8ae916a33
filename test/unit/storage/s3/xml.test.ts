import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { childText, parseXml } from '../../../../src/storage/s3/xml.ts'

describe('XML', () => {
  test('is read with entities, CDATA, comments, attributes and prefixes', () => {
    const xml = `\uFEFF<?xml version="1.0" encoding="UTF-8"?>
      <!-- a > comment --><s3:Root xmlns:s3="urn:x" note="a > b">
        <Key>a&amp;b&lt;c&gt;&quot;&apos;&#65;&#x42;&unknown;&#xZZ;&#99999999;</Key>
        <Cut><![CDATA[<raw> & ]]>text</Cut><Empty/><Empty with='/'></Empty>
      </s3:Root>`
    const root = parseXml(xml)
    expect(root.name).toBe('Root')
    expect(childText(root, 'Key')).toBe('a&b<c>"\'AB&unknown;&#xZZ;&#99999999;')
    expect(childText(root, 'Cut')).toBe('<raw> & text')
    expect(root.children.map(({ name }) => name)).toEqual(['Key', 'Cut', 'Empty', 'Empty'])
  })

  test.each([
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a/>text',
    '<a b="',
    '<a><!-- ',
    '<a><![CDATA[',
    '< a/>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a/>',
    '<a>'.repeat(40) + '</a>'.repeat(40),
  ])('that is broken is refused: %s', (xml) => {
    expect(() => parseXml(xml)).toThrow()
  })

  test('of any text comes back', () => {
    const encoded = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(childText(parseXml(`<a><b>${encoded(text)}</b></a>`), 'b')).toBe(text)
      }),
    )
  })

  test('of any kind ends in a tree or an Error', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '<a>',
      '</a>',
      '<a/>',
      '&',
      '&#',
      ';',
      '"',
      "'",
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?',
      '?>',
      ' ',
      'x',
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
        (xml) => {
          try {
            expect(parseXml(xml).children).toBeInstanceOf(Array)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
            expect(error).not.toBeInstanceOf(TypeError)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})
