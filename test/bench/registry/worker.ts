// One writer of the registry benchmark: says that it is ready, begins when told to, prints what it did.
import { once } from 'node:events'
import { perform } from './job.ts'
import { openStorage } from './storages.ts'

async function work(): Promise<void> {
  const { storage, job } = JSON.parse(process.argv[2] as string)
  const done = await perform(await openStorage(storage), job, async () => {
    process.stdout.write('ready\n')
    await once(process.stdin, 'data')
  })
  process.stdout.write(`${JSON.stringify(done)}\n`)
  process.stdin.destroy()
}

void work()
