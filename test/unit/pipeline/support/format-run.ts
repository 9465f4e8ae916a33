import { deleteRun, openCache, Pipeline } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { FakeClock } from 'millrace/testing'
import { settle } from './instant-clock.ts'
import { deferred, rejectionOf, stage } from './stages.ts'

/** Where each of the stored formats of runs and their cache lies after {@link formatRun}. */
export const storedFormats: Readonly<Record<string, RegExp>> = {
  'journal-entry': /^runs\/failed\/journal\/0000000000000000$/,
  'journal-deletion': /^runs\/gone\/journal\/0000000000000000$/,
  heartbeat: /^runs\/slow\/heartbeat$/,
  record: /^runs\/failed\/record$/,
  output: /^runs\/failed\/outputs\/1\/[0-9a-f]{64}$/,
  open: /^runs-open\/slow\/0000000000000001$/,
  resumable: /^runs-resumable\/failed\/0000000000000001$/,
  'cache-entry': /^cache\/[0-9a-f]{2}\/[0-9a-f]{64}$/,
  'cache-last': /^cache\/last\/[0-9a-f]{64}$/,
  'cache-retired': /^cache-retired\/[0-9a-f]{64}$/,
  'cache-collection': /^cache-collections\/last$/,
}

/** Each deletion of the run `gone` is cut off. */
class CutStorage extends MemoryStorage {
  override delete(...call: Parameters<MemoryStorage['delete']>): Promise<void> {
    return call[0].startsWith('runs/gone/') ? Promise.reject(new Error('cut off')) : super.delete(...call)
  }
}

/** A storage that holds one of each, after a run that failed, one that is under way, one that is deleted in part and a collection. */
export async function formatRun(): Promise<{ readonly storage: MemoryStorage; readonly end: () => Promise<void> }> {
  const clock = new FakeClock()
  const storage = new CutStorage({ clock })
  const old = new Pipeline('old').pipe(stage('old', () => Float64Array.of(1, 2)))
  await old.run({ storage, clock, id: 'old' })
  clock.setNow(clock.now() + 86_400_000)
  const failing = new Pipeline('flow')
    .pipe(
      stage(
        'numbers',
        (_, { metrics, artifact }) => {
          metrics({ loss: 0.5, limit: Number.POSITIVE_INFINITY }, 1)
          artifact({ kind: 'report', name: 'numbers', reference: 'numbers.html' })
          return Float64Array.of(1, 2, 3)
        },
        { parameters: { rate: 2 } },
      ),
    )
    .pipe(stage('send', (value: Float64Array) => ({ sent: value.length }), { effect: true }))
    .pipe(
      stage('end', () => {
        throw new Error('not yet')
      }),
    )
  await rejectionOf(failing.run({ storage, clock, id: 'failed', tags: { by: 'test' }, seed: 3, codeVersion: 'abc' }))
  await new Pipeline('gone').run({ storage, clock, id: 'gone' })
  await rejectionOf(deleteRun(storage, 'gone', { clock }))
  const gate = deferred()
  const slow = new Pipeline('slow').pipe(stage('slow', () => gate.promise)).run({ storage, clock, id: 'slow' })
  await settle()
  await clock.advance(2500)
  await settle()
  clock.setNow(clock.now() + 86_400_000)
  await openCache(storage).collect({ maxAgeMs: 86_400_000 + 10_000 })
  return {
    storage,
    end: async () => {
      gate.resolve()
      await slow
    },
  }
}
