import { describe, expect, it } from 'vitest'
import { atLeast, atMost, betterThanBaselines, type Gate, type GateInput, gate, notWorseThanChampion } from '../../../src/evaluate/index.ts'
import type { GateResult } from '../../../src/model/flow.ts'
import type { Champion, ChampionSource } from '../../../src/model/model-registry.ts'
import { fixtureContext } from '../train/learning-fixtures.ts'

function evaluated(metrics: Record<string, number>, baselines: Record<string, Record<string, number>> = {}): GateInput {
  const values = (figures: Record<string, number>) => Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, { value }]))
  return {
    evaluation: {
      rows: 100,
      metrics: values(metrics),
      baselines: Object.fromEntries(Object.entries(baselines).map(([name, figures]) => [name, values(figures)])),
      slices: [],
      calibration: [],
      roc: [],
    },
    model: { digest: 'new', kind: 'x' },
    test: { digest: 'may' },
  } as unknown as GateInput
}

function championOf(champion: Partial<Champion> | undefined): ChampionSource {
  const whole = { version: 3, metrics: { auc: 0.8, 'log-loss': 0.4 }, manifestDigest: 'm', testDigest: 'may', modelDigest: 'old' }
  return { label: 'flight-delay@champion', champion: async () => (champion === undefined ? undefined : { ...whole, ...champion }) }
}

const decide = async (one: Gate, input: GateInput): Promise<GateResult> => one.decide(input, {})
const outcome = async (one: Gate, input: GateInput): Promise<string> => (await decide(one, input)).outcome

describe('atLeast and atMost', () => {
  it('passes at the value itself and on its good side', async () => {
    expect(await outcome(atLeast('auc', 0.7), evaluated({ auc: 0.7 }))).toBe('passed')
    expect(await outcome(atLeast('auc', 0.7), evaluated({ auc: 0.6999 }))).toBe('failed')
    expect(await outcome(atMost('log-loss', 0.5), evaluated({ 'log-loss': 0.5 }))).toBe('passed')
    expect(await decide(atMost('log-loss', 0.5), evaluated({ 'log-loss': 0.51 }))).toEqual({
      name: 'log-loss at most 0.5',
      outcome: 'failed',
      reason: 'log-loss is 0.51',
    })
  })

  it('cannot decide about a metric that was not measured, nor about NaN', async () => {
    expect(await decide(atLeast('auc', 0.7), evaluated({ brier: 0.1 }))).toMatchObject({
      outcome: 'undecidable',
      reason: expect.stringContaining('no auc'),
    })
    expect(await outcome(atLeast('auc', 0.7), evaluated({ auc: Number.NaN }))).toBe('failed')
  })

  it('refuses a bound on the wrong side, and one that is no number', () => {
    expect(() => atLeast('log-loss', 0.5)).toThrow(/atMost is meant/)
    expect(() => atMost('auc', 0.5)).toThrow(/atLeast is meant/)
    expect(() => atLeast('auc', Number.NaN)).toThrow(/finite/)
    expect(() => atLeast('acu' as never, 0.5)).toThrow(/Did you mean "auc"/)
  })
})

describe('betterThanBaselines', () => {
  it('asks for more than the best of them, in the direction of the metric', async () => {
    const baselines = { prior: { auc: 0.5, 'log-loss': 0.5 }, hour: { auc: 0.63, 'log-loss': 0.45 } }
    expect(await decide(betterThanBaselines('auc'), evaluated({ auc: 0.64 }, baselines))).toMatchObject({
      outcome: 'passed',
      reason: 'auc 0.64 against 0.63 of the best baseline, hour',
    })
    expect(await outcome(betterThanBaselines('auc'), evaluated({ auc: 0.63 }, baselines))).toBe('failed')
    expect(await outcome(betterThanBaselines('log-loss'), evaluated({ 'log-loss': 0.44 }, baselines))).toBe('passed')
    expect(await outcome(betterThanBaselines('log-loss'), evaluated({ 'log-loss': 0.46 }, baselines))).toBe('failed')
  })

  it('cannot decide without baselines, or where one lacks the metric', async () => {
    expect(await outcome(betterThanBaselines('auc'), evaluated({ auc: 0.9 }))).toBe('undecidable')
    expect(await decide(betterThanBaselines('auc'), evaluated({ auc: 0.9 }, { prior: { auc: 0.5 }, hour: {} }))).toMatchObject({
      outcome: 'undecidable',
      reason: 'the baseline hour has no auc',
    })
    expect(await outcome(betterThanBaselines('auc'), evaluated({}, { prior: { auc: 0.5 } }))).toBe('undecidable')
  })
})

