// One writer of the registry benchmark in a tab: what worker.ts is in Node.
import { MemoryStorage } from 'millrace/storage'
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import { fill } from './fill.ts'
import type { Done, Job } from './job.ts'
import { perform } from './job.ts'

export interface BenchTab {
  fill(database: string, model: string, versions: number): Promise<void>
  /** Warmed up, waits for all tabs of the race. */
  work(database: string, job: Job, writers: number): Promise<Done>
}

declare global {
  var benchTab: BenchTab
}

globalThis.benchTab = {
  async fill(database, model, versions) {
    await fill(await IndexedDbStorage.open(database), model, versions, new MemoryStorage())
  },
  async work(database, job, writers) {
    return perform(await IndexedDbStorage.open(database), job, () => meet(writers))
  },
}

async function meet(writers: number): Promise<void> {
  const channel = new BroadcastChannel('meet')
  const name = crypto.randomUUID()
  const heard = new Set<string>([name])
  channel.onmessage = ({ data }) => heard.add(String(data))
  while (heard.size < writers) {
    channel.postMessage(name)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  channel.postMessage(name)
  setTimeout(() => channel.close(), 1_000)
}
