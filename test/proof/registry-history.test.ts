// Row 10 of the fault matrix: what processes see that change and read the same models is checked by a linearizability checker; and the checker, by registries
// that are wrong.
import { describe, expect, test } from 'vitest'
import type { RegistryKind } from './support/broken-registries.ts'
import { describeVerdict } from './support/linearizability.ts'
import { runRegistryHistory } from './support/registry-history.ts'
import { size } from './support/size.ts'
import { temporaryRoot } from './support/temporary-root.ts'

const root = temporaryRoot()
const seeds = size(3, 20)
const shape = { clients: 6, callsEach: size(40, 60), models: ['churn', 'fraud'] }

describe('six processes on one folder', () => {
  test('row 10: alias, delete, get in parallel: linearizable', async () => {
    let calls = 0
    for (let seed = 0; seed < seeds; seed++) {
      const history = await runRegistryHistory({ ...shape, root: `${root()}/${seed}`, seed: `whole ${seed}`, kills: 0, kind: 'sound' })
      expect(describeVerdict(history.verdict)).toMatch(/^linearizable/)
      expect(history.unknown).toBe(0)
      calls += history.calls.length
    }
    console.log(`${seeds} seeds, ${calls} calls: linearizable`)
  })

  test('row 10: alias, delete, get in parallel, and SIGKILL of 3 of the 6: linearizable', async () => {
    let [calls, unknown] = [0, 0]
    for (let seed = 0; seed < seeds; seed++) {
      const history = await runRegistryHistory({ ...shape, root: `${root()}/${seed}`, seed: `killed ${seed}`, kills: 3, kind: 'sound' })
      expect(describeVerdict(history.verdict)).toMatch(/^linearizable/)
      calls += history.calls.length
      unknown += history.unknown
    }
    // Else none was killed in the middle of anything.
    expect(unknown).toBeGreaterThan(0)
    console.log(`${seeds} seeds, 3 of 6 processes killed in each, ${calls} calls, ${unknown} of unknown outcome: linearizable`)
  })
})

describe('the same processes and the same checker find a registry out', () => {
  const attempts = 8

  async function isFoundOut(kind: RegistryKind, kills: number): Promise<boolean> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const options = { ...shape, models: ['churn'], callsEach: 40, root: `${root()}/${attempt}`, seed: `${kind} ${attempt}`, kills, kind }
      const { verdict } = await runRegistryHistory(options)
      if (verdict.linearizable) continue
      console.log(`${kind}: ${describeVerdict(verdict).split('\n').slice(-3).join('; ').slice(0, 600)}`)
      return true
    }
    return false
  }

  test('whose storage looks whether an entry is there and then writes it', async () => {
    expect(await isFoundOut('look-then-write', 0)).toBe(true)
  })
  test('that keeps its aliases in one file that is read and written over', async () => {
    expect(await isFoundOut('overwritten-aliases', 0)).toBe(true)
  })
  test('that answers from what it read a moment ago', async () => {
    expect(await isFoundOut('remembered-alias', 0)).toBe(true)
  })
  test('that acknowledges what is not written yet', async () => {
    expect(await isFoundOut('early-acknowledgement', 3)).toBe(true)
  })
})
