import type { ModelVersion } from '../model/model-registry.ts'
import { expectSame, expectThat } from './conformance.ts'
import type { RegistryCase } from './registry-case.ts'
import { newModelName, registerSample, withVersions } from './registry-conformance-tools.ts'

/** What people say of versions, and how versions are listed, found, compared and shown. */
export const queryCases: readonly RegistryCase[] = [
  {
    name: 'lists versions behind a number, as many as asked, of those that pass a filter',
    async run(registry) {
      const name = await withVersions(registry, 6)
      const numbers = async (options: Parameters<typeof registry.versions>[1]): Promise<readonly number[]> =>
        numbersOf(registry.versions(name, options))
      expectSame('all', await numbers({}), [1, 2, 3, 4, 5, 6])
      expectSame('after 4', await numbers({ after: 4 }), [5, 6])
      expectSame('after 6', await numbers({ after: 6 }), [])
      expectSame('two', await numbers({ limit: 2 }), [1, 2])
      expectSame('none', await numbers({ limit: 0 }), [])
      const filter = ({ version }: ModelVersion): boolean => version % 2 === 0
      expectSame('even', await numbers({ filter }), [2, 4, 6])
      expectSame('the limit counts those that pass', await numbers({ filter, limit: 2, after: 2 }), [4, 6])
    },
  },
  {
    name: 'lists the names of models, sorted, each once',
    async run(registry) {
      const names = [await withVersions(registry, 2), await withVersions(registry, 1)]
      const all: string[] = []
      for await (const name of registry.models()) all.push(name)
      expectSame('sorted, each once', all, [...new Set(all)].sort())
      for (const name of names) expectThat(`the name ${name}`, all.includes(name), 'among them', 'not among them')
    },
  },
  {
    name: 'sets and takes off tags by name, and describes',
    async run(registry) {
      const name = await withVersions(registry, 2)
      const tagged = await registry.tag(name, 2, { stage: 'review', owner: 'ann' })
      expectSame('answer', sortedEntries(tagged.tags), [
        ['owner', 'ann'],
        ['stage', 'review'],
      ])
      expectSame('description', (await registry.describe(name, 2, 'Better on late flights.')).description, 'Better on late flights.')
      await registry.tag(name, 2, { stage: 'approved', owner: null, missing: null })
      const read = await registry.version(name, 2)
      expectSame('tags', read.tags, { stage: 'approved' })
      expectSame('described', read.description, 'Better on late flights.')
      expectSame('of the other', (await registry.version(name, 1)).tags, {})
      await registry.describe(name, 2, '')
      expectSame('no description', (await registry.version(name, 2)).description, '')
      const listed: unknown[] = []
      for await (const { tags } of registry.versions(name)) listed.push(tags)
      expectSame('listed', listed, [{}, { stage: 'approved' }])
    },
  },
  {
    name: 'finds versions by figures, tags and lineage',
    async run(registry) {
      const [name, other] = [newModelName(), newModelName()]
      await registerSample(registry, name, 'a', { metrics: { auc: 0.7 }, parameters: { epochs: 5, units: [64] } })
      await registerSample(registry, name, 'b', { metrics: { auc: 0.8, 'log-loss': 0.4 }, parameters: { epochs: 9, units: [64] } })
      await registerSample(registry, name, 'c', { metrics: { auc: 0.9 }, parameters: { epochs: 9, units: [8] } })
      await registerSample(registry, other, 'd', { metrics: { auc: 0.85 }, parameters: { epochs: 5 } })
      await registry.tag(name, 1, { stage: 'approved', [name]: 'x' })
      await registry.tag(name, 3, { stage: 'review', [name]: 'y' })
      const find = async (query: Parameters<typeof registry.search>[0]): Promise<readonly number[]> =>
        numbersOf(registry.search({ name, ...query }))
      expectSame('all', await find({}), [1, 2, 3])
      expectSame('at least', await find({ metrics: { auc: { atLeast: 0.8 } } }), [2, 3])
      expectSame('at most', await find({ metrics: { auc: { atMost: 0.8 } } }), [1, 2])
      expectSame('between', await find({ metrics: { auc: { atLeast: 0.75, atMost: 0.85 } } }), [2])
      expectSame('a figure that few have', await find({ metrics: { 'log-loss': {} } }), [2])
      expectSame('a tag', await find({ tags: { stage: 'review' } }), [3])
      expectSame('any value of a tag', await find({ tags: { stage: null } }), [1, 3])
      expectSame('a parameter', await find({ lineage: { 'parameters.epochs': 9 } }), [2, 3])
      expectSame('a list', await find({ lineage: { 'parameters.units': [64] } }), [1, 2])
      expectSame('a run', await find({ lineage: { runId: 'run-b' } }), [2])
      expectSame('all of it', await find({ lineage: { 'parameters.epochs': 9 }, metrics: { auc: { atLeast: 0.85 } } }), [3])
      expectSame('no such path', await find({ lineage: { 'parameters.missing': null } }), [])
      expectSame('the first', await find({ metrics: { auc: { atLeast: 0.8 } }, limit: 1 }), [2])
      const everywhere: string[] = []
      for await (const { name: model, version } of registry.search({ tags: { [name]: null } })) everywhere.push(`${model} ${version}`)
      expectSame('in all models', everywhere, [`${name} 1`, `${name} 3`])
    },
  },
  {
    name: 'says where two versions differ, and nothing where they do not',
    async run(registry) {
      const name = newModelName()
      const column = { name: 'distance', kind: 'number', nullable: false } as const
      await registerSample(registry, name, 'a', { metrics: { auc: 0.5, 'log-loss': 1 }, parameters: { epochs: 5, units: [8] } })
      await registerSample(registry, name, 'b', {
        metrics: { auc: 0.75, brier: 0.25 },
        parameters: { epochs: 9, units: [8] },
        inputs: [
          { ...column, nullable: true },
          { ...column, name: 'origin', kind: 'text' },
        ],
      })
      await registerSample(registry, name, 'a', { metrics: { auc: 0.5, 'log-loss': 1 }, parameters: { epochs: 5, units: [8] } })
      await registry.tag(name, 1, { stage: 'review', same: 'x' })
      await registry.tag(name, 2, { same: 'x' })
      const { metrics, lineage, inputs, tags, sameModel, versions } = await registry.compare(name, 1, 2)
      expectSame('versions', versions, [1, 2])
      expectSame('metrics', sortedEntries(metrics), [
        ['auc', { left: 0.5, right: 0.75, change: 0.25 }],
        ['brier', { left: null, right: 0.25, change: null }],
        ['log-loss', { left: 1, right: null, change: null }],
      ])
      expectSame('a parameter', lineage['parameters.epochs'], { left: 5, right: 9 })
      expectSame('what is equal', Object.hasOwn(lineage, 'parameters.units'), false)
      expectSame('inputs', inputs, [
        { name: 'distance', left: 'number', right: 'number or null' },
        { name: 'origin', left: null, right: 'text' },
      ])
      expectSame('tags', tags, { stage: { left: 'review', right: null } })
      expectSame('sameModel', sameModel, false)
      const equal = await registry.compare(name, 1, 1)
      expectSame('with itself', [equal.metrics, equal.lineage, equal.inputs, equal.tags, equal.sameModel], [{}, {}, [], {}, true])
      expectSame('the same model again', (await registry.compare(name, 1, 3)).sameModel, true)
    },
  },
  {
    name: 'writes a card that tells the figures and lets nobody put markup into it',
    async run(registry) {
      const name = newModelName()
      await registerSample(registry, name, 'a', { metrics: { auc: 0.8125 } })
      await registry.describe(name, 1, 'Good <script>alert(1)</script> | [link](javascript:alert(1))\n\n# not a heading')
      const card = await registry.modelCard(name, 1)
      for (const part of ['0.8125', 'distance', 'late', 'version 1'])
        expectThat(`the card to hold "${part}"`, card.includes(part), 'it does', card)
      for (const part of ['<script>', '[link](', '\n# not'])
        expectThat(`the card not to hold "${part}"`, !card.includes(part), 'it does not', card)
    },
  },
]

async function numbersOf(versions: AsyncIterable<ModelVersion>): Promise<readonly number[]> {
  const numbers: number[] = []
  for await (const { version } of versions) numbers.push(version)
  return numbers
}

function sortedEntries<Value>(values: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] {
  return Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1))
}
