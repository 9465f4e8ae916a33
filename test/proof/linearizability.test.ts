import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import type { Call, HistoryEvent, SequentialModel } from './support/linearizability.ts'
import { callsOf, checkLinearizability, checkPartitioned, describeVerdict } from './support/linearizability.ts'

/** Several registers, each with one number; 0 at first. */
type Input =
  | { readonly do: 'read'; readonly at: string }
  | { readonly do: 'write'; readonly at: string; readonly value: number }
  | { readonly do: 'swap'; readonly at: string; readonly from: number; readonly to: number }
type Output = number | boolean | null
type State = { readonly [register: string]: number }

const registers: SequentialModel<State, Input, Output> = {
  initial: {},
  apply(state, input) {
    const value = state[input.at] ?? 0
    if (input.do === 'read') return { state, output: value }
    if (input.do === 'write') return { state: { ...state, [input.at]: input.value }, output: null }
    return value === input.from ? { state: { ...state, [input.at]: input.to }, output: true } : { state, output: false }
  },
}
const partOf = ({ at }: Input): string => at
const read: Input = { do: 'read', at: 'x' }
const write = (value: number): Input => ({ do: 'write', at: 'x', value })
const swap = (from: number, to: number): Input => ({ do: 'swap', at: 'x', from, to })

/** A call of its own client from one moment to another; without an answer its outcome is unknown. */
function call(input: Input, invokedAt: number, at?: number, output?: Output): Call<Input, Output> {
  const client = `${invokedAt}`
  return at === undefined || output === undefined ? { client, input, invokedAt } : { client, input, invokedAt, completed: { at, output } }
}
function holds(...calls: readonly Call<Input, Output>[]): boolean {
  return checkLinearizability(registers, calls).linearizable
}

describe('histories whose verdict is known', () => {
  test('nothing at all is linearizable', () => expect(holds()).toBe(true))
  test('a read after a write sees it', () => {
    expect(holds(call(write(1), 1, 2, null), call(read, 3, 4, 1))).toBe(true)
  })
  test('a stale read is refused', () => {
    expect(holds(call(write(1), 1, 2, null), call(read, 3, 4, 0))).toBe(false)
  })
  test('a read beside a write may see either', () => {
    expect(holds(call(write(1), 1, 4, null), call(read, 2, 3, 0))).toBe(true)
    expect(holds(call(write(1), 1, 4, null), call(read, 2, 3, 1))).toBe(true)
  })
  test('two reads beside a write cannot see it come and go', () => {
    expect(holds(call(write(1), 1, 6, null), call(read, 2, 3, 0), call(read, 4, 5, 1))).toBe(true)
    expect(holds(call(write(1), 1, 6, null), call(read, 2, 3, 1), call(read, 4, 5, 0))).toBe(false)
  })
  test('a lost update is refused: two that both moved the same value', () => {
    expect(holds(call(swap(0, 1), 1, 4, true), call(swap(0, 2), 2, 3, true))).toBe(false)
    expect(holds(call(swap(0, 1), 1, 4, true), call(swap(0, 2), 2, 3, false))).toBe(true)
    expect(holds(call(swap(0, 1), 1, 4, true), call(swap(1, 2), 2, 3, true))).toBe(true)
  })
  test('a phantom is refused: a value that nobody wrote', () => {
    expect(holds(call(write(1), 1, 2, null), call(read, 3, 4, 7))).toBe(false)
  })
  test('an order that only all calls together rule out is refused', () => {
    // Each reader agrees with one order of the two writes, and they with different ones.
    const writes = [call(write(1), 1, 10, null), call(write(2), 2, 10, null)]
    const one = [call(read, 11, 12, 1), call(read, 13, 14, 1)]
    expect(holds(...writes, ...one)).toBe(true)
    expect(holds(...writes, call(read, 11, 12, 1), call(read, 13, 14, 2))).toBe(false)
  })
  test('what begins at the moment at which another ends may come before it', () => {
    expect(holds(call(write(1), 1, 2, null), call(read, 2, 3, 0))).toBe(true)
  })
})

