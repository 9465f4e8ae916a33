import { MillraceError } from 'millrace/core'
import type { StageDefinition } from 'millrace/pipeline'
import { Pipeline, Stage } from 'millrace/pipeline'
import type { Portable } from 'millrace/storage'
import { checkStage, stageCases } from 'millrace/testing'
import { describe, expect, it } from 'vitest'

type Rows = { list: number[]; values: Float64Array }
const input: Rows = { list: [3, 1, 2], values: Float64Array.of(1, 2) }
const make = <Output>(run: StageDefinition<Rows, Output>['run'], more: Partial<StageDefinition<Rows, Output>> = {}): Stage<Rows, Output> =>
  new Stage<Rows, Output>({ name: 'trial', version: '1', run, ...more })

async function failuresOf(stage: Stage<Rows, unknown>): Promise<Record<string, string | undefined>> {
  const report = await checkStage(stage, { input, settleMs: 30 })
  expect(report.passed).toBe(report.checks.every(({ passed }) => passed))
  return Object.fromEntries(report.checks.filter(({ passed }) => !passed).map(({ name, reason }) => [name, reason]))
}

const sound = make(async ({ list, values }, { random, clock, signal }) => {
  await clock.sleep(1, signal)
  return { sorted: [...list].sort(), sum: values.reduce((sum, value) => sum + value, 0), draw: random.next() }
})

describe('the stage harness, as a plugin author uses it', () => {
  for (const { name, run } of stageCases(sound, { input })) it(name, run)
})

describe('checkStage', () => {
  it('passes a sound stage and names what it checked', async () => {
    const report = await checkStage(sound, { input })
    expect(report.passed).toBe(true)
    expect(report.checks.map(({ name }) => name)).toEqual([
      'leaves its input as it was',
      'settles after an abort',
      'is deterministic under a seed',
      'has an output that can be stored',
    ])
  })

  it('finds a stage that changes a list of its input', async () => {
    expect(Object.keys(await failuresOf(make(({ list }) => list.sort())))).toContain('leaves its input as it was')
  })

  it('finds a stage that changes the elements of a typed array, which cannot be frozen', async () => {
    expect(Object.keys(await failuresOf(make(({ values }) => values.fill(0).length)))).toEqual(['leaves its input as it was'])
  })

  it('leaves the input that it is given alone', async () => {
    await checkStage(
      make(({ values }) => values.fill(0).length),
      { input },
    )
    expect(input.values).toEqual(Float64Array.of(1, 2))
    expect(Object.isFrozen(input.list)).toBe(false)
  })

  it('finds a stage that does not heed its signal', async () => {
    const failures = await failuresOf(make(() => new Promise((resolve) => setTimeout(() => resolve(1), 100))))
    expect(Object.keys(failures)).toEqual(['settles after an abort'])
    expect(failures['settles after an abort']).toContain('context.signal')
  })

  it('finds a stage that looks at its signal only before it begins', async () => {
    const hasty = make(async ({ list }, { signal }) => {
      signal.throwIfAborted()
      await new Promise((resolve) => setTimeout(resolve, 100))
      return list.length
    })
    expect((await failuresOf(hasty))['settles after an abort']).toContain('aborted while it runs')
  })

  it('finds a stage that rejects with something else than the reason of its signal', async () => {
    const rude = make(({ list }, { signal }) => {
      if (signal.aborted) throw new Error('rude')
      return list.length
    })
    expect((await failuresOf(rude))['settles after an abort']).toContain('"rude" instead of signal.reason')
  })

  it('finds a stage that is not deterministic', async () => {
    let calls = 0
    expect(Object.keys(await failuresOf(make(() => ++calls)))).toEqual(['is deterministic under a seed'])
  })

  it('finds an output that cannot be stored, and says where', async () => {
    const failures = await failuresOf(make(() => ({ table: new Map() })))
    expect(failures['has an output that can be stored']).toContain('$.table')
  })

  it('finds a codec that does not read back what it wrote', async () => {
    const lossy = {
      name: 'lossy',
      version: '1',
      encode: async (value: number) => ({ stored: 0, digest: String(value) }),
      decode: async () => 0,
      blobs: async () => [],
    }
    expect(Object.keys(await failuresOf(make(({ list }) => list.length, { codec: lossy })))).toEqual(['has an output that can be stored'])
  })

  it('finds a stage that throws', async () => {
    const failures = await failuresOf(
      make(() => {
        throw new Error('broken')
      }),
    )
    expect(failures['is deterministic under a seed']).toContain('broken')
  })

  it('uses the portables of the stage, and those it is given for the input', async () => {
    class Plan {
      readonly size: number
      constructor(size: number) {
        this.size = size
      }
    }
    const portable: Portable<Plan> = {
      kind: 'plan',
      matches: (value): value is Plan => value instanceof Plan,
      encode: async (value) => ({ stored: value.size, digest: String(value.size) }),
      decode: async (stored) => new Plan(Number(stored)),
      blobs: async () => [],
    }
    const grow = (portables: readonly Portable[]): Stage<{ plan: Plan }, { plan: Plan }> =>
      new Stage({ name: 'grow', version: '1', portables, run: ({ plan }: { plan: Plan }) => ({ plan: new Plan(plan.size + 1) }) })
    expect((await checkStage(grow([portable]), { input: { plan: new Plan(1) } })).passed).toBe(true)
    expect((await checkStage(grow([]), { input: { plan: new Plan(1) }, portables: [portable] })).passed).toBe(true)
    expect((await checkStage(grow([]), { input: { plan: new Plan(1) } })).checks[0]?.reason).toContain(
      'input given to the harness cannot be stored',
    )
  })

  it('checks a whole pipeline as well', async () => {
    const pipeline = new Pipeline<Rows>('whole')
      .pipe(sound)
      .pipe(new Stage({ name: 'sum', version: '1', run: ({ sum }: { sum: number }) => sum }))
    expect((await checkStage(pipeline, { input })).passed).toBe(true)
  })

  it('throws a typed fault from a case', async () => {
    const [pure] = stageCases(
      make(({ list }) => list.sort()),
      { input },
    )
    const error = await pure?.run().catch((thrown: unknown) => thrown)
    expect(MillraceError.is(error, 'STAGE_CHECK_FAILED') && error.details).toMatchObject({
      stage: 'trial',
      check: 'leaves its input as it was',
    })
  })
})
