import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FileSystem } from 'millrace/storage/file'
import { expect, test } from 'vitest'
import type { Random } from '../../src/core/random.ts'
import { createRandom } from '../../src/core/random.ts'
import { openRegistry, RegistryHistory } from './support/crash-registry.ts'
import { killedBefore } from './support/crash-store.ts'
import { enumerateCrashes, noneYet } from './support/enumerate-crashes.ts'
import { ModelledFiles } from './support/modelled-files.ts'
import { size } from './support/size.ts'

/** The registry on `FileStorage` when the power goes; the model of that, and its source, are in `support/crash-states.ts`. */
const row3 = 'row 3: power-loss states enumerated: 0 violations'

test(`${row3} in two registrations and two moves of an alias`, async ({ annotate }) => {
  const files = new ModelledFiles()
  const history = new RegistryHistory(files)
  const registry = await openRegistry(files)
  for (const name of ['a', 'b']) await history.setAlias(registry, await history.register(registry, name))
  const result = await enumerateCrashes({
    files,
    from: 0,
    limit: size(8, 256),
    observe: (found) => history.observe(found),
    judge: (found, steps) => history.judge(found, steps),
  })
  await annotate(`${result.states} states, ${result.trees} trees`)
  expect(result.messages).toEqual([])
  expect(result.violations).toBe(0)
  expect(result.states).toBeGreaterThan(size(300, 3000))
})

test(`${row3} in what a second writer was told after the first, with the same package and key, was killed at any moment`, async ({
  annotate,
}) => {
  const result = noneYet()
  const step = size(7, 1)
  let ended = false
  for (let operation = 1; !ended; operation += step) {
    const files = new ModelledFiles()
    const history = new RegistryHistory(files)
    const other = await openRegistry(files)
    const victim = killedBefore(files, operation)
    const work = async (): Promise<string> => {
      const registry = await openRegistry(files, victim.files)
      await history.setAlias(registry, await history.register(registry, 'a'))
      return 'ended'
    }
    ended = (await Promise.race([victim.killed, work()])) === 'ended'
    await history.setAlias(other, await history.register(other, 'a'))
    await enumerateCrashes({
      files,
      from: files.steps.length,
      limit: size(12, 200),
      into: result,
      observe: (found) => history.observe(found),
      judge: (found, steps) => history.judge(found, steps),
    })
  }
  await annotate(`${result.states} states, ${result.trees} trees`)
  expect(result.messages).toEqual([])
  expect(result.violations).toBe(0)
  expect(result.states).toBeGreaterThan(size(50, 3000))
})

test(`${row3} in what two writers do at once, with packages of their own, one in common, and one alias`, async ({ annotate }) => {
  const result = noneYet()
  for (let seed = 1; seed <= size(2, 12); seed++) {
    const files = new ModelledFiles()
    const history = new RegistryHistory(files)
    const writers = [1, 2].map((writer) => openRegistry(files, inUnevenSteps(files, createRandom(seed * 10 + writer))))
    await Promise.all(
      writers.map(async (opening, writer) => {
        const registry = await opening
        for (const name of [`own-${writer}`, 'common']) await history.setAlias(registry, await history.register(registry, name))
      }),
    )
    await enumerateCrashes({
      files,
      from: 0,
      limit: size(4, 64),
      into: result,
      observe: (found) => history.observe(found),
      judge: (found, steps) => history.judge(found, steps),
    })
  }
  await annotate(`${result.states} states, ${result.trees} trees`)
  expect(result.messages).toEqual([])
  expect(result.violations).toBe(0)
  expect(result.states).toBeGreaterThan(size(300, 10_000))
})

/** Each operation waits for a few turns of the event loop first, so that of two writers now one is ahead and now the other. */
function inUnevenSteps(files: ModelledFiles, random: Random): FileSystem {
  return files.filesFor(async () => {
    for (let turn = Math.floor(random.next() * 4); turn > 0; turn--) await nextTurn()
  })
}