describe('a call of unknown outcome', () => {
  test('may have been done', () => expect(holds(call(write(1), 1), call(read, 2, 3, 1))).toBe(true))
  test('may never be done', () => expect(holds(call(write(1), 1), call(read, 2, 3, 0), call(read, 4, 5, 0))).toBe(true))
  test('may be done long after', () => {
    expect(holds(call(write(1), 1), call(read, 2, 3, 0), call(read, 4, 5, 0), call(read, 6, 7, 1))).toBe(true)
  })
  test('is not done twice', () => {
    expect(holds(call(write(1), 1), call(read, 2, 3, 1), call(write(2), 4, 5, null), call(read, 6, 7, 1))).toBe(false)
  })
  test('is not done before it was asked for', () => expect(holds(call(read, 1, 2, 1), call(write(1), 3))).toBe(false))
  test('that is not done cannot be undone', () => {
    expect(holds(call(write(1), 1), call(read, 2, 3, 1), call(read, 4, 5, 0))).toBe(false)
  })
})

describe('events', () => {
  const events: HistoryEvent<Input, Output>[] = [
    { type: 'invoke', client: 'a', time: 1, input: write(1) },
    { type: 'invoke', client: 'b', time: 2, input: write(2) },
    { type: 'ok', client: 'a', time: 3, output: null },
    { type: 'fail', client: 'b', time: 4 },
    { type: 'invoke', client: 'a', time: 5, input: write(3) },
    { type: 'info', client: 'a', time: 6 },
    { type: 'invoke', client: 'b', time: 7, input: read },
  ]
  test('become calls: what failed is left out, what never ended is unknown', () => {
    expect(callsOf(events)).toEqual([
      { client: 'a', input: write(1), invokedAt: 1, completed: { at: 3, output: null } },
      { client: 'a', input: write(3), invokedAt: 5 },
      { client: 'b', input: read, invokedAt: 7 },
    ])
  })
  test('that no client can have had are a mistake of the harness', () => {
    expect(() => callsOf([...events, { type: 'invoke', client: 'b', time: 8, input: read }])).toThrow('two calls open')
    expect(() => callsOf([{ type: 'ok', client: 'a', time: 1, output: null }])).toThrow('without a call')
  })
})

describe('a refusal', () => {
  test('tells what could be explained, what could not, and what would have been right', () => {
    const verdict = checkLinearizability(registers, [call(write(1), 1, 2, null), call(read, 3, 4, 0)])
    expect(verdict).toMatchObject({ linearizable: false, state: { x: 1 }, stuck: { input: read }, expected: 1 })
    expect(describeVerdict(verdict)).toMatch(/^not linearizable: after 1 calls[\s\S]*"read"[\s\S]*would be 1$/)
  })
  test('to decide is said, not guessed', () => {
    const calls = Array.from({ length: 12 }, (_, index) => call(write(index), index, 100 + index, null))
    expect(() => checkLinearizability(registers, [...calls, call(read, 200, 201, 99)], { maxConfigurations: 100 })).toThrow('undecided')
  })
})

/** All orders, the slow way: the answer that the checker must give. */
function bruteForce(calls: readonly Call<Input, Output>[], state: State = registers.initial): boolean {
  if (calls.every(({ completed }) => completed === undefined)) return true
  return calls.some((candidate) => {
    const mustWait = calls.some((other) => other !== candidate && other.completed !== undefined && other.completed.at < candidate.invokedAt)
    if (mustWait) return false
    const { state: after, output } = registers.apply(state, candidate.input)
    if (candidate.completed !== undefined && candidate.completed.output !== output) return false
    return bruteForce(
      calls.filter((other) => other !== candidate),
      after,
    )
  })
}

const input: fc.Arbitrary<Input> = fc.oneof(
  fc.constant(read),
  fc.constantFrom(1, 2).map(write),
  fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(1, 2)).map(([from, to]) => swap(from, to)),
)
const anyCall = fc.tuple(input, fc.nat(12), fc.nat(6), fc.constantFrom<Output>(0, 1, 2, true, false, null), fc.nat(3)).map((drawn) => {
  const [asked, invokedAt, lasts, answer, kind] = drawn
  if (kind === 0) return call(asked, invokedAt)
  const outputs: Record<Input['do'], Output> = { read: typeof answer === 'number' ? answer : 1, write: null, swap: answer !== false }
  return call(asked, invokedAt, invokedAt + lasts, outputs[asked.do])
})

