import fc from 'fast-check'
import { MillraceError } from 'millrace/core'
import type { Decided, NodeState, PlannedNode, PlannerEvent } from 'millrace/pipeline'
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

/**
 * What the states must be after these events, by the rules alone: nothing is remembered but what happened, and the rules are applied in any order until
 * none of them changes anything.
 */
function modelStates(
  nodes: readonly PlannedNode[],
  failFast: boolean,
  events: readonly PlannerEvent[],
): Readonly<Record<string, NodeState>> {
  const states = new Map<string, NodeState>(nodes.map(({ id }) => [id, 'pending']))
  const answers = new Map<string, boolean>()
  const settle = (): void => {
    for (let isChanged = true; isChanged; ) {
      isChanged = false
      // Backwards, so that it is not the order that makes it right.
      for (const { id, inputs, conditions } of [...nodes].reverse()) {
        if (states.get(id) !== 'pending') continue
        const before = [...inputs, ...conditions].map((each) => states.get(each) as NodeState)
        const isExcluded = conditions.some((each) => answers.get(each) === false)
        const isLost = before.some((state) => state === 'failed' || state === 'abandoned')
        const isOpen = before.some((state) => state === 'pending' || state === 'ready' || state === 'running')
        if (!isExcluded && !isLost && isOpen) continue
        states.set(id, isExcluded ? 'skipped' : isLost ? 'abandoned' : 'ready')
        isChanged = true
      }
    }
  }
  const giveUp = (): void => {
    for (const [id, state] of states) if (state === 'pending' || state === 'ready') states.set(id, 'abandoned')
  }
  settle()
  for (const event of events) {
    if (event.type === 'cancelled') giveUp()
    else {
      states.set(event.id, event.type === 'started' ? 'running' : event.type === 'stopped' ? 'abandoned' : event.type)
      if (event.type === 'succeeded' && event.holds !== undefined) answers.set(event.id, event.holds)
      if (event.type === 'failed' && failFast) giveUp()
      else settle()
    }
  }
  return Object.fromEntries(states)
}

/** Drives a planner to its end by the choices, checking what must hold at every step. */
function drive(
  nodes: readonly PlannedNode[],
  failFast: boolean,
  stream: Iterator<Choice>,
): { readonly planner: Planner; readonly started: string[]; readonly told: string[]; readonly events: PlannerEvent[] } {
  const planner = new Planner(nodes, { failFast })
  const events: PlannerEvent[] = []
  const apply = (event: PlannerEvent): readonly Decided[] => {
    events.push(event)
    return planner.apply(event)
  }
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
      for (const { id } of apply({ type: 'cancelled' })) told.push(id)
      continue
    }
    if (ready.length > 0 && (end === 'wait' || running.length === 0)) {
      const id = ready[pick % ready.length] as string
      expect(isOver || (failFast && hasFailed)).toBe(false)
      for (const before of [...(byId.get(id)?.inputs ?? []), ...(byId.get(id)?.conditions ?? [])]) {
        expect(['succeeded', 'cached', 'skipped']).toContain(planner.state(before))
      }
      apply({ type: 'started', id })
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
    for (const decided of apply(event)) told.push(decided.id)
  }
  return { planner, started, told, events }
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

  it('is in the states of the model after any events, and in the same when it is built anew from them', () => {
    fc.assert(
      fc.property(graphs, fc.boolean(), choices, (nodes, failFast, stream) => {
        const { events } = drive(nodes, failFast, stream[Symbol.iterator]())
        const again = new Planner(nodes, { failFast })
        for (let count = 0; count <= events.length; count++) {
          const states = Object.fromEntries(nodes.map(({ id }) => [id, again.state(id)]))
          expect(states).toEqual(modelStates(nodes, failFast, events.slice(0, count)))
          if (count < events.length) again.apply(events[count] as PlannerEvent)
        }
      }),
      { numRuns: 300 },
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
