import { canonicalJson } from '../../../src/core/json.ts'

/** What a client did and saw, in the order of one clock that all clients share. A client has at most one call open at a time. */
export type HistoryEvent<Input, Output> =
  | { readonly type: 'invoke'; readonly client: string; readonly time: number; readonly input: Input }
  | { readonly type: 'ok'; readonly client: string; readonly time: number; readonly output: Output }
  /** It is known that nothing was done. */
  | { readonly type: 'fail'; readonly client: string; readonly time: number }
  /** Nobody knows: it may have been done, may be done at any later time, or never. */
  | { readonly type: 'info'; readonly client: string; readonly time: number }

/** One call, from its invocation to its answer. */
export interface Call<Input, Output> {
  readonly client: string
  readonly input: Input
  readonly invokedAt: number
  /** Undefined: the outcome is unknown. */
  readonly completed?: { readonly at: number; readonly output: Output }
}

/** What the thing should do when it is asked one thing after the other. Pure. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State
  readonly apply: (state: State, input: Input) => { readonly state: State; readonly output: Output }
  /** Equal texts for equal states; default canonical JSON. */
  readonly stateKey?: (state: State) => string
}

export type Verdict<State, Input, Output> =
  | { readonly linearizable: true; readonly order: readonly Call<Input, Output>[]; readonly configurations: number }
  | {
      readonly linearizable: false
      /** The longest order that could be explained. */
      readonly order: readonly Call<Input, Output>[]
      readonly state: State
      /** What had to come next and could not have had its answer. */
      readonly stuck: Call<Input, Output>
      readonly expected: Output
      readonly configurations: number
    }

export interface CheckOptions {
  /** Above so many configurations the check gives up by throwing; default 5,000,000. */
  readonly maxConfigurations?: number
}

/** Pairs events to calls: what failed is left out, what never ended has an unknown outcome. */
export function callsOf<Input, Output>(events: readonly HistoryEvent<Input, Output>[]): Call<Input, Output>[] {
  const open = new Map<string, { readonly input: Input; readonly invokedAt: number }>()
  const calls: Call<Input, Output>[] = []
  for (const event of [...events].sort((left, right) => left.time - right.time)) {
    const { client } = event
    const begun = open.get(client)
    if (event.type === 'invoke') {
      if (begun !== undefined) throw new Error(`client ${client} has two calls open at once`)
      open.set(client, { input: event.input, invokedAt: event.time })
      continue
    }
    if (begun === undefined) throw new Error(`client ${client} has an answer without a call`)
    open.delete(client)
    if (event.type === 'ok') calls.push({ client, ...begun, completed: { at: event.time, output: event.output } })
    if (event.type === 'info') calls.push({ client, ...begun })
  }
  for (const [client, begun] of open) calls.push({ client, ...begun })
  return calls
}

/**
 * Whether the calls can have been done one after the other, each at a moment between its invocation and its answer, with exactly these answers.
 *
 * A search of all orders that time allows, each configuration (what was done, and the state after it) visited once. A call without an answer may be
 * placed at any moment after its invocation, or nowhere.
 *
 * Sources: Wing and Gong, "Testing and verifying concurrent objects" (1993); the memo is Lowe's, "Testing for linearizability" (2017).
 */
export function checkLinearizability<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  calls: readonly Call<Input, Output>[],
  options: CheckOptions = {},
): Verdict<State, Input, Output> {
  return new Search(model, calls, options.maxConfigurations ?? 5_000_000).run()
}

/**
 * The same, each part by itself: right where calls of different parts cannot influence one another (linearizability is local: Herlihy and Wing, 1990).
 * The first part that cannot be explained, or the last one.
 */
export function checkPartitioned<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  calls: readonly Call<Input, Output>[],
  partOf: (input: Input) => string,
  options: CheckOptions = {},
): Verdict<State, Input, Output> {
  const parts = grouped(calls, partOf)
  let verdict: Verdict<State, Input, Output> = { linearizable: true, order: [], configurations: 0 }
  for (const part of parts.values()) {
    verdict = checkLinearizability(model, part, options)
    if (!verdict.linearizable) return verdict
  }
  return verdict
}