test('the checker agrees with one that tries all orders, on any small history', () => {
  let accepted = 0
  let runs = 0
  fc.assert(
    fc.property(fc.array(anyCall, { maxLength: 6 }), (calls) => {
      const expected = bruteForce(calls)
      runs++
      if (expected) accepted++
      expect(checkLinearizability(registers, calls).linearizable).toBe(expected)
    }),
    { numRuns: 3_000 },
  )
  // Else one verdict was hardly tried.
  expect(accepted / runs).toBeGreaterThan(0.15)
  expect(accepted / runs).toBeLessThan(0.85)
})

/** A history of something that is linearizable: each call is done at one moment within its time. Some never hear their answer. */
function simulate(
  seed: number,
  shape: { readonly clients: number; readonly calls: number; readonly parts: number; readonly unknown: number },
) {
  const random = createRandom(seed)
  const drawn = Array.from({ length: shape.clients * shape.calls }, (_, index) => {
    const at = `part-${random.int(shape.parts)}`
    const kind = random.int(3)
    const asked: Input =
      kind === 0
        ? { do: 'read', at }
        : kind === 1
          ? { do: 'write', at, value: random.int(4) }
          : { do: 'swap', at, from: random.int(4), to: random.int(4) }
    const client = index % shape.clients
    const begins = Math.floor(index / shape.clients) * 100 + random.next() * 50
    const ends = begins + 1 + random.next() * 49
    return { client, asked, begins, ends, done: begins + random.next() * (ends - begins), isUnknown: random.next() < shape.unknown }
  })
  let state = registers.initial
  const calls: Call<Input, Output>[] = []
  for (const { client, asked, begins, ends, isUnknown } of drawn.sort((left, right) => left.done - right.done)) {
    // Of those whose answer is unknown half are never done.
    const isDone = !isUnknown || random.next() < 0.5
    const applied = registers.apply(state, asked)
    if (isDone) state = applied.state
    const begun = { client: `${client}`, input: asked, invokedAt: begins }
    calls.push(isUnknown ? begun : { ...begun, completed: { at: ends, output: applied.output } })
  }
  return calls
}

describe('histories of a simulated register', () => {
  test('are accepted', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 8 }), fc.constantFrom(0, 0.05), (seed, clients, unknown) => {
        const calls = simulate(seed, { clients, calls: 12, parts: 2, unknown })
        expect(checkLinearizability(registers, calls).linearizable).toBe(true)
        expect(checkPartitioned(registers, calls, partOf).linearizable).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  test('are refused once one answer is one that nobody can have given', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, which) => {
        const calls = simulate(seed, { clients: 6, calls: 10, parts: 2, unknown: 0.03 })
        const reads = calls.filter(({ input: asked, completed }) => asked.do === 'read' && completed !== undefined)
        const victim = reads[which % reads.length] as Call<Input, Output>
        const mutated = calls.map((each) =>
          each === victim ? { ...victim, completed: { at: victim.completed?.at ?? 0, output: 99 } } : each,
        )
        expect(checkLinearizability(registers, mutated).linearizable).toBe(false)
        expect(checkPartitioned(registers, mutated, partOf).linearizable).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  test('are refused when one write is taken out of them that a later read of one client saw', () => {
    const calls = [call(write(1), 1, 2, null), call(write(5), 3, 4, null), call(read, 5, 6, 5), call(write(2), 7, 8, null)]
    expect(holds(...calls)).toBe(true)
    expect(holds(...calls.filter(({ invokedAt }) => invokedAt !== 3))).toBe(false)
  })

  test('of 16 clients with 1,000 calls each are decided in few configurations, as one part or as many', () => {
    const calls = simulate(7, { clients: 16, calls: 1_000, parts: 8, unknown: 0 })
    const start = performance.now()
    expect(checkPartitioned(registers, calls, partOf).linearizable).toBe(true)
    const middle = performance.now()
    // A register is a part of its own; searched together, calls of different registers would be put in all their orders.
    const single = simulate(8, { clients: 16, calls: 63, parts: 1, unknown: 0 })
    const verdict = checkLinearizability(registers, single)
    expect(verdict.linearizable).toBe(true)
    expect(verdict.configurations).toBeLessThan(20 * single.length)
    console.log(`16,000 calls in 8 parts: ${Math.round(middle - start)} ms; 1,008 in one: ${Math.round(performance.now() - middle)} ms`)
  })
})
