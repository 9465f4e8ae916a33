import fc from 'fast-check'
import type { Clock } from '../../../src/core/clock.ts'
import { canonicalJson } from '../../../src/core/json.ts'
import { createRandom } from '../../../src/core/random.ts'
import { Registry } from '../../../src/registry/registry.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import type { StorageFault } from '../../../src/testing/fault-plan.ts'
import { failRandomly } from '../../../src/testing/fault-plan.ts'
import { FaultyStorage } from '../../../src/testing/faulty-storage.ts'
import { collect, packageNamed } from '../../unit/registry/registry-fixtures.ts'
import type { HistoryEvent } from './linearizability.ts'
import { callsOf, checkLinearizability, describeVerdict } from './linearizability.ts'
import type { Outcome } from './registry-operations.ts'
import { acknowledgedVersions, perform, shortDigest } from './registry-operations.ts'
import type { ModelState, RegistryInput, RegistryOutput } from './registry-specification.ts'
import { registrySpecification } from './registry-specification.ts'

const model = 'm'
const aliases = ['a', 'b']
const aliasName = fc.constantFrom(...aliases)
const version = fc.integer({ min: 1, max: 5 })
const expected = fc.option(fc.nat(4), { nil: null, freq: 2 })

/** Any question or change; which package a registration brings is said when it is made. */
const anyInput: fc.Arbitrary<RegistryInput> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      model: fc.constant(model),
      do: fc.constant('register' as const),
      digest: fc.constant(''),
      key: fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: null }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('set-alias' as const), alias: aliasName, version, expected }),
  },
  { weight: 2, arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('rollback' as const), alias: aliasName, expected }) },
  { weight: 1, arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('remove-alias' as const), alias: aliasName, expected }) },
  { weight: 2, arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('delete-version' as const), version }) },
  { weight: 2, arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('alias' as const), alias: aliasName }) },
  { weight: 1, arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('version' as const), version }) },
  { weight: 1, arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('aliases' as const) }) },
  { weight: 1, arbitrary: fc.record({ model: fc.constant(model), do: fc.constant('collect' as const) }) },
)

function registryOver(storage: StorageAdapter, seed: number | string): Registry {
  const clock: Clock = { now: () => 0, monotonicMs: () => 0, sleep: async () => {} }
  return new Registry({ storage, random: createRandom(seed), clock })
}

/** Asks, a registration with the package of that name. */
function ask(
  registry: Registry,
  asked: RegistryInput,
  name: string,
): { readonly input: RegistryInput; readonly outcome: Promise<Outcome> } {
  const modelPackage = packageNamed(name)
  const input = asked.do === 'register' ? { ...asked, digest: shortDigest(modelPackage.manifestDigest) } : asked
  return { input, outcome: perform(registry, input, () => modelPackage) }
}

// One caller after the other: each answer must be the specification's.

interface Told {
  state: ModelState
  count: number
}
interface Real {
  readonly storage: StorageAdapter
  registry: Registry
}
type Command = fc.AsyncCommand<Told, Real>

class Ask implements Command {
  readonly asked: RegistryInput
  constructor(asked: RegistryInput) {
    this.asked = asked
  }
  check = (): boolean => true
  async run(told: Told, { registry }: Real): Promise<void> {
    told.count++
    const { input, outcome } = ask(registry, this.asked, `p${told.count}`)
    const { state, output } = registrySpecification.apply(told.state, input)
    told.state = state
    assertSame(await outcome, { type: 'ok', output })
  }
  toString = (): string => JSON.stringify(this.asked)
}

/** Another process takes over. */
class Restart implements Command {
  check = (): boolean => true
  async run(told: Told, real: Real): Promise<void> {
    real.registry = registryOver(real.storage, told.count)
  }
  toString = (): string => 'restart'
}

/** All that can be read is what the specification says. */
class Look implements Command {
  check = (): boolean => true
  async run({ state }: Told, { registry }: Real): Promise<void> {
    const there = state.digests
      .map((digest, index) => ({ version: index + 1, digest }))
      .filter((each) => !state.deleted.includes(each.version))
    const versions = await collect(registry.versions(model))
    assertSame(
      versions.map((each) => ({ version: each.version, digest: shortDigest(each.manifestDigest) })),
      there,
    )
    for (const alias of aliases) assertSame((await registry.alias(model, alias))?.version, state.aliases[alias]?.at(-1))
    for (const each of versions) await registry.load(model, each.version)
    const registered = (await collect(registry.history(model))).filter(({ operation }) => operation.type === 'register')
    assertSame(registered.length, state.digests.length)
  }
  toString = (): string => 'look'
}

/** Any sequence of commands is answered as the specification answers it, whoever takes over in between. */
export async function answersAsSpecified(
  openStorage: () => Promise<StorageAdapter>,
  options: { readonly runs: number; readonly maxCommands: number },
): Promise<void> {
  const commands = fc.commands(
    [anyInput.map((input) => new Ask(input)), anyInput.map((input) => new Ask(input)), fc.constant(new Restart()), fc.constant(new Look())],
    { maxCommands: options.maxCommands, size: 'max' },
  )
  const property = fc.asyncProperty(commands, async (sequence) => {
    const storage = await openStorage()
    const setup = () => ({
      model: { state: registrySpecification.initial, count: 0 },
      real: { storage, registry: registryOver(storage, 'first') },
    })
    await fc.asyncModelRun(setup, sequence)
  })
  await fc.assert(property, { numRuns: options.runs })
}

