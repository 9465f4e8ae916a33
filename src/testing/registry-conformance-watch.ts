import { systemClock } from '../core/clock.ts'
import type { RegistryEvent } from '../model/model-registry.ts'
import { expectReason, expectSame } from './conformance.ts'
import type { RegistryCase, RegistryConformanceOptions } from './registry-case.ts'
import { registerSample, withVersions } from './registry-conformance-tools.ts'

/** A registry that tells nothing fails the case, and does not hang it. */
const patienceMs = 30_000

/** Watching a model. */
export function watchCases(options: RegistryConformanceOptions): readonly RegistryCase[] {
  const { cannot = {}, watchIntervalMs: intervalMs = 20 } = options
  // The watch begins where its first look finds the model.
  const begun = (): Promise<void> => systemClock.sleep(Math.max(200, 10 * intervalMs))
  return [
    {
      name: 'tells whoever watches of versions and of moves of that alias',
      async run(registry) {
        const name = await withVersions(registry, 2)
        await registry.setAlias(name, 'champion', 1)
        const events = registry.watch(name, 'champion', { intervalMs, signal: AbortSignal.timeout(patienceMs) })[Symbol.asyncIterator]()
        let next = events.next()
        await begun()
        const then = async (act: () => Promise<unknown>): Promise<unknown> => {
          await act()
          const event = toldOf((await next).value)
          next = events.next()
          return event
        }
        const set = await then(() => registry.setAlias(name, 'champion', 2, { expectedVersion: 1, reason: 'better', by: 'ann' }))
        expectSame('a move', set, { type: 'alias-moved', alias: 'champion', from: 1, to: 2, reason: 'better', by: 'ann' })
        await registry.setAlias(name, 'shadow', 1)
        await registry.tag(name, 1, { stage: 'review' })
        expectSame('a version', await then(() => registerSample(registry, name, 'c')), { type: 'version-registered', version: 3 })
        const removed = await then(() => registry.removeAlias(name, 'champion'))
        expectSame('a removal', removed, { type: 'alias-moved', alias: 'champion', from: 2, to: null, reason: null, by: null })
        next.catch(() => {})
        await Promise.race([events.return?.(), systemClock.sleep(0)])
      },
    },
    {
      name: 'tells what happened between two looks in its order, once',
      skip: cannot.orderedEvents,
      async run(registry) {
        const name = await withVersions(registry, 1)
        const signal = AbortSignal.timeout(patienceMs)
        const events = registry.watch(name, 'champion', { intervalMs: intervalMs * 10, signal })
        const told: unknown[] = []
        const reading = (async (): Promise<void> => {
          for await (const event of events) {
            told.push(toldOf(event))
            if (told.length === 5) return
          }
        })()
        await begun()
        await registry.setAlias(name, 'champion', 1)
        await registerSample(registry, name, 'b')
        await registry.setAlias(name, 'champion', 2)
        await registry.setAlias(name, 'champion', 1)
        await registerSample(registry, name, 'c')
        await reading
        const move = { type: 'alias-moved', alias: 'champion' }
        expectSame('events', told, [
          { ...move, from: null, to: 1, reason: null, by: null },
          { type: 'version-registered', version: 2 },
          { ...move, from: 1, to: 2, reason: null, by: null },
          { ...move, from: 2, to: 1, reason: null, by: null },
          { type: 'version-registered', version: 3 },
        ])
      },
    },
    {
      name: 'ends a watch with the reason of its abort',
      async run(registry) {
        const name = await withVersions(registry, 1)
        const abort = new AbortController()
        const reason = new Error('enough')
        const next = registry.watch(name, 'champion', { intervalMs, signal: abort.signal })[Symbol.asyncIterator]().next()
        next.catch(() => {})
        await begun()
        abort.abort(reason)
        await expectReason('the next event', () => next, reason)
      },
    },
  ]
}

/** An event without what differs from case to case. */
function toldOf(event: RegistryEvent): unknown {
  if (event.type === 'version-registered') return { type: event.type, version: event.version }
  const { type, alias, from, to, reason, by } = event
  return { type, alias, from, to, reason, by }
}
