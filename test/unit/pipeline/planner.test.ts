import fc from 'fast-check'
import { MillraceError } from 'millrace/core'
import type { NodeState, PlannedNode } from 'millrace/pipeline'
import { Planner } from 'millrace/pipeline'
import { describe, expect, it } from 'vitest'

const finalStates: readonly NodeState[] = ['succeeded', 'cached', 'failed', 'skipped', 'abandoned']
const node = (id: string, inputs: readonly string[] = [], conditions: readonly string[] = []): PlannedNode => ({ id, inputs, conditions })

/** Any graph of up to 12 nodes whose inputs and conditions come before them. */
const graphs = fc
  .array(fc.record({ inputs: fc.array(fc.nat(), { maxLength: 3 }), conditions: fc.array(fc.nat(), { maxLength: 2 }) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((drafts) =>
    drafts.map((draft, index) => {
      const earlier = (picks: readonly number[]): string[] => (index === 0 ? [] : [...new Set(picks.map((pick) => `n${pick % index}`))])
      return node(`n${index}`, earlier(draft.inputs), earlier(draft.conditions))
    }),
  )

type Choice = {
  readonly pick: number
  readonly end: 'succeeded' | 'cached' | 'failed' | 'holds' | 'does not hold' | 'stopped' | 'wait' | 'cancel'
}
const choices = fc.infiniteStream(
  fc.record({
    pick: fc.nat(),
    end: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('succeeded' as const, 'cached' as const, 'wait' as const) },
      { weight: 2, arbitrary: fc.constantFrom('holds' as const, 'does not hold' as const, 'failed' as const) },
      { weight: 1, arbitrary: fc.constantFrom('stopped' as const, 'cancel' as const) },
    ),
  }),
)

/** Drives a planner to its end by the choices, checking what must hold at every step. */
function drive(
  nodes: readonly PlannedNode[],
  failFast: boolean,
  stream: Iterator<Choice>,
): { readonly planner: Planner; readonly started: string[]; readonly told: string[] } {
  const planner = new Planner(nodes, { failFast })
  const byId = new Map(nodes.map((each) => [each.id, each]))
  const started: string[] = []
  const told: string[] = []
  let isOver = false
  let hasFailed = false
  for (let step = 0; !planner.finished; step++) {
    expect(step).toBeLessThan(1000)
    const { pick, end } = stream.next().value as Choice
    const { ready, running } = planner
    if (end === 'cancel') {
      isOver = true
      for (const { id } of planner.apply({ type: 'cancelled' })) told.push(id)
      continue
    }
    if (ready.length > 0 && (end === 'wait' || running.length === 0)) {
      const id = ready[pick % ready.length] as string
      expect(isOver || (failFast && hasFailed)).toBe(false)
      for (const before of [...(byId.get(id)?.inputs ?? []), ...(byId.get(id)?.conditions ?? [])]) {
        expect(['succeeded', 'cached', 'skipped']).toContain(planner.state(before))
      }
      planner.apply({ type: 'started', id })
      started.push(id)
      continue
    }
    if (running.length === 0) continue
    const id = running[pick % running.length] as string
    if (end === 'failed') hasFailed = true
    const event =
      end === 'holds' || end === 'does not hold' || end === 'wait'
        ? ({ type: 'succeeded', id, ...(end === 'wait' ? {} : { holds: end === 'holds' }) } as const)
        : ({ type: end, id } as const)
    for (const decided of planner.apply(event)) told.push(decided.id)
  }
  return { planner, started, told }
}

describe('Planner', () => {
  it('ends every node of any graph in exactly one final state, whatever happens', () => {
    fc.assert(
      fc.property(graphs, fc.boolean(), choices, (nodes, failFast, stream) => {
        const { planner, started, told } = drive(nodes, failFast, stream[Symbol.iterator]())
        for (const { id } of nodes) expect(finalStates).toContain(planner.state(id))
        // Each was either started once or decided once, never both.
        expect([...started, ...told].sort()).toEqual(nodes.map(({ id }) => id).sort())
      }),
      { numRuns: 500 },
    )
  })

  it('abandons without failFast only what depends on a failure or a stop', () => {
    fc.assert(
      fc.property(graphs, choices, (nodes, stream) => {
        const calm = (function* (): Generator<Choice> {
          for (const choice of stream) if (choice.end !== 'cancel') yield choice
        })()
        const { planner, told } = drive(nodes, false, calm)
        for (const id of told) {
          if (planner.state(id) !== 'abandoned') continue
          const { inputs, conditions } = nodes.find((each) => each.id === id) as PlannedNode
          expect([...inputs, ...conditions].some((before) => ['failed', 'abandoned'].includes(planner.state(before)))).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('lets start what depends on nothing', () => {
    expect(new Planner([node('a'), node('b', ['a']), node('c', ['#input'])], { failFast: true }).ready).toEqual(['a', 'c'])
  })

  it('makes a node ready when the last of its inputs is done', () => {
    const planner = new Planner([node('a'), node('b'), node('c', ['a', 'b'])], { failFast: true })
    for (const id of ['a', 'b']) planner.apply({ type: 'started', id })
    planner.apply({ type: 'succeeded', id: 'a' })
    expect(planner.ready).toEqual([])
    planner.apply({ type: 'cached', id: 'b' })
    expect(planner.ready).toEqual(['c'])
  })

  it('skips what a condition excludes and lets go on what comes after', () => {
    const planner = new Planner([node('if'), node('then', [], ['if']), node('join', ['then'])], { failFast: true })
    planner.apply({ type: 'started', id: 'if' })
    expect(planner.apply({ type: 'succeeded', id: 'if', holds: false })).toEqual([{ id: 'then', state: 'skipped' }])
    expect(planner.ready).toEqual(['join'])
  })

  it('is finished at once without nodes', () => {
    expect(new Planner([], { failFast: true }).finished).toBe(true)
  })

  it.each([
    [
      'started twice',
      [
        { type: 'started', id: 'a' },
        { type: 'started', id: 'a' },
      ],
    ],
    ['ended before it started', [{ type: 'succeeded', id: 'a' }]],
    ['started before its input', [{ type: 'started', id: 'b' }]],
    [
      'ended twice',
      [
        { type: 'started', id: 'a' },
        { type: 'failed', id: 'a' },
        { type: 'succeeded', id: 'a' },
      ],
    ],
    ['unknown', [{ type: 'started', id: 'z' }]],
  ] as const)('refuses a node that is %s', (_, events) => {
    const planner = new Planner([node('a'), node('b', ['a'])], { failFast: false })
    const work = (): void => {
      for (const event of events) planner.apply(event)
    }
    expect(work).toThrow(MillraceError)
  })
})