describe('notWorseThanChampion', () => {
  const gateFor = (champion: Partial<Champion> | undefined, options = {}) => notWorseThanChampion('auc', championOf(champion), options)

  it('passes the first model, and the same model again', async () => {
    expect(await decide(gateFor(undefined), evaluated({ auc: 0.1 }))).toMatchObject({
      outcome: 'passed',
      reason: 'there is no champion yet',
    })
    expect(await decide(gateFor({ modelDigest: 'new', testDigest: 'april' }), evaluated({ auc: 0.1 }))).toMatchObject({
      outcome: 'passed',
      reason: 'it is the same model as version 3',
    })
  })

  it('asks for at least as much as the champion has, less the tolerance', async () => {
    expect(await outcome(gateFor({}), evaluated({ auc: 0.8 }))).toBe('passed')
    expect(await decide(gateFor({}), evaluated({ auc: 0.7999 }))).toEqual({
      name: 'auc not worse than flight-delay@champion',
      outcome: 'failed',
      reason: 'auc 0.7999 against 0.8 of version 3',
    })
    expect(await outcome(gateFor({}, { tolerance: 0.01 }), evaluated({ auc: 0.795 }))).toBe('passed')
    expect(await outcome(gateFor({}, { tolerance: 0.01 }), evaluated({ auc: 0.78 }))).toBe('failed')
  })

  it('knows that less log loss is better', async () => {
    const byLoss = notWorseThanChampion('log-loss', championOf({}), { tolerance: 0.01 })
    expect(await outcome(byLoss, evaluated({ 'log-loss': 0.405 }))).toBe('passed')
    expect(await outcome(byLoss, evaluated({ 'log-loss': 0.42 }))).toBe('failed')
  })

  it('does not compare figures from other test data unless it is told to', async () => {
    expect(await decide(gateFor({ testDigest: 'april' }), evaluated({ auc: 0.9 }))).toMatchObject({
      outcome: 'undecidable',
      reason: 'version 3 was evaluated on other test data',
    })
    expect(await decide(gateFor({ testDigest: 'april' }, { onOtherTestData: 'compare' }), evaluated({ auc: 0.9 }))).toMatchObject({
      outcome: 'passed',
      reason: expect.stringContaining('other test data'),
    })
    expect(await outcome(gateFor({ testDigest: 'april' }, { onOtherTestData: 'compare' }), evaluated({ auc: 0.7 }))).toBe('failed')
  })

  it('cannot decide where either has no such metric', async () => {
    expect(await outcome(gateFor({ metrics: {} }), evaluated({ auc: 0.9 }))).toBe('undecidable')
    expect(await outcome(gateFor({}), evaluated({}))).toBe('undecidable')
  })

  it('refuses a tolerance below zero', () => {
    expect(() => gateFor({}, { tolerance: -0.1 })).toThrow(/tolerance/)
  })
})

describe('gate', () => {
  it('passes when all pass, keeps what flows, and is never cached', async () => {
    const stage = gate<GateInput & { readonly mine: string }>([atLeast('auc', 0.7), atMost('log-loss', 0.5)])
    const output = await stage.definition.run({ ...evaluated({ auc: 0.8, 'log-loss': 0.4 }), mine: 'kept' }, fixtureContext())
    expect(output.mine).toBe('kept')
    expect(output.verdict.passed).toBe(true)
    expect(output.verdict.gates.map(({ outcome: of }) => of)).toEqual(['passed', 'passed'])
    expect(stage.definition.effect).toBe(true)
  })

  it('does not pass when one fails or cannot be decided; the others are still asked, and it is logged', async () => {
    const context = fixtureContext()
    const failed = await gate([atLeast('auc', 0.9), atMost('log-loss', 0.5)]).definition.run(
      evaluated({ auc: 0.8, 'log-loss': 0.4 }),
      context,
    )
    expect(failed.verdict).toMatchObject({ passed: false, gates: [{ outcome: 'failed' }, { outcome: 'passed' }] })
    expect(context.logger.calls.map(({ level }) => level)).toEqual(['warn', 'info'])
    const unknown = await gate([betterThanBaselines('auc')]).definition.run(evaluated({ auc: 0.8 }), fixtureContext())
    expect(unknown.verdict.passed).toBe(false)
  })

  it('fails, and gives no verdict, when a gate throws; stops when aborted', async () => {
    const unreachable: ChampionSource = { label: 'x@champion', champion: () => Promise.reject(new Error('registry unreachable')) }
    await expect(gate([notWorseThanChampion('auc', unreachable)]).definition.run(evaluated({ auc: 1 }), fixtureContext())).rejects.toThrow(
      'unreachable',
    )
    const reason = new Error('stop')
    const context = fixtureContext({ signal: AbortSignal.abort(reason) })
    await expect(gate([atLeast('auc', 0.5)]).definition.run(evaluated({ auc: 1 }), context)).rejects.toBe(reason)
  })

  it('hands the signal on to the source of the champion', async () => {
    const context = fixtureContext()
    let received: AbortSignal | undefined
    const source: ChampionSource = {
      label: 'x@champion',
      champion: async (options) => {
        received = options?.signal
        return undefined
      },
    }
    await gate([notWorseThanChampion('auc', source)]).definition.run(evaluated({ auc: 1 }), context)
    expect(received).toBe(context.signal)
  })

  it('takes a gate of a plugin with a state of its own', async () => {
    class Nightly implements Gate {
      readonly name = 'nightly'
      readonly #passes: boolean
      constructor(passes: boolean) {
        this.#passes = passes
      }
      decide(): GateResult {
        return { name: this.name, outcome: this.#passes ? 'passed' : 'failed', reason: 'it says so' }
      }
    }
    expect((await gate([new Nightly(true)]).definition.run(evaluated({}), fixtureContext())).verdict.passed).toBe(true)
    expect((await gate([new Nightly(false)]).definition.run(evaluated({}), fixtureContext())).verdict.passed).toBe(false)
  })

  it('refuses to be without gates, which would pass anything', () => {
    expect(() => gate([])).toThrow(/at least one gate/)
  })
})
