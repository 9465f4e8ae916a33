import type { SegmentWriter } from '../storage/adapter.ts'
import { assertBytes } from '../storage/arguments.ts'

/** Carries a writer's call out, now or later. */
export type ThroughWriter = (
  method: 'append' | 'sync' | 'seal',
  apply: (bytes: Uint8Array) => Promise<void>,
  bytes?: Uint8Array,
) => Promise<void>

/** A writer whose calls go through something that may take time, and still take effect in their order. */
export function orderedWriter(writer: SegmentWriter, through: ThroughWriter): SegmentWriter {
  let last: Promise<void> = Promise.resolve()
  const inOrder = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
  return {
    key: writer.key,
    get sizeBytes(): number {
      return writer.sizeBytes
    },
    append: (bytes) =>
      inOrder(async () => {
        assertBytes(bytes)
        await through('append', (written) => writer.append(written), bytes)
      }),
    sync: () => inOrder(() => through('sync', () => writer.sync())),
    seal: () => inOrder(() => through('seal', () => writer.seal())),
  }
}