// Several callers at once, in an order that the scheduler makes up: what all of them saw must be linearizable.

/** Each operation waits for its turn before it is done and again before its answer is given. */
function scheduled(storage: StorageAdapter, scheduler: fc.Scheduler, client: string): StorageAdapter {
  const turn = async <Result>(label: string, work: () => Promise<Result>): Promise<Result> => {
    await scheduler.schedule(Promise.resolve(), `${client}: ${label}`)
    const settled = await Promise.allSettled([work()])
    await scheduler.schedule(Promise.resolve(), `${client}: answer of ${label}`)
    const [result] = settled
    if (result.status === 'rejected') throw result.reason
    return result.value
  }
  return {
    name: storage.name,
    capabilities: storage.capabilities,
    get: (key, options) => turn(`get ${key}`, () => storage.get(key, options)),
    putIfAbsent: (key, bytes, options) => turn(`create ${key}`, () => storage.putIfAbsent(key, bytes, options)),
    put: (key, bytes, options) => turn(`put ${key}`, () => storage.put(key, bytes, options)),
    delete: (key, options) => turn(`delete ${key}`, () => storage.delete(key, options)),
    list: (prefix, options) => storage.list(prefix, options),
  }
}

const faults: readonly StorageFault[] = ['refused', 'no-space', 'request-lost', 'reply-lost', { fault: 'late', delayMs: 1 }]

/** Enough for a rollback and for a deletion to find something. */
const preparation: readonly RegistryInput[] = [
  { model, do: 'register', digest: '', key: 'k1' },
  { model, do: 'register', digest: '', key: null },
  { model, do: 'register', digest: '', key: null },
  { model, do: 'set-alias', alias: 'a', version: 1, expected: null },
  { model, do: 'set-alias', alias: 'a', version: 2, expected: null },
]

/** What several registries over one storage answer can be put in one order, also when storage fails; and what was acknowledged is there afterwards. */
export async function isLinearizableInAnyOrder(
  openStorage: () => Promise<StorageAdapter>,
  options: {
    readonly runs: number
    readonly clients: number
    readonly callsEach: number
    /** Of an operation of the storage to fail, in one of all ways. */
    readonly faults: number
    /** What stands between the registries and the storage, such as a mistake. */
    readonly over?: (storage: StorageAdapter) => StorageAdapter
  },
): Promise<{ readonly calls: number; readonly unknown: number; readonly failed: number }> {
  const counts = { calls: 0, unknown: 0, failed: 0 }
  const programs = fc.array(fc.array(anyInput, { minLength: 1, maxLength: options.callsEach }), {
    minLength: 2,
    maxLength: options.clients,
  })
  const property = fc.asyncProperty(fc.scheduler(), programs, fc.nat(), fc.boolean(), async (scheduler, inputs, seed, isPrepared) => {
    const storage = await openStorage()
    const events: HistoryEvent<RegistryInput, RegistryOutput>[] = []
    let time = 0
    const play = async (client: string, registry: Registry, program: readonly RegistryInput[]): Promise<void> => {
      for (const [index, asked] of program.entries()) {
        const begun = ++time
        const { input, outcome } = ask(registry, asked, `${client}-${index}`)
        events.push({ type: 'invoke', client, time: begun, input })
        const answer = await outcome
        const at = { client, time: ++time }
        events.push(answer.type === 'ok' ? { type: 'ok', output: answer.output, ...at } : { type: answer.type, ...at })
        if (answer.type === 'fail') counts.failed++
        if (answer.type === 'info') counts.unknown++
      }
    }
    if (isPrepared) await play('before', registryOver(storage, 'before'), preparation)
    const players = inputs.map((program, index) => {
      const client = `client-${index}`
      const turns = scheduled(storage, scheduler, client)
      const slow = options.over === undefined ? turns : options.over(turns)
      const plan = failRandomly({ seed: `${seed} ${client}`, probability: options.faults, faults })
      const clock: Clock = { now: () => 0, monotonicMs: () => 0, sleep: () => scheduler.schedule(Promise.resolve(), `${client}: later`) }
      return play(
        client,
        registryOver(options.faults === 0 ? slow : new FaultyStorage(slow, plan, { clock }), `${seed} ${client}`),
        program,
      )
    })
    await scheduler.waitFor(Promise.all(players))
    // What is on its way arrives.
    await scheduler.waitIdle()
    // One that comes later, and whose storage works.
    const questions: RegistryInput[] = [
      { model, do: 'aliases' },
      ...Array.from(
        { length: preparation.length + inputs.flat().length },
        (_, index) => ({ model, do: 'version', version: index + 1 }) as const,
      ),
    ]
    const afterwards = registryOver(storage, 'afterwards')
    await play('afterwards', afterwards, questions)
    // Every blob of what was acknowledged, whatever was collected meanwhile. Of what was not, blobs may be gone.
    const acknowledged = acknowledgedVersions(callsOf(events), model)
    for await (const each of afterwards.versions(model)) if (acknowledged.has(each.version)) await afterwards.load(model, each.version)
    const calls = callsOf(events)
    counts.calls += calls.length
    const verdict = checkLinearizability(registrySpecification, calls)
    if (!verdict.linearizable) throw new Error(describeVerdict(verdict))
  })
  await fc.assert(property, { numRuns: options.runs })
  return counts
}

function assertSame(received: unknown, wanted: unknown): void {
  const [left, right] = [canonicalJson(received ?? null), canonicalJson(wanted ?? null)]
  if (left !== right) throw new Error(`Expected ${right}. Received ${left}.`)
}