/** For a failed assertion: what could be explained last, and what could not. */
export function describeVerdict<State, Input, Output>(verdict: Verdict<State, Input, Output>): string {
  if (verdict.linearizable) return `linearizable: ${verdict.order.length} calls, ${verdict.configurations} configurations`
  const { order, stuck, expected, state } = verdict
  const line = (call: Call<Input, Output>): string =>
    `  ${call.client} ${JSON.stringify(call.input)} -> ${call.completed === undefined ? 'unknown' : JSON.stringify(call.completed.output)} [${call.invokedAt}, ${call.completed?.at ?? 'open'}]`
  return [
    `not linearizable: after ${order.length} calls, the last of them`,
    ...order.slice(-8).map(line),
    `the state is ${JSON.stringify(state).slice(0, 1500)}, and no order explains`,
    line(stuck),
    `whose answer there would be ${JSON.stringify(expected)}`,
  ].join('\n')
}

interface Step<State> {
  readonly call: number
  readonly state: State
  readonly stateKey: string
}

/** The calls in the order of their invocations; an event list linked both ways, out of which what is done is lifted and into which it is put back. */
class Search<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>
  readonly #calls: readonly Call<Input, Output>[]
  readonly #stateKey: (state: State) => string
  readonly #maxConfigurations: number
  /** Canonical answers; undefined where the outcome is unknown. */
  readonly #answers: readonly (string | undefined)[]
  readonly #unknown: readonly number[]
  /** Node i is the invocation of call i, node n + i its answer, node 2n the head; -1 ends the list. */
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #done: Uint8Array
  /** The first completed call that is not done: all before it are, so that a configuration is told by the few after it. */
  #low = 0

  constructor(model: SequentialModel<State, Input, Output>, calls: readonly Call<Input, Output>[], maxConfigurations: number) {
    this.#model = model
    this.#stateKey = model.stateKey ?? canonicalJson
    this.#maxConfigurations = maxConfigurations
    this.#calls = [...calls].sort((left, right) => left.invokedAt - right.invokedAt)
    this.#answers = this.#calls.map(({ completed }) => (completed === undefined ? undefined : canonicalJson(completed.output)))
    const count = this.#calls.length
    this.#unknown = this.#calls.flatMap(({ completed }, index) => (completed === undefined ? [index] : []))
    this.#done = new Uint8Array(count)
    this.#next = new Int32Array(2 * count + 1).fill(-1)
    this.#previous = new Int32Array(2 * count + 1).fill(-1)
    const events = this.#calls.flatMap(({ invokedAt, completed }, index) => [
      { node: index, time: invokedAt },
      ...(completed === undefined ? [] : [{ node: count + index, time: completed.at }]),
    ])
    // What begins at the very moment at which another ends may have been done before it.
    events.sort((left, right) => left.time - right.time || Number(left.node >= count) - Number(right.node >= count))
    let last = 2 * count
    for (const { node } of events) {
      this.#next[last] = node
      this.#previous[node] = last
      last = node
    }
    this.#advance()
  }

  run(): Verdict<State, Input, Output> {
    const count = this.#calls.length
    const head = 2 * count
    const seen = new Set<string>()
    const steps: Step<State>[] = []
    let state = this.#model.initial
    let stateKey = this.#stateKey(state)
    let left = count - this.#unknown.length
    let best: { readonly order: readonly number[]; readonly state: State; readonly stuck: number } | undefined
    let node = this.#next[head] as number
    while (left > 0) {
      if (node < count) {
        const after = this.#tryCall(node, state, stateKey)
        if (after !== undefined) {
          this.#lift(node)
          const configuration = `${this.#configuration()}|${after.stateKey}`
          if (!seen.has(configuration)) {
            if (seen.size >= this.#maxConfigurations) throw new Error(`undecided after ${seen.size} configurations`)
            seen.add(configuration)
            steps.push({ call: node, state, stateKey })
            if (this.#answers[node] !== undefined) left--
            state = after.state
            stateKey = after.stateKey
            node = this.#next[head] as number
            continue
          }
          this.#putBack(node)
        }
        node = this.#next[node] as number
        continue
      }
      // An answer, and its call is not done yet: no way from here.
      if (best === undefined || steps.length > best.order.length)
        best = { order: steps.map(({ call }) => call), state, stuck: node - count }
      const last = steps.pop()
      if (last === undefined) return this.#refused(best, seen.size)
      this.#putBack(last.call)
      if (this.#answers[last.call] !== undefined) left++
      state = last.state
      stateKey = last.stateKey
      node = this.#next[last.call] as number
    }
    return { linearizable: true, order: steps.map(({ call }) => this.#call(call)), configurations: seen.size }
  }

  /** The state after the call, if it can have had its answer here. */
  #tryCall(call: number, state: State, stateKey: string): { readonly state: State; readonly stateKey: string } | undefined {
    const answer = this.#answers[call]
    const applied = this.#model.apply(state, this.#call(call).input)
    if (answer !== undefined && canonicalJson(applied.output) !== answer) return undefined
    const after = { state: applied.state, stateKey: this.#stateKey(applied.state) }
    // Of unknown outcome and without effect: the same as not done.
    return answer === undefined && after.stateKey === stateKey ? undefined : after
  }

  #configuration(): string {
    const low = this.#low
    let text = `${low}`
    const end = this.#calls[low]?.completed?.at ?? Number.NEGATIVE_INFINITY
    for (let call = low + 1; call < this.#calls.length && this.#call(call).invokedAt <= end; call++)
      if (this.#done[call] === 1 && this.#answers[call] !== undefined) text += `,${call - low}`
    for (const call of this.#unknown) if (this.#done[call] === 1) text += `;${call}`
    return text
  }

  #lift(call: number): void {
    this.#done[call] = 1
    this.#unlink(call)
    if (this.#answers[call] !== undefined) this.#unlink(this.#calls.length + call)
    this.#advance()
  }

  #putBack(call: number): void {
    this.#done[call] = 0
    if (this.#answers[call] !== undefined) {
      this.#link(this.#calls.length + call)
      this.#low = Math.min(this.#low, call)
    }
    this.#link(call)
  }

  #unlink(node: number): void {
    const [before, after] = [this.#previous[node] as number, this.#next[node] as number]
    this.#next[before] = after
    if (after >= 0) this.#previous[after] = before
  }

  #link(node: number): void {
    this.#next[this.#previous[node] as number] = node
    const after = this.#next[node] as number
    if (after >= 0) this.#previous[after] = node
  }

  #advance(): void {
    while (this.#low < this.#calls.length && (this.#done[this.#low] === 1 || this.#answers[this.#low] === undefined)) this.#low++
  }

  #call(index: number): Call<Input, Output> {
    return this.#calls[index] as Call<Input, Output>
  }

  #refused(
    best: { readonly order: readonly number[]; readonly state: State; readonly stuck: number },
    configurations: number,
  ): Verdict<State, Input, Output> {
    const stuck = this.#call(best.stuck)
    const expected = this.#model.apply(best.state, stuck.input).output
    return { linearizable: false, order: best.order.map((call) => this.#call(call)), state: best.state, stuck, expected, configurations }
  }
}

function grouped<Item extends { readonly input: Input }, Input>(
  items: readonly Item[],
  partOf: (input: Input) => string,
): Map<string, Item[]> {
  const parts = new Map<string, Item[]>()
  for (const item of items) {
    const part = partOf(item.input)
    const members = parts.get(part)
    if (members === undefined) parts.set(part, [item])
    else members.push(item)
  }
  return parts
}
